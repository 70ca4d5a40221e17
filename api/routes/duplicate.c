/* POST /flows/:id/duplicate, and the same of a journey, which copies its flow with it. */
#include "api/reply.h"
#include "api/routes/routes.h"

#include <string.h>

/* rows[1]: the flow's copy; the last rows show what was asked for. */
static void on_copied(kal_request *request, const kal_pg_reply *reply)
{
    if (strcmp(reply->sqlstate, "KL002") == 0) {
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
        return;
    }
    if (kal_reply_failed(request, reply))
        return;
    if (kal_pg_count(reply->rows[1]) == 0)
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
    else
        kal_reply_data(request, 201, kal_pg_str(reply->rows[reply->count - 1], 0, 0));
}

static void add_copy(kal_pg_call *call, kal_sql sql, kal_uuid from, kal_uuid to, int64_t now)
{
    kal_args *args = kal_args_new();

    kal_args_add(args, kal_v_uuid(from));
    kal_args_add(args, kal_v_uuid(to));
    kal_args_add(args, kal_v_time(now));
    kal_pg_call_add(call, sql, args);
}

static void add_journey(kal_pg_call *call, kal_uuid from, kal_uuid to, kal_uuid flow, int64_t now)
{
    kal_args *args = kal_args_new();

    kal_args_add(args, kal_v_uuid(from));
    kal_args_add(args, kal_v_uuid(to));
    kal_args_add(args, kal_v_uuid(flow));
    kal_args_add(args, kal_v_time(now));
    kal_pg_call_add(call, KAL_SQL_API_JOURNEY_COPY, args);
    kal_pg_call_add_one(call, KAL_SQL_API_JOURNEY_GET, kal_v_uuid(to));
}

void kal_route_flows_duplicate(kal_request *request)
{
    kal_uuid flow;
    int64_t now = kal_request_now(request);

    if (!kal_request_uuid(request, 0, &flow))
        return;
    kal_uuid copy = kal_uuid_new(now);
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    add_copy(call, KAL_SQL_API_FLOW_COPY, flow, copy, now);
    add_copy(call, KAL_SQL_API_VERSION_COPY, flow, copy, now);
    if (kal_uuid_is_nil(request->journey))
        kal_pg_call_add_one(call, KAL_SQL_API_FLOW_GET, kal_v_uuid(copy));
    else
        add_journey(call, request->journey, kal_uuid_new(now), copy, now);
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_copied);
}
