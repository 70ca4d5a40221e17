/* The cache is keyed by the key's own text, compared in full: a hit costs no SHA-256, and the text
 * is no more secret in this memory than in the request that brought it. Only texts with a key's
 * form get that far. What the database did not know is remembered for a second, so that guessing
 * does not become load; so are tokens (JWT). The maps are bounded by emptying them, which costs a
 * lookup a key. */
#include "api/auth.h"

#include "api/reply.h"
#include "api/settings.h"
#include "base/alloc.h"
#include "base/log.h"
#include "base/map.h"
#include "store/pool.h"

#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

#define KNOWN_MAX 65536
#define UNKNOWN_MAX 4096
#define UNKNOWN_NS 1000000000ULL
#define TOKENS_MAX 4096 /* of up to 2 KB */
#define USED_EVERY_MS 60000

typedef struct entry {
    kal_caller caller;
    int64_t expires_ms; /* real time; INT64_MAX: never */
    int64_t used_ms;    /* of a key: its last use that was recorded */
    char subject[];     /* of a token */
} entry;

struct kal_auth {
    kal_strmap known;    /* key text to entry */
    kal_strmap tokens;   /* token text to entry */
    kal_strmap unknown;  /* key or token to the time it was asked, as a pointer-sized box */
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
    empty(&auth->tokens);
    empty(&auth->unknown);
    kal_free(auth);
}

static void drop(kal_strmap *map, kal_uuid tenant)
{
    kal_strmap kept = {0};
    size_t at = 0;
    kal_str key;
    void *value;

    while (kal_strmap_next(map, &at, &key, &value)) {
        if (kal_uuid_eq(((entry *)value)->caller.tenant, tenant))
            kal_free(value);
        else
            kal_strmap_put(&kept, key, value);
    }
    kal_strmap_deinit(map);
    *map = kept;
}

void kal_auth_forget(kal_auth *auth, kal_uuid tenant)
{
    drop(&auth->known, tenant);
    drop(&auth->tokens, tenant);
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

/* ---- a key's uses ---- */

static void on_used(void *data, const kal_pg_reply *reply)
{
    (void)data;
    if (reply->err)
        kal_log(KAL_LOG_WARN, "key_use_not_recorded", "error", reply->message, NULL);
}

/* Records it by the way, at most once a minute. */
static void note_use(const kal_request *request, entry *e, int64_t now_ms)
{
    if (now_ms - e->used_ms < USED_EVERY_MS)
        return;
    e->used_ms = now_ms;
    kal_pg_call *call = kal_pg_call_new();
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_uuid(e->caller.key));
    kal_args_add(args, kal_v_time(now_ms));
    kal_pg_call_add(call, KAL_SQL_API_KEY_USED, args);
    kal_pool_send(kal_engine_writes(request->thread->engine), call, on_used, NULL);
}

/* ---- what the database knows ---- */

typedef struct lookup {
    void (*then)(kal_request *request);
    unsigned generation; /* when asked: an answer that a change has overtaken is not kept */
    kal_jwt *jwt;        /* NULL: it is a key */
    size_t n;
    char text[];
} lookup;

static void refuse_unknown(kal_request *request, kal_str text)
{
    uint64_t now = kal_clock_mono_ns();

    remember(&request->thread->auth->unknown, UNKNOWN_MAX, text, &now, sizeof(now));
    kal_reply_error(request, KAL_ERR_INVALID_API_KEY, NULL);
}

static bool is_fresh(const kal_request *request, const lookup *l)
{
    return l->generation == atomic_load(&request->thread->api->tenants_changed);
}

static void set_rates(const kal_request *request, kal_caller *caller, kal_str settings)
{
    memcpy(caller->rates, request->thread->api->rates, sizeof(caller->rates));
    kal_settings_rates(settings, caller->rates);
}

static void on_key(kal_request *request, const lookup *l, const kal_pg_rows *rows)
{
    kal_str text = {l->text, l->n};
    int64_t now_ms = kal_clock_real_ms();

    if (kal_pg_count(rows) == 0) {
        refuse_unknown(request, text);
        return;
    }
    entry e = {.expires_ms = kal_pg_null(rows, 0, 3) ? INT64_MAX : kal_pg_time(rows, 0, 3)};
    e.caller.tenant = kal_pg_uuid(rows, 0, 0);
    e.caller.key = kal_pg_uuid(rows, 0, 1);
    e.caller.role = kal_role_parse(kal_pg_str(rows, 0, 2));
    e.used_ms = kal_pg_time(rows, 0, 5);
    set_rates(request, &e.caller, kal_pg_str(rows, 0, 4));
    if (e.expires_ms > now_ms)
        note_use(request, &e, now_ms);
    if (is_fresh(request, l))
        remember(&request->thread->auth->known, KNOWN_MAX, text, &e, sizeof(e));
    if (e.expires_ms <= now_ms)
        kal_reply_error(request, KAL_ERR_INVALID_API_KEY, NULL);
    else
        request->caller = e.caller;
}

static void call_as(kal_request *request, const entry *e)
{
    request->caller = e->caller;
    request->subject = kal_strdup(e->subject);
    request->caller.subject = request->subject;
}

