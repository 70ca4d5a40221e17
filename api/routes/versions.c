/* POST /flows/:id/versions: a new draft version, its graph unchecked and unchanged. */
#include "api/flow_body.h"
#include "api/reply.h"
#include "api/routes/routes.h"

static void on_created(kal_request *request, const kal_pg_reply *reply)
{
    if (kal_reply_failed(request, reply))
        return;
    if (kal_pg_count(reply->rows[1]) == 0)
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
    else
        kal_reply_data(request, 201, kal_pg_str(reply->rows[3], 0, 0));
}

void kal_route_versions_create(kal_request *request)
{
    kal_uuid flow;

    if (!kal_request_uuid(request, 0, &flow) || !kal_request_body(request) ||
        !kal_reply_checked(request, kal_flow_body_check_version(request->body)))
        return;
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_flow_body_version(call, flow, request->body, kal_request_now(request));
    kal_pg_call_add_one(call, KAL_SQL_API_VERSION_LAST, kal_v_uuid(flow));
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_created);
}
