/* GET /instances/:id/explain. */
#include "api/explain.h"

#include "api/reply.h"
#include "api/routes/routes.h"

static void on_facts(kal_request *request, const kal_pg_reply *reply)
{
    json_error_t error;

    if (kal_reply_failed(request, reply))
        return;
    if (kal_pg_count(reply->rows[1]) == 0) {
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
        return;
    }
    /* What was taken in is taken out: no limit of a body's holds for all of it together. */
    kal_str text = kal_pg_str(reply->rows[1], 0, 0);
    json_t *facts = json_loadb(text.p, text.n, 0, &error);
    if (facts)
        kal_reply_json(request, 200, json_pack("{s:o}", "data", kal_explain(facts)));
    else
        kal_reply_error(request, KAL_ERR_INTERNAL, error.text);
    json_decref(facts);
}

void kal_route_instances_explain(kal_request *request)
{
    kal_uuid id;

    if (!kal_request_uuid(request, 0, &id))
        return;
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_uuid(id));
    kal_args_add(args, kal_v_time(kal_request_now(request)));
    kal_pg_call_add(call, KAL_SQL_API_INSTANCE_EXPLAIN, args);
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_facts);
}
