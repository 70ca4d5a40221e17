/* Writing flows: create, edit and delete drafts, move between states. */
#include "api/flow_body.h"
#include "api/reply.h"
#include "api/routes/lifecycle.h"
#include "api/routes/routes.h"

static bool check(kal_request *request, bool is_new)
{
    kal_lua *lua = kal_engine_lua(request->thread->engine);

    return kal_reply_checked(request, kal_flow_body_check(lua, request->body, is_new));
}

static void on_created(kal_request *request, const kal_pg_reply *reply)
{
    if (!kal_reply_failed(request, reply))
        kal_reply_data(request, 201, kal_pg_str(reply->rows[2], 0, 0));
}

void kal_route_flows_create(kal_request *request)
{
    if (!kal_request_body(request) || !check(request, true))
        return;
    kal_uuid id = kal_uuid_new(kal_request_now(request));
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_flow_body_create(call, id, request->caller.tenant, request->body, kal_request_now(request));
    kal_pg_call_add_one(call, KAL_SQL_API_FLOW_GET, kal_v_uuid(id));
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_created);
}

/* What a change of a draft answers: rows[1] are those it touched, rows[2] the flow as it is now. */
static bool touched(kal_request *request, const kal_pg_reply *reply)
{
    if (kal_lifecycle_failed(request, reply))
        return false;
    if (kal_pg_count(reply->rows[1]) == 1)
        return true;
    kal_reply_error(
        request, kal_pg_count(reply->rows[2]) ? KAL_ERR_FLOW_NOT_DRAFT : KAL_ERR_NOT_FOUND, NULL);
    return false;
}

static void on_updated(kal_request *request, const kal_pg_reply *reply)
{
    if (touched(request, reply))
        kal_reply_data(request, 200, kal_pg_str(reply->rows[2], 0, 0));
}

void kal_route_flows_update(kal_request *request)
{
    kal_uuid id;

    if (!kal_request_uuid(request, 0, &id) || !kal_request_body(request) || !check(request, false))
        return;
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_flow_body_update(call, id, request->body, kal_request_now(request));
    kal_pg_call_add_one(call, KAL_SQL_API_FLOW_GET, kal_v_uuid(id));
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_updated);
}

static void on_deleted(kal_request *request, const kal_pg_reply *reply)
{
    if (touched(request, reply))
        kal_lifecycle_changed(request, (kal_str){NULL, 0});
}

void kal_route_flows_delete(kal_request *request)
{
    kal_uuid id;

    if (!kal_request_uuid(request, 0, &id))
        return;
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_pg_call_add_one(call, KAL_SQL_API_FLOW_DELETE, kal_v_uuid(id));
    kal_pg_call_add_one(call, KAL_SQL_API_FLOW_GET, kal_v_uuid(id));
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_deleted);
}
