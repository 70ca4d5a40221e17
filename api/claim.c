#include "api/claim.h"

#include "api/hold.h"
#include "api/reply.h"
#include "base/alloc.h"
#include "base/crash.h"
#include "base/log.h"
#include "base/map.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <string.h>

#define KEY_LEAST 16
#define KEY_MOST 255
#define HEX (2 * SHA256_DIGEST_LENGTH)
#define NONCE 12
#define TAG 16

struct kal_claims {
    pthread_mutex_t lock;
    kal_strmap open; /* tenant and key to the request's hash */
};

/* What a work of an earlier attempt has given. */
typedef struct outcome {
    int64_t item;
    kal_uuid instance_id;
    char *result;
} outcome;

struct kal_claim {
    char name[sizeof(kal_uuid) + HEX]; /* tenant and key, as in the map */
    char key[HEX + 1], request[HEX + 1];
    uint8_t secret[SHA256_DIGEST_LENGTH]; /* seals the answer */
    outcome *outcomes;
    size_t n;
    void (*then)(kal_request *request);
    bool busy; /* being read or settled: its own callback goes on, whatever is answered meanwhile */
    int status;
    kal_buf body;
    void (*committed)(void *data, bool committed);
    void *data;
};

kal_claims *kal_claims_new(void)
{
    kal_claims *claims = kal_calloc(1, sizeof(*claims));

    pthread_mutex_init(&claims->lock, NULL);
    return claims;
}

void kal_claims_free(kal_claims *claims)
{
    size_t at = 0;
    kal_str key;
    void *value;

    if (!claims)
        return;
    while (kal_strmap_next(&claims->open, &at, &key, &value))
        kal_free(value);
    kal_strmap_deinit(&claims->open);
    pthread_mutex_destroy(&claims->lock);
    kal_free(claims);
}

/* ---- names, and answers that only the key's holder reads ---- */

static void hash_of(const char *what, kal_str text, kal_str more, uint8_t out[SHA256_DIGEST_LENGTH])
{
    kal_buf all = {0};

    kal_buf_printf(&all, "%s %zu ", what, text.n);
    kal_buf_add(&all, text.p, text.n);
    kal_buf_add(&all, more.p, more.n);
    SHA256((const uint8_t *)all.data, all.len, out);
    kal_buf_deinit(&all);
}

static void seal(const kal_claim *claim, kal_str body, kal_buf *out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    size_t total = NONCE + TAG + body.n;
    uint8_t *sealed = kal_alloc(total);
    int n;

    if (!ctx || RAND_bytes(sealed, NONCE) != 1 ||
        !EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, claim->secret, sealed) ||
        !EVP_EncryptUpdate(ctx, sealed + NONCE + TAG, &n, (const uint8_t *)body.p, (int)body.n) ||
        !EVP_EncryptFinal_ex(ctx, sealed + total, &n) ||
        !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, sealed + NONCE))
        abort(); /* no randomness, or no memory */
    kal_buf_add(out, (const char *)sealed, total);
    kal_free(sealed);
    EVP_CIPHER_CTX_free(ctx);
}

static bool unseal(const kal_claim *claim, kal_str sealed, kal_buf *out)
{
    const uint8_t *in = (const uint8_t *)sealed.p;
    uint8_t tag[TAG];
    int n;

    if (sealed.n < NONCE + TAG)
        return false;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    size_t length = sealed.n - NONCE - TAG;
    uint8_t *text = kal_alloc(length + 1);
    memcpy(tag, in + NONCE, TAG);
    bool ok = ctx && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, claim->secret, in) &&
              EVP_DecryptUpdate(ctx, text, &n, in + NONCE + TAG, (int)length) &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, tag) &&
              EVP_DecryptFinal_ex(ctx, text + length, &n) > 0;
    if (ok)
        kal_buf_add(out, (const char *)text, length);
    kal_free(text);
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

static kal_claim *new_claim(const kal_request *request, kal_str key)
{
    kal_claim *claim = kal_calloc(1, sizeof(*claim));
    const h2o_req_t *http = request->http;
    uint8_t hash[SHA256_DIGEST_LENGTH];

    hash_of("answer", key, (kal_str){"", 0}, claim->secret);
    hash_of("key", key, (kal_str){"", 0}, hash);
    kal_str_hex(hash, sizeof(hash), claim->key);
    hash_of(request->route->method, (kal_str){http->path.base, http->path.len},
            (kal_str){http->entity.base, http->entity.len}, hash);
    kal_str_hex(hash, sizeof(hash), claim->request);
    memcpy(claim->name, request->caller.tenant.b, sizeof(kal_uuid));
    memcpy(claim->name + sizeof(kal_uuid), claim->key, HEX);
    return claim;
}

