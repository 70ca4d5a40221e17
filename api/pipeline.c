#include "api/pipeline.h"

#include "api/claim.h"
#include "api/framing.h"
#include "api/linger.h"
#include "api/reply.h"

/* A process that stands by, or has lost a shard, answers reads alone: what it wrote, the shards of
 * another would not learn of. */
static bool may_write(kal_request *request)
{
    h2o_iovec_t method = request->http->method;
    bool reads = h2o_memis(method.base, method.len, H2O_STRLIT("GET")) ||
                 h2o_memis(method.base, method.len, H2O_STRLIT("HEAD"));
    return reads || kal_engine_is_active(request->thread->engine);
}

static void handle(kal_request *request)
{
    if (!may_write(request))
        kal_reply_error(request, KAL_ERR_UNAVAILABLE, "this process stands by");
    else if (request->route->handle)
        request->route->handle(request);
    else
        kal_read_run(request);
}

static void on_journey(kal_request *request, const kal_pg_reply *reply)
{
    if (kal_reply_failed(request, reply))
        return;
    const kal_pg_rows *rows = reply->rows[1];
    if (kal_pg_count(rows) == 0) {
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
        return;
    }
    kal_request_set_flow(request, kal_pg_uuid(rows, 0, 0));
    request->unlaunched = kal_str_is(kal_pg_str(rows, 0, 1), "draft");
    if (request->http)
        kal_claim_begin(request, handle);
}

/* A flow's route below a journey: the handler sees the path of the flow. */
static void find_flow(kal_request *request)
{
    if (!kal_request_uuid(request, 0, &request->journey))
        return;
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_pg_call_add_one(call, KAL_SQL_API_JOURNEY_FLOW, kal_v_uuid(request->journey));
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_journey);
}

static bool role_fits(kal_role role, kal_scope scope)
{
    switch (scope) {
    case KAL_SCOPE_VIEWER:
        return role >= KAL_ROLE_VIEWER;
    case KAL_SCOPE_EDITOR:
        return role >= KAL_ROLE_EDITOR;
    case KAL_SCOPE_ADMIN:
        return role >= KAL_ROLE_ADMIN;
    case KAL_SCOPE_NONE:
    case KAL_SCOPE_OPERATOR:
        break;
    }
    return false;
}

bool kal_pipeline_admit(kal_request *request, kal_scope scope)
{
    const kal_route *route = request->route;
    const kal_caller *caller = &request->caller;
    int64_t retry_after = 1;

    if (!role_fits(caller->role, scope))
        kal_reply_error(request, KAL_ERR_FORBIDDEN, NULL);
    else if (!kal_limits_take(request->thread->api->limits, caller->tenant, route->rate,
                              caller->rates[route->rate], kal_clock_mono_ns(), &retry_after))
        kal_reply_limited(request, retry_after);
    else if (request->below_journey)
        find_flow(request);
    else
        return true;
    return false;
}

static void on_caller(kal_request *request)
{
    if (kal_pipeline_admit(request, request->route->scope))
        kal_claim_begin(request, handle);
}

static void refuse(kal_request *request, kal_err err, const kal_buf *allow)
{
    h2o_req_t *http = request->http;

    if (err == KAL_ERR_METHOD_NOT_ALLOWED) {
        h2o_iovec_t value = h2o_strdup(&http->pool, allow->data, allow->len);
        h2o_add_header_by_str(&http->pool, &http->res.headers, H2O_STRLIT("allow"), 1, NULL,
                              value.base, value.len);
    }
    kal_reply_error(request, err, NULL);
}

static void dispatch(kal_request *request)
{
    size_t count;
    const kal_route *routes = kal_routes(&count);
    kal_route_match match = {0};
    kal_buf allow = {0};
    h2o_iovec_t method = request->http->method;

    kal_err err = kal_router_match(routes, count, (kal_str){method.base, method.len},
                                   kal_request_path(request), &match, &allow);
    if (err == KAL_OK && !kal_request_matched(request, &match))
        err = KAL_ERR_NOT_FOUND;
    if (err != KAL_OK)
        refuse(request, err, &allow);
    else if (!kal_request_split_query(request))
        kal_reply_error(request, KAL_ERR_BAD_REQUEST, "the query string is broken");
    else if (request->route->scope == KAL_SCOPE_NONE)
        handle(request);
    else if (request->route->scope != KAL_SCOPE_OPERATOR)
        kal_auth_check(request, on_caller);
    else if (kal_auth_operator(request))
        kal_claim_begin(request, handle);
    kal_buf_deinit(&allow);
}

void kal_pipeline_run(kal_request *request)
{
    if (kal_framing_is_plain(request->http)) {
        dispatch(request);
        return;
    }
    kal_linger(request->http);
    kal_reply_error(request, KAL_ERR_BAD_REQUEST, "more than one header tells the body's length");
}
