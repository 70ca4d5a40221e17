/* Writing journeys: create, edit and delete drafts. Their moves are their flow's (lifecycle.c,
 * activate.c), under the journey's path. */
#include "api/check.h"
#include "api/journey_body.h"
#include "api/reply.h"
#include "api/routes/routes.h"

#include <string.h>

#define NO_FLOW "does not exist or is archived"

/* flow_id as the body tells it; false with the problem in errors. */
static bool check_flow(json_t *errors, const json_t *body, kal_uuid *out)
{
    const json_t *flow = json_object_get(body, "flow_id");

    if (!flow || json_is_null(flow))
        kal_check_add(errors, "flow_id", KAL_BLANK);
    else if (!kal_uuid_parse(kal_json_get_str(body, "flow_id"), out))
        kal_check_add(errors, "flow_id", KAL_INVALID);
    else
        return true;
    return false;
}

/* Of a journey only its flow is unique, and may be deleted while it is being named. */
static bool failed(kal_request *request, const kal_pg_reply *reply)
{
    if (strcmp(reply->sqlstate, "23505") == 0)
        kal_reply_invalid(request, "flow_id", KAL_TAKEN);
    else if (strcmp(reply->sqlstate, "23503") == 0)
        kal_reply_invalid(request, "flow_id", NO_FLOW);
    else
        return kal_reply_failed(request, reply);
    return true;
}

static void on_created(kal_request *request, const kal_pg_reply *reply)
{
    if (failed(request, reply))
        return;
    if (kal_pg_count(reply->rows[1]) == 0)
        kal_reply_invalid(request, "flow_id", NO_FLOW);
    else
        kal_reply_data(request, 201, kal_pg_str(reply->rows[2], 0, 0));
}

void kal_route_journeys_create(kal_request *request)
{
    kal_uuid flow;

    if (!kal_request_body(request))
        return;
    json_t *errors = kal_journey_body_check(request->body, true);
    check_flow(errors, request->body, &flow);
    if (!kal_reply_checked(request, errors))
        return;
    kal_uuid id = kal_uuid_new(kal_request_now(request));
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_journey_body_create(call, id, flow, request->body, kal_request_now(request));
    kal_pg_call_add_one(call, KAL_SQL_API_JOURNEY_GET, kal_v_uuid(id));
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_created);
}

/* Why a statement touched nothing: rows[2] is the journey as it is now. A draft that was not
 * changed wanted a flow that it cannot have. */
static void refuse(kal_request *request, const kal_pg_reply *reply)
{
    char error[160];

    if (kal_pg_count(reply->rows[2]) == 0) {
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
        return;
    }
    json_t *now = kal_json_parse(kal_pg_str(reply->rows[2], 0, 0), error);
    if (kal_str_is(kal_json_get_str(now, "status"), "draft"))
        kal_reply_invalid(request, "flow_id", NO_FLOW);
    else
        kal_reply_error(request, KAL_ERR_JOURNEY_NOT_DRAFT, NULL);
    json_decref(now);
}

static void on_updated(kal_request *request, const kal_pg_reply *reply)
{
    if (failed(request, reply))
        return;
    if (kal_pg_count(reply->rows[1]) == 0)
        refuse(request, reply);
    else
        kal_reply_data(request, 200, kal_pg_str(reply->rows[2], 0, 0));
}

void kal_route_journeys_update(kal_request *request)
{
    kal_uuid id, flow;
    bool has_flow;

    if (!kal_request_uuid(request, 0, &id) || !kal_request_body(request))
        return;
    json_t *errors = kal_journey_body_check(request->body, false);
    has_flow =
        json_object_get(request->body, "flow_id") && check_flow(errors, request->body, &flow);
    if (!kal_reply_checked(request, errors))
        return;
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_journey_body_update(call, id, has_flow ? &flow : NULL, request->body,
                            kal_request_now(request));
    kal_pg_call_add_one(call, KAL_SQL_API_JOURNEY_GET, kal_v_uuid(id));
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_updated);
}

static void on_deleted(kal_request *request, const kal_pg_reply *reply)
{
    if (kal_reply_failed(request, reply))
        return;
    if (kal_pg_count(reply->rows[1]) == 0)
        refuse(request, reply);
    else
        kal_reply(request, 204, "", 0);
}

void kal_route_journeys_delete(kal_request *request)
{
    kal_uuid id;

    if (!kal_request_uuid(request, 0, &id))
        return;
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_pg_call_add_one(call, KAL_SQL_API_JOURNEY_DELETE, kal_v_uuid(id));
    kal_pg_call_add_one(call, KAL_SQL_API_JOURNEY_GET, kal_v_uuid(id));
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_deleted);
}
