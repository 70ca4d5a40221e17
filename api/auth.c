/* The cache is keyed by the key's own text, compared in full: a hit costs no SHA-256, and the text
 * is no more secret in this memory than in the request that brought it. Only texts with a key's
 * form get that far. What the database did not know is remembered for a second, so that guessing
 * does not become load. Both maps are bounded by emptying them, which costs a lookup a key. */
#include "api/auth.h"

#include "api/reply.h"
#include "api/settings.h"
#include "base/alloc.h"
#include "base/map.h"

#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

#define KNOWN_MAX 65536
#define UNKNOWN_MAX 4096
#define UNKNOWN_NS 1000000000ULL

typedef struct entry {
    kal_caller caller;
    int64_t expires_ms; /* real time; INT64_MAX: never */
} entry;

struct kal_auth {
    kal_strmap known;    /* key text to entry */
    kal_strmap unknown;  /* key text to the time it was asked, as a pointer-sized box */
    unsigned generation; /* of api->tenants_changed */
};

static void empty(kal_strmap *map)
{
    size_t at = 0;
    kal_str key;
    void *value;

    while (kal_strmap_next(map, &at, &key, &value))
        kal_free(value);
    kal_strmap_deinit(map);
}

kal_auth *kal_auth_new(void)
{
    return kal_calloc(1, sizeof(kal_auth));
}

void kal_auth_free(kal_auth *auth)
{
    if (!auth)
        return;
    empty(&auth->known);
    empty(&auth->unknown);
    kal_free(auth);
}

void kal_auth_forget(kal_auth *auth, kal_uuid tenant)
{
    kal_strmap kept = {0};
    size_t at = 0;
    kal_str key;
    void *value;

    while (kal_strmap_next(&auth->known, &at, &key, &value)) {
        if (kal_uuid_eq(((entry *)value)->caller.tenant, tenant))
            kal_free(value);
        else
            kal_strmap_put(&kept, key, value);
    }
    kal_strmap_deinit(&auth->known);
    auth->known = kept;
    empty(&auth->unknown);
}

/* The token of "Bearer <token>"; p NULL when there is none. */
static kal_str bearer(const kal_request *request)
{
    kal_str value = kal_request_header(request, H2O_TOKEN_AUTHORIZATION);

    if (!value.p || value.n < 7 || strncasecmp(value.p, "bearer ", 7) != 0)
        return (kal_str){NULL, 0};
    value.p += 7;
    value.n -= 7;
    while (value.n && *value.p == ' ') {
        value.p++;
        value.n--;
    }
    return value;
}

static void remember(kal_strmap *map, size_t most, kal_str key, const void *data, size_t size)
{
    if (map->len >= most)
        empty(map);
    void *copy = kal_alloc(size);
    memcpy(copy, data, size);
    kal_free(kal_strmap_put(map, key, copy));
}

typedef struct lookup {
    void (*then)(kal_request *request);
    unsigned generation; /* when asked: an answer that a change has overtaken is not kept */
    char key[KAL_KEY_TEXT];
} lookup;

static void on_row(kal_request *request, const kal_pg_reply *reply)
{
    kal_auth *auth = request->thread->auth;
    lookup l = *(lookup *)request->state;
    kal_str key = {l.key, sizeof(l.key)};

    kal_free(request->state);
    request->state = NULL;
    if (kal_reply_failed(request, reply))
        return;
    const kal_pg_rows *rows = reply->rows[0];
    if (kal_pg_count(rows) == 0) {
        uint64_t now = kal_clock_mono_ns();
        remember(&auth->unknown, UNKNOWN_MAX, key, &now, sizeof(now));
        kal_reply_error(request, KAL_ERR_INVALID_API_KEY, NULL);
        return;
    }
    entry e = {.expires_ms = kal_pg_null(rows, 0, 3) ? INT64_MAX : kal_pg_time(rows, 0, 3)};
    e.caller.tenant = kal_pg_uuid(rows, 0, 0);
    e.caller.key = kal_pg_uuid(rows, 0, 1);
    e.caller.role = kal_role_parse(kal_pg_str(rows, 0, 2));
    memcpy(e.caller.rates, request->thread->api->rates, sizeof(e.caller.rates));
    kal_settings_rates(kal_pg_str(rows, 0, 4), e.caller.rates);
    if (l.generation == atomic_load(&request->thread->api->tenants_changed))
        remember(&auth->known, KNOWN_MAX, key, &e, sizeof(e));
    if (e.expires_ms <= kal_clock_real_ms()) {
        kal_reply_error(request, KAL_ERR_INVALID_API_KEY, NULL);
        return;
    }
    request->caller = e.caller;
    if (request->http)
        l.then(request);
}

static void ask(kal_request *request, kal_str key, void (*then)(kal_request *request))
{
    uint8_t hash[KAL_KEY_HASH];
    lookup *l = kal_alloc(sizeof(*l));
    kal_pg_call *call = kal_pg_call_new();
    kal_args *args = kal_args_new();

    l->then = then;
    l->generation = request->thread->auth->generation;
    memcpy(l->key, key.p, sizeof(l->key));
    request->state = l;
    kal_key_hash(key, hash);
    kal_args_add(args, kal_v_str(KAL_BYTEA, (kal_str){(const char *)hash, sizeof(hash)}));
    kal_pg_call_add(call, KAL_SQL_API_KEY_FIND, args);
    kal_request_send(request, kal_engine_writes(request->thread->engine), call, on_row);
}

void kal_auth_check(kal_request *request, void (*then)(kal_request *request))
{
    kal_auth *auth = request->thread->auth;
    unsigned generation =
        atomic_load_explicit(&request->thread->api->tenants_changed, memory_order_acquire);
    kal_str key = bearer(request);

    if (generation != auth->generation) {
        empty(&auth->known);
        empty(&auth->unknown);
        auth->generation = generation;
    }
    if (!key.p || !kal_key_formed(key)) {
        kal_reply_error(request, KAL_ERR_INVALID_API_KEY, NULL);
        return;
    }
    const entry *e = kal_strmap_get(&auth->known, key);
    const uint64_t *asked = e ? NULL : kal_strmap_get(&auth->unknown, key);
    if (e && e->expires_ms > kal_clock_real_ms()) {
        request->caller = e->caller;
        then(request);
    } else if (e || (asked && kal_clock_mono_ns() - *asked < UNKNOWN_NS)) {
        kal_reply_error(request, KAL_ERR_INVALID_API_KEY, NULL);
    } else {
        ask(request, key, then);
    }
}

bool kal_auth_operator(kal_request *request)
{
    kal_str want = kal_str_of(kal_config_text(request->thread->api->config, "KALCIFER_ADMIN_KEY"));
    kal_str got = bearer(request);

    if (want.n == 0) {
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
        return false;
    }
    if (got.p && got.n == want.n && CRYPTO_memcmp(got.p, want.p, want.n) == 0)
        return true;
    kal_reply_error(request, KAL_ERR_INVALID_API_KEY, NULL);
    return false;
}
