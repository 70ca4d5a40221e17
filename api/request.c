#include "api/request.h"

#include "api/audit.h"
#include "api/claim.h"
#include "api/hold.h"
#include "api/reply.h"
#include "base/alloc.h"

#include <ctype.h>
#include <string.h>

#define DEADLINE_NS 10000000000ULL
#define MAX_BODY ((size_t)1 << 20)

/* Runs when h2o clears the request's memory: the answer has gone out, or the client has. */
static void on_pool_cleared(void *slot)
{
    kal_request *request = *(kal_request **)slot;

    if (request->http)
        kal_reply_gone(request);
    kal_request_unref(request);
}

/* A caller's id is taken over as far as its characters are harmless in logs and headers. */
static void take_id(kal_request *request)
{
    ssize_t at = h2o_find_header_by_str(&request->http->headers, H2O_STRLIT("x-request-id"), -1);
    size_t n = 0;

    if (at >= 0) {
        h2o_iovec_t value = request->http->headers.entries[at].value;
        for (size_t i = 0; i < value.len && n < KAL_REQUEST_ID_MAX; i++) {
            unsigned char c = (unsigned char)value.base[i];
            if (c < 128 && (isalnum(c) || strchr("-_.:+/=", c)))
                request->id[n++] = (char)c;
        }
    }
    if (n == 0)
        kal_uuid_format(kal_uuid_new(kal_request_now(request)), request->id);
}

kal_request *kal_request_new(kal_api_thread *thread, h2o_req_t *http)
{
    kal_request *request = kal_calloc(1, sizeof(*request) + http->path.len + 1);

    request->thread = thread;
    request->http = http;
    request->refs = 1;
    memcpy(request->text, http->path.base, http->path.len);
    take_id(request);
    request->next = thread->requests;
    request->link = &thread->requests;
    if (request->next)
        request->next->link = &request->next;
    thread->requests = request;
    atomic_fetch_add_explicit(&thread->api->in_flight, 1, memory_order_relaxed);
    kal_request **slot = h2o_mem_alloc_shared(&http->pool, sizeof(*slot), on_pool_cleared);
    *slot = request;
    return request;
}

void kal_request_ref(kal_request *request)
{
    request->refs++;
}

void kal_request_unref(kal_request *request)
{
    if (--request->refs > 0)
        return;
    kal_claim_end(request);
    json_decref(request->body);
    kal_free(request->state);
    kal_free(request->subject);
    kal_free(request);
}

kal_str kal_request_path(const kal_request *request)
{
    size_t n = request->http->path.len;

    if (request->http->query_at != SIZE_MAX && request->http->query_at < n)
        n = request->http->query_at;
    return (kal_str){request->text, n};
}

static bool decode(kal_request *request, kal_str *slice, bool plus_is_space)
{
    char *text = request->text + (slice->p - request->text);

    return kal_percent_decode(text, &slice->n, plus_is_space) && kal_str_utf8(*slice);
}

bool kal_request_matched(kal_request *request, const kal_route_match *match)
{
    request->route = match->route;
    request->below_journey = match->below_journey;
    for (size_t i = 0; i < KAL_ROUTE_PARAMS; i++) {
        request->params[i] = match->params[i];
        if (match->params[i].p && !decode(request, &request->params[i], false))
            return false;
    }
    return true;
}

bool kal_request_split_query(kal_request *request)
{
    size_t end = request->http->path.len, at = request->http->query_at;

    if (at == SIZE_MAX || at >= end)
        return true;
    for (at++; at < end && request->n_query < KAL_QUERY_PAIRS;) {
        const char *begin = request->text + at;
        const char *stop = memchr(begin, '&', end - at);
        size_t n = stop ? (size_t)(stop - begin) : end - at;
        const char *equals = memchr(begin, '=', n);
        kal_query_pair *pair = &request->query[request->n_query++];
        pair->name = (kal_str){begin, equals ? (size_t)(equals - begin) : n};
        pair->value =
            equals ? (kal_str){equals + 1, n - pair->name.n - 1} : (kal_str){begin + n, 0};
        if (!decode(request, &pair->name, true) || !decode(request, &pair->value, true))
            return false;
        at += n + 1;
    }
    return true;
}

kal_str kal_request_query(const kal_request *request, const char *name)
{
    for (size_t i = 0; i < request->n_query; i++)
        if (kal_str_is(request->query[i].name, name))
            return request->query[i].value;
    return (kal_str){NULL, 0};
}

bool kal_request_flag(const kal_request *request, const char *name)
{
    return kal_str_is(kal_request_query(request, name), "true");
}