/* Rows: the tenant's secret and settings. The operator's signature was checked before. */
static void on_token(kal_request *request, const lookup *l, const kal_pg_rows *rows)
{
    kal_str text = {l->text, l->n};
    bool known = kal_pg_count(rows) == 1;

    if (known && l->jwt->alg == KAL_JWT_HS256) {
        kal_jwt_key *key = kal_jwt_key_secret(kal_pg_str(rows, 0, 0));
        known = kal_jwt_signed(l->jwt, key);
        kal_jwt_key_free(key);
    }
    if (!known) {
        refuse_unknown(request, text);
        return;
    }
    size_t size = sizeof(entry) + strlen(l->jwt->subject) + 1;
    entry *e = kal_calloc(1, size);
    e->expires_ms = l->jwt->until_ms;
    e->caller.tenant = l->jwt->tenant;
    e->caller.role = l->jwt->role;
    set_rates(request, &e->caller, kal_pg_str(rows, 0, 1));
    memcpy(e->subject, l->jwt->subject, strlen(l->jwt->subject));
    call_as(request, e);
    if (is_fresh(request, l))
        remember(&request->thread->auth->tokens, TOKENS_MAX, text, e, size);
    kal_free(e);
}

static void on_row(kal_request *request, const kal_pg_reply *reply)
{
    lookup *l = request->state;

    request->state = NULL;
    if (!kal_reply_failed(request, reply)) {
        if (l->jwt)
            on_token(request, l, reply->rows[0]);
        else
            on_key(request, l, reply->rows[0]);
        if (request->caller.role && request->http)
            l->then(request);
    }
    kal_jwt_free(l->jwt);
    kal_free(l);
}

/* Takes over the token, NULL for a key. */
static void ask(kal_request *request, kal_str text, kal_jwt *jwt,
                void (*then)(kal_request *request))
{
    uint8_t hash[KAL_KEY_HASH];
    lookup *l = kal_alloc(sizeof(*l) + text.n);
    kal_pg_call *call = kal_pg_call_new();

    *l = (lookup){then, request->thread->auth->generation, jwt, text.n};
    memcpy(l->text, text.p, text.n);
    request->state = l;
    if (jwt) {
        kal_pg_call_add_one(call, KAL_SQL_API_TENANT_TOKEN, kal_v_uuid(jwt->tenant));
    } else {
        kal_key_hash(text, hash);
        kal_pg_call_add_one(call, KAL_SQL_API_KEY_FIND,
                            kal_v_str(KAL_BYTEA, (kal_str){(const char *)hash, sizeof(hash)}));
    }
    kal_request_send(request, kal_engine_writes(request->thread->engine), call, on_row);
}

/* ---- checking ---- */

static bool was_unknown(const kal_auth *auth, kal_str text)
{
    const uint64_t *asked = kal_strmap_get(&auth->unknown, text);

    return asked && kal_clock_mono_ns() - *asked < UNKNOWN_NS;
}

static void check_token(kal_request *request, kal_str text, void (*then)(kal_request *request))
{
    kal_auth *auth = request->thread->auth;
    int64_t now_ms = kal_clock_real_ms();
    const entry *e = kal_strmap_get(&auth->tokens, text);

    if (e && e->expires_ms > now_ms) {
        call_as(request, e);
        then(request);
        return;
    }
    kal_jwt *jwt = e || was_unknown(auth, text) ? NULL : kal_jwt_parse(text);
    if (jwt && jwt->from_ms <= now_ms && jwt->until_ms > now_ms &&
        (jwt->alg == KAL_JWT_HS256 || kal_jwt_signed(jwt, request->thread->api->jwt_key))) {
        ask(request, text, jwt, then);
        return;
    }
    kal_jwt_free(jwt);
    kal_reply_error(request, KAL_ERR_INVALID_API_KEY, NULL);
}

static void check_key(kal_request *request, kal_str text, void (*then)(kal_request *request))
{
    kal_auth *auth = request->thread->auth;
    int64_t now_ms = kal_clock_real_ms();
    entry *e = kal_strmap_get(&auth->known, text);

    if (e && e->expires_ms > now_ms) {
        note_use(request, e, now_ms);
        request->caller = e->caller;
        then(request);
    } else if (e || was_unknown(auth, text)) {
        kal_reply_error(request, KAL_ERR_INVALID_API_KEY, NULL);
    } else {
        ask(request, text, NULL, then);
    }
}

void kal_auth_check(kal_request *request, void (*then)(kal_request *request))
{
    kal_auth *auth = request->thread->auth;
    unsigned generation =
        atomic_load_explicit(&request->thread->api->tenants_changed, memory_order_acquire);
    kal_str text = bearer(request);

    if (generation != auth->generation) {
        empty(&auth->known);
        empty(&auth->tokens);
        empty(&auth->unknown);
        auth->generation = generation;
    }
    if (text.p && kal_key_formed(text))
        check_key(request, text, then);
    else if (text.p && kal_jwt_formed(text))
        check_token(request, text, then);
    else
        kal_reply_error(request, KAL_ERR_INVALID_API_KEY, NULL);
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
