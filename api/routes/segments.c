/* Writing segments: create, change, delete. A shard's view of them is refreshed as that of flows.
 */
#include "api/check.h"
#include "api/reply.h"
#include "api/routes/lifecycle.h"
#include "api/routes/routes.h"
#include "api/segment_body.h"

#include <string.h>

static bool check(kal_request *request, const char *stored)
{
    kal_lua *lua = kal_engine_lua(request->thread->engine);

    return kal_reply_checked(request, kal_segment_body_check(lua, request->body, stored));
}

static bool is_taken(kal_request *request, const kal_pg_reply *reply)
{
    if (strcmp(reply->sqlstate, "23505") != 0)
        return false;
    kal_reply_invalid(request, "name", KAL_TAKEN);
    return true;
}

static void on_created(kal_request *request, const kal_pg_reply *reply)
{
    if (!is_taken(request, reply) && !kal_reply_failed(request, reply))
        kal_reply_data(request, 201, kal_pg_str(reply->rows[2], 0, 0));
}

/* No flow can name it yet, so no shard needs to know it. */
void kal_route_segments_create(kal_request *request)
{
    if (!kal_request_body(request) || !check(request, NULL))
        return;
    kal_uuid id = kal_uuid_new(kal_request_now(request));
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_segment_body_create(call, id, request->caller.tenant, request->body,
                            kal_request_now(request));
    kal_pg_call_add_one(call, KAL_SQL_API_SEGMENT_GET, kal_v_uuid(id));
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_created);
}

static void on_updated(kal_request *request, const kal_pg_reply *reply)
{
    if (is_taken(request, reply) || kal_lifecycle_failed(request, reply))
        return;
    if (kal_pg_count(reply->rows[2]) == 0)
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
    else
        kal_lifecycle_changed(request, kal_pg_str(reply->rows[2], 0, 0));
}

/* The type is known: the change can be checked. */
static void on_found(kal_request *request, const kal_pg_reply *reply)
{
    kal_uuid id;
    char type[16] = "";

    if (kal_reply_failed(request, reply) || !kal_request_uuid(request, 0, &id))
        return;
    if (kal_pg_count(reply->rows[1]) == 0) {
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
        return;
    }
    kal_str stored = kal_pg_str(reply->rows[1], 0, 0);
    memcpy(type, stored.p, stored.n < sizeof(type) ? stored.n : sizeof(type) - 1);
    if (!check(request, type))
        return;
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_segment_body_update(call, id, request->body, kal_request_now(request));
    kal_pg_call_add_one(call, KAL_SQL_API_SEGMENT_GET, kal_v_uuid(id));
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_updated);
}

void kal_route_segments_update(kal_request *request)
{
    kal_uuid id;

    if (!kal_request_uuid(request, 0, &id) || !kal_request_body(request))
        return;
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_pg_call_add_one(call, KAL_SQL_API_SEGMENT_FIND, kal_v_uuid(id));
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_found);
}

static void on_deleted(kal_request *request, const kal_pg_reply *reply)
{
    if (kal_lifecycle_failed(request, reply))
        return;
    if (kal_pg_count(reply->rows[1]) == 1)
        kal_lifecycle_changed(request, (kal_str){NULL, 0});
    else
        kal_reply_error(request, kal_pg_count(reply->rows[2]) ? KAL_ERR_IN_USE : KAL_ERR_NOT_FOUND,
                        NULL);
}

void kal_route_segments_delete(kal_request *request)
{
    kal_uuid id;

    if (!kal_request_uuid(request, 0, &id))
        return;
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_pg_call_add_one(call, KAL_SQL_API_SEGMENT_DELETE, kal_v_uuid(id));
    kal_pg_call_add_one(call, KAL_SQL_API_SEGMENT_GET, kal_v_uuid(id));
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_deleted);
}