static kal_str header_at(const kal_request *request, ssize_t at)
{
    if (at < 0)
        return (kal_str){NULL, 0};
    h2o_iovec_t value = request->http->headers.entries[at].value;
    return (kal_str){value.base, value.len};
}

kal_str kal_request_header(const kal_request *request, const h2o_token_t *token)
{
    return header_at(request, h2o_find_header(&request->http->headers, token, -1));
}

kal_str kal_request_named_header(const kal_request *request, const char *name)
{
    return header_at(request,
                     h2o_find_header_by_str(&request->http->headers, name, strlen(name), -1));
}

bool kal_request_body(kal_request *request)
{
    h2o_iovec_t entity = request->http->entity;
    size_t most = request->route->max_body ? request->route->max_body : MAX_BODY;
    char error[160];

    if (entity.len > most) {
        kal_reply_error(request, KAL_ERR_TOO_LARGE, NULL);
        return false;
    }
    if (entity.len == 0) {
        request->body = json_object();
        return true;
    }
    request->body = kal_json_parse((kal_str){entity.base, entity.len}, error);
    if (!request->body) {
        kal_reply_error(request, KAL_ERR_MALFORMED_JSON, error);
        return false;
    }
    if (!json_is_object(request->body)) {
        kal_reply_error(request, KAL_ERR_BAD_REQUEST, "the body must be a JSON object");
        return false;
    }
    return true;
}

bool kal_request_uuid(kal_request *request, size_t param, kal_uuid *out)
{
    if (kal_uuid_parse(request->params[param], out))
        return true;
    kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
    return false;
}

void kal_request_set_flow(kal_request *request, kal_uuid flow)
{
    char text[KAL_UUID_TEXT + 1];

    kal_uuid_format(flow, text);
    memcpy(request->text + (request->params[0].p - request->text), text, KAL_UUID_TEXT);
}

void kal_request_actor(const kal_request *request, kal_buf *out)
{
    char key[KAL_UUID_TEXT + 1];

    if (request->route->scope == KAL_SCOPE_OPERATOR) {
        kal_buf_puts(out, "operator");
    } else if (request->caller.subject) {
        kal_buf_printf(out, "jwt:%s", request->caller.subject);
    } else {
        kal_uuid_format(request->caller.key, key);
        kal_buf_printf(out, "key:%s", key);
    }
}

/* What the audit log calls an update by this route: a POST by the last word of its path. */
static const char *verb_of(const kal_route *route)
{
    if (strcmp(route->method, "POST") == 0)
        return strrchr(route->pattern, '/') + 1;
    return strcmp(route->method, "DELETE") == 0 ? "delete" : "update";
}

/* The key's own look-up comes before anybody is known. */
static bool is_change(const kal_request *request)
{
    return strcmp(request->route->method, "GET") != 0 &&
           (request->caller.role || request->route->scope == KAL_SCOPE_OPERATOR);
}

static void tell_audit(const kal_request *request, kal_pg_call *call)
{
    kal_buf actor = {0};

    kal_request_actor(request, &actor);
    kal_audit_tell(call, actor.data, request->id, verb_of(request->route),
                   kal_request_now(request));
    kal_buf_deinit(&actor);
}

typedef struct pending {
    kal_request *request;
    void (*then)(kal_request *request, const kal_pg_reply *reply);
} pending;

static void on_reply(void *data, const kal_pg_reply *reply)
{
    pending *p = data;

    p->then(p->request, reply);
    kal_request_unref(p->request);
    kal_free(p);
}

void kal_request_send(kal_request *request, kal_pool *pool, kal_pg_call *call,
                      void (*then)(kal_request *request, const kal_pg_reply *reply))
{
    if (is_change(request))
        tell_audit(request, call);
    if (request->claim)
        kal_hold_send(request, pool == kal_engine_writes(request->thread->engine), call, then);
    else
        kal_request_ask(request, pool, call, then);
}

void kal_request_ask(kal_request *request, kal_pool *pool, kal_pg_call *call,
                     void (*then)(kal_request *request, const kal_pg_reply *reply))
{
    pending *p = kal_alloc(sizeof(*p));

    *p = (pending){request, then};
    kal_request_ref(request);
    kal_pool_send(pool, call, on_reply, p);
}

int64_t kal_request_now(const kal_request *request)
{
    return kal_clock_now(kal_engine_clock(request->thread->engine));
}

uint64_t kal_request_deadline(void)
{
    return kal_clock_mono_ns() + DEADLINE_NS;
}
