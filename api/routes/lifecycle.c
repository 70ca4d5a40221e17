/* Pause, resume and archive a flow; activate has a file of its own. */
#include "api/routes/lifecycle.h"

#include "api/claim.h"
#include "api/reply.h"
#include "api/routes/routes.h"
#include "base/alloc.h"

#include <string.h>

typedef struct change {
    kal_request *request;
    kal_buf answer; /* empty: there is nothing to show */
} change;

static void on_known(void *data)
{
    change *c = data;

    if (c->answer.len)
        kal_reply(c->request, 200, c->answer.data, c->answer.len);
    else
        kal_reply(c->request, 204, "", 0);
    kal_request_unref(c->request);
    kal_buf_deinit(&c->answer);
    kal_free(c);
}

void kal_lifecycle_move(kal_pg_call *call, kal_sql sql, const kal_request *request, kal_uuid flow)
{
    kal_args *args = kal_args_new();

    kal_args_add(args, kal_v_uuid(flow));
    kal_args_add(args, kal_v_time(kal_request_now(request)));
    kal_pg_call_add(call, sql, args);
}

void kal_lifecycle_show(kal_pg_call *call, const kal_request *request, kal_uuid flow)
{
    if (kal_uuid_is_nil(request->journey))
        kal_pg_call_add_one(call, KAL_SQL_API_FLOW_GET, kal_v_uuid(flow));
    else
        kal_pg_call_add_one(call, KAL_SQL_API_JOURNEY_GET, kal_v_uuid(request->journey));
}

static void tell(change *c)
{
    kal_engine_flow_changed(c->request->thread->engine, c->request->caller.tenant, on_known, c);
}

/* Told even when it was not committed: perhaps it was, and only the answer was lost. */
static void on_committed(void *data, bool committed)
{
    (void)committed;
    tell(data);
}

void kal_lifecycle_changed(kal_request *request, kal_str json)
{
    change *c = kal_calloc(1, sizeof(*c));

    c->request = request;
    kal_request_ref(request);
    if (json.n) {
        kal_buf_puts(&c->answer, "{\"data\":");
        kal_buf_add(&c->answer, json.p, json.n);
        kal_buf_putc(&c->answer, '}');
    }
    kal_str answer = {c->answer.data ? c->answer.data : "", c->answer.len};
    if (!kal_claim_commit(request, answer.n ? 200 : 204, answer, on_committed, c))
        tell(c);
}

static void on_told(void *data)
{
    (void)data;
}

void kal_lifecycle_tell(kal_request *request)
{
    kal_engine_flow_changed(request->thread->engine, request->caller.tenant, on_told, NULL);
}

bool kal_lifecycle_failed(kal_request *request, const kal_pg_reply *reply)
{
    if (reply->unknown && !request->thread->stopping) /* the shards go before the connections do */
        kal_lifecycle_tell(request);
    return kal_reply_failed(request, reply);
}

/* rows[1]: the flow when the statement moved it; rows[2]: the flow or its journey as it is now;
 * request->state: the status that was wanted. A flow that has it already may have got it by a
 * statement whose answer was lost, so the engine is told then too. */
static void on_moved(kal_request *request, const kal_pg_reply *reply)
{
    const char *wanted = request->state;
    char error[160];

    if (kal_lifecycle_failed(request, reply))
        return;
    if (kal_pg_count(reply->rows[2]) == 0) {
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
        return;
    }
    kal_str json = kal_pg_str(reply->rows[2], 0, 0);
    json_t *now = kal_json_parse(json, error);
    if (kal_pg_count(reply->rows[1]) == 1 || kal_str_is(kal_json_get_str(now, "status"), wanted))
        kal_lifecycle_changed(request, json);
    else
        kal_reply_error(request, KAL_ERR_INVALID_TRANSITION, NULL);
    json_decref(now);
}

static void move(kal_request *request, kal_sql sql, const char *wanted)
{
    kal_uuid flow;

    if (!kal_request_uuid(request, 0, &flow))
        return;
    if (request->unlaunched && strcmp(wanted, "archived") != 0) {
        kal_reply_error(request, KAL_ERR_INVALID_TRANSITION, NULL);
        return;
    }
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_lifecycle_move(call, sql, request, flow);
    kal_lifecycle_show(call, request, flow);
    request->state = kal_strdup(wanted);
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_moved);
}

void kal_route_flows_pause(kal_request *request)
{
    move(request, KAL_SQL_API_FLOW_PAUSE, "paused");
}

void kal_route_flows_resume(kal_request *request)
{
    move(request, KAL_SQL_API_FLOW_RESUME, "active");
}

void kal_route_flows_archive(kal_request *request)
{
    move(request, KAL_SQL_API_FLOW_ARCHIVE, "archived");
}