static void free_claim(kal_claim *claim)
{
    for (size_t i = 0; i < claim->n; i++)
        kal_free(claim->outcomes[i].result);
    kal_free(claim->outcomes);
    kal_buf_deinit(&claim->body);
    kal_free(claim);
}

/* ---- those at work ---- */

static kal_str name_of(const kal_claim *claim)
{
    return (kal_str){claim->name, sizeof(claim->name)};
}

/* OK, or how it collides with a request that is under way. */
static kal_err enter(kal_claims *claims, const kal_claim *claim)
{
    kal_err err = KAL_OK;

    pthread_mutex_lock(&claims->lock);
    const char *other = kal_strmap_get(&claims->open, name_of(claim));
    if (!other)
        kal_strmap_put(&claims->open, name_of(claim), kal_strdup(claim->request));
    else
        err =
            strcmp(other, claim->request) == 0 ? KAL_ERR_IN_PROGRESS : KAL_ERR_IDEMPOTENCY_CONFLICT;
    pthread_mutex_unlock(&claims->lock);
    return err;
}

void kal_claim_end(kal_request *request)
{
    kal_claims *claims = request->thread->api->claims;

    if (!request->claim)
        return;
    kal_hold_drop(request);
    pthread_mutex_lock(&claims->lock);
    kal_free(kal_strmap_del(&claims->open, name_of(request->claim)));
    pthread_mutex_unlock(&claims->lock);
    free_claim(request->claim);
    request->claim = NULL;
}

/* ---- claiming ---- */

static void keep_outcome(kal_claim *claim, const kal_pg_rows *rows, size_t row)
{
    kal_str result = kal_pg_str(rows, row, 5);
    outcome *o = &claim->outcomes[claim->n++];

    o->item = kal_pg_int(rows, row, 1);
    o->instance_id = kal_pg_uuid(rows, row, 4);
    o->result = result.p ? kal_strndup(result.p, result.n) : NULL;
}

/* Answers with what is stored; false when there is no whole answer. */
static bool replay(kal_request *request, const kal_pg_rows *rows)
{
    kal_buf body = {0};

    if (kal_pg_null(rows, 0, 2))
        return false;
    int status = (int)kal_pg_int(rows, 0, 2);
    bool ok = unseal(request->claim, kal_pg_str(rows, 0, 3), &body);
    kal_claim_end(request);
    if (ok)
        kal_reply(request, status, body.data ? body.data : "", body.len);
    else
        kal_reply_error(request, KAL_ERR_INTERNAL, "the stored answer cannot be read");
    kal_buf_deinit(&body);
    return true;
}

static void on_claimed(kal_request *request, const kal_pg_reply *reply)
{
    kal_claim *claim = request->claim;

    claim->busy = false;
    if (reply->err) {
        kal_claim_end(request);
        (void)kal_reply_failed(request, reply);
        return;
    }
    kal_crash_point("claim_taken");
    const kal_pg_rows *rows = reply->rows[2];
    if (kal_pg_count(rows) == 0 || !kal_str_is(kal_pg_str(rows, 0, 0), claim->request)) {
        kal_claim_end(request);
        kal_reply_error(request, KAL_ERR_IDEMPOTENCY_CONFLICT, NULL);
        return;
    }
    if (replay(request, rows))
        return;
    claim->outcomes = kal_calloc(kal_pg_count(rows), sizeof(*claim->outcomes));
    for (size_t row = 0; row < kal_pg_count(rows); row++)
        if (!kal_pg_null(rows, row, 1))
            keep_outcome(claim, rows, row);
    if (request->http)
        claim->then(request);
}

static kal_args *claim_args(const kal_request *request)
{
    kal_args *args = kal_args_new();

    kal_args_add(args, kal_v_uuid(request->caller.tenant));
    kal_args_add(args, kal_v_text(request->claim->key));
    return args;
}

void kal_claim_begin(kal_request *request, void (*then)(kal_request *request))
{
    const h2o_headers_t *headers = &request->http->headers;
    ssize_t at = -1;

    if (strcmp(request->route->method, "POST") == 0 && request->route->rate != KAL_RATE_EVENTS)
        at = h2o_find_header_by_str(headers, H2O_STRLIT("idempotency-key"), -1);
    if (at < 0) {
        then(request);
        return;
    }
    h2o_iovec_t key = headers->entries[at].value;
    if (key.len < KEY_LEAST || key.len > KEY_MOST) {
        kal_reply_error(request, KAL_ERR_INVALID_IDEMPOTENCY_KEY, NULL);
        return;
    }
    kal_claim *claim = new_claim(request, (kal_str){key.base, key.len});
    kal_err err = enter(request->thread->api->claims, claim);
    if (err) {
        free_claim(claim);
        kal_reply_error(request, err, NULL);
        return;
    }
    claim->then = then;
    claim->busy = true;
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    request->claim = claim;
    kal_args *args = claim_args(request);
    kal_args_add(args, kal_v_text(claim->request));
    kal_args_add(args, kal_v_time(kal_request_now(request)));
    kal_pg_call_add(call, KAL_SQL_CLAIM_TAKE, args);
    kal_pg_call_add(call, KAL_SQL_CLAIM_READ, claim_args(request));
    kal_request_ask(request, kal_engine_reads(request->thread->engine), call, on_claimed);
}

