#include "api/reply.h"

#include "api/claim.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

/* Takes the request off its thread's list: it is answered, or nobody waits for it. */
static void settle(kal_request *request)
{
    *request->link = request->next;
    if (request->next)
        request->next->link = request->link;
    request->http = NULL;
    atomic_fetch_sub_explicit(&request->thread->api->in_flight, 1, memory_order_relaxed);
}

const char *kal_reply_reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {503, "Service Unavailable"},
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Internal Server Error";
}

static void count(kal_request *request, int status)
{
    size_t n;
    const kal_route *routes = kal_routes(&n);

    kal_stats_count(request->thread->stats, request->route ? (size_t)(request->route - routes) : n,
                    status);
}

void kal_reply_header(kal_request *request, const char *name, const char *value)
{
    h2o_req_t *http = request->http;
    size_t len = strlen(value);

    if (!http)
        return;
    h2o_iovec_t copy = h2o_strdup(&http->pool, value, len);
    h2o_add_header_by_str(&http->pool, &http->res.headers, name, strlen(name), 1, NULL, copy.base,
                          len);
}

void kal_reply_typed(kal_request *request, int status, const char *type, const char *body,
                     size_t len)
{
    h2o_req_t *http = request->http;

    if (kal_claim_settle(request, status, (kal_str){body, len}) || !http)
        return;
    kal_reply_header(request, "x-request-id", request->id);
    count(request, status);
    settle(request);
    http->res.status = status;
    http->res.reason = kal_reply_reason(status);
    http->res.content_length = len;
    if (status != 204 && status != 304)
        h2o_add_header(&http->pool, &http->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, type,
                       strlen(type));
    if (atomic_load_explicit(&request->thread->api->draining, memory_order_relaxed))
        http->http1_is_persistent = 0;
    h2o_send_inline(http, body, len);
}

void kal_reply(kal_request *request, int status, const char *body, size_t len)
{
    kal_reply_typed(request, status, "application/json", body, len);
}

void kal_reply_error(kal_request *request, kal_err err, const char *message)
{
    kal_buf out = {0};

    if (!request->http)
        return;
    kal_buf_printf(&out, "{\"error\":\"%s\",\"message\":", kal_err_code(err));
    kal_json_write_str(&out, kal_str_of(message ? message : kal_err_text(err)));
    kal_buf_putc(&out, '}');
    kal_reply(request, kal_err_status(err), out.data, out.len);
    kal_buf_deinit(&out);
}

void kal_reply_errors(kal_request *request, kal_err err, json_t *errors)
{
    json_t *body = json_pack("{s:s, s:o}", "error", kal_err_code(err), "errors", errors);

    kal_reply_json(request, kal_err_status(err), body);
}

bool kal_reply_checked(kal_request *request, json_t *errors)
{
    if (json_object_size(errors) > 0) {
        kal_reply_errors(request, KAL_ERR_VALIDATION_FAILED, errors);
        return false;
    }
    json_decref(errors);
    return true;
}

void kal_reply_invalid(kal_request *request, const char *field, const char *problem)
{
    kal_reply_errors(request, KAL_ERR_VALIDATION_FAILED, json_pack("{s:[s]}", field, problem));
}

void kal_reply_limited(kal_request *request, int64_t retry_after)
{
    char body[256], seconds[24];

    if (!request->http)
        return;
    int n =
        snprintf(body, sizeof(body), "{\"error\":\"%s\",\"message\":\"%s\",\"retry_after\":%lld}",
                 kal_err_code(KAL_ERR_RATE_LIMIT_EXCEEDED),
                 kal_err_text(KAL_ERR_RATE_LIMIT_EXCEEDED), (long long)retry_after);
    snprintf(seconds, sizeof(seconds), "%lld", (long long)retry_after);
    kal_reply_header(request, "retry-after", seconds);
    kal_reply(request, kal_err_status(KAL_ERR_RATE_LIMIT_EXCEEDED), body, (size_t)n);
}

void kal_reply_data(kal_request *request, int status, kal_str json)
{
    kal_buf out = {0};

    kal_buf_puts(&out, "{\"data\":");
    kal_buf_add(&out, json.p, json.n);
    kal_buf_putc(&out, '}');
    kal_reply(request, status, out.data, out.len);
    kal_buf_deinit(&out);
}

void kal_reply_json(kal_request *request, int status, json_t *value)
{
    kal_buf out = {0};

    kal_json_write(&out, value);
    kal_reply(request, status, out.data, out.len);
    kal_buf_deinit(&out);
    json_decref(value);
}

bool kal_reply_failed(kal_request *request, const kal_pg_reply *reply)
{
    if (reply->err == KAL_OK)
        return false;
    if (kal_err_status(reply->err) >= 500 && reply->err != KAL_ERR_UNAVAILABLE)
        kal_log(KAL_LOG_ERROR, "api_query_failed", "request_id", request->id, "route",
                request->route ? request->route->pattern : "", "sqlstate", reply->sqlstate,
                "message", reply->message, NULL);
    kal_reply_error(request, reply->err, NULL);
    return true;
}

void kal_reply_gone(kal_request *request)
{
    settle(request);
}