/* ---- settling ---- */

/* The claim has done its part: the answer goes out. */
static void answer(kal_request *request)
{
    kal_claim *claim = request->claim;
    kal_buf body = claim->body;
    int status = claim->status;

    claim->body = (kal_buf){0};
    kal_claim_end(request);
    kal_reply(request, status, body.data ? body.data : "", body.len);
    kal_buf_deinit(&body);
}

static void on_dropped(kal_request *request, const kal_pg_reply *reply)
{
    if (reply->err) /* it stays open, for the same request only */
        kal_log(KAL_LOG_WARN, "claim_not_dropped", "error", reply->message, NULL);
    answer(request);
}

/* Stored apart from the effect, which its works have kept. */
static void on_stored(kal_request *request, const kal_pg_reply *reply)
{
    if (reply->err)
        kal_log(KAL_LOG_WARN, "answer_not_stored", "error", reply->message, NULL);
    answer(request);
}

static void on_committed(kal_request *request, const kal_pg_reply *reply)
{
    kal_claim *claim = request->claim;
    void (*committed)(void *, bool) = claim->committed;
    void *data = claim->data;

    atomic_fetch_add(&request->thread->api->tenants_changed, 1); /* what it was for keys is now */
    if (reply->err) {
        kal_claim_end(request);
        kal_reply_error(request, KAL_ERR_UNAVAILABLE, NULL);
    } else if (committed) {
        kal_claim_end(request);
    } else {
        answer(request);
    }
    if (committed)
        committed(data, !reply->err);
}

static kal_pg_call *store(kal_request *request, kal_pg_call *call)
{
    kal_claim *claim = request->claim;
    kal_args *args = claim_args(request);
    kal_buf sealed = {0};

    seal(claim, (kal_str){claim->body.data ? claim->body.data : "", claim->body.len}, &sealed);
    kal_args_add(args, kal_v_int(KAL_INT2, claim->status));
    kal_args_add(args, kal_v_str(KAL_BYTEA, (kal_str){sealed.data, sealed.len}));
    kal_args_add(args, kal_v_time(kal_request_now(request)));
    kal_pg_call_add(call, KAL_SQL_CLAIM_ANSWER, args);
    kal_buf_deinit(&sealed);
    return call;
}

static void keep_body(kal_claim *claim, int status, kal_str body)
{
    claim->busy = true;
    claim->status = status;
    kal_buf_clear(&claim->body);
    kal_buf_add(&claim->body, body.p, body.n);
}

bool kal_claim_commit(kal_request *request, int status, kal_str body,
                      void (*then)(void *data, bool committed), void *data)
{
    if (!request->claim || !kal_hold_is_open(request))
        return false;
    keep_body(request->claim, status, body);
    request->claim->committed = then;
    request->claim->data = data;
    kal_crash_point("claim_commit");
    kal_hold_commit(request, store(request, kal_pg_call_new()), on_committed);
    return true;
}

bool kal_claim_settle(kal_request *request, int status, kal_str body)
{
    if (!request->claim || request->claim->busy)
        return false;
    if (status >= 500) { /* nobody knows: it stays open */
        kal_claim_end(request);
        return false;
    }
    if (status < 300 && kal_claim_commit(request, status, body, NULL, NULL))
        return true;
    kal_hold_drop(request);
    keep_body(request->claim, status, body);
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_pool *pool = kal_engine_reads(request->thread->engine);
    if (status < 300) {
        kal_request_ask(request, pool, store(request, call), on_stored);
    } else {
        kal_pg_call_add(call, KAL_SQL_CLAIM_DROP, claim_args(request));
        kal_request_ask(request, pool, call, on_dropped);
    }
    return true;
}

/* ---- works ---- */

bool kal_claim_work(kal_request *request, kal_work *work, size_t item)
{
    kal_claim *claim = request->claim;

    if (!claim)
        return false;
    kal_hold_drop(request); /* what was read on the way to it */
    for (size_t i = 0; i < claim->n; i++) {
        const outcome *o = &claim->outcomes[i];
        if (o->item != (int64_t)item)
            continue;
        work->instance_id = o->instance_id;
        if (o->result)
            kal_buf_puts(&work->answer, o->result);
        return true;
    }
    work->claim = kal_strdup(claim->key);
    work->item = (int32_t)item;
    return false;
}
