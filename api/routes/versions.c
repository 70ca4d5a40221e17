/* POST /flows/:id/versions: a new draft version, its graph unchecked and unchanged. */
#include "api/check.h"
#include "api/reply.h"
#include "api/routes/routes.h"

static bool check(kal_request *request)
{
    json_t *errors = json_object();
    const json_t *graph = json_object_get(request->body, "graph");

    if (!graph || json_is_null(graph))
        kal_check_add(errors, "graph", KAL_BLANK);
    else if (!json_is_object(graph))
        kal_check_add(errors, "graph", KAL_INVALID);
    kal_check_text(errors, request->body, "changelog", KAL_TEXT_MAX);
    kal_check_object(errors, request->body, "node_mapping");
    return kal_reply_checked(request, errors);
}

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
    kal_buf graph = {0}, mapping = {0};

    if (!kal_request_uuid(request, 0, &flow) || !kal_request_body(request) || !check(request))
        return;
    kal_json_write(&graph, json_object_get(request->body, "graph"));
    const json_t *given = json_object_get(request->body, "node_mapping");
    if (given)
        kal_json_write(&mapping, given);
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_pg_call_add_one(call, KAL_SQL_API_FLOW_LOCK, kal_v_uuid(flow));
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_uuid(flow));
    kal_args_add(args, kal_v_str(KAL_JSON, (kal_str){graph.data, graph.len}));
    kal_args_add(args, kal_v_str(KAL_TEXT, kal_json_get_str(request->body, "changelog")));
    kal_args_add(args, kal_v_str(KAL_JSON, (kal_str){mapping.data, mapping.len}));
    kal_args_add(args, kal_v_time(kal_request_now(request)));
    kal_pg_call_add(call, KAL_SQL_API_VERSION_CREATE, args);
    kal_pg_call_add_one(call, KAL_SQL_API_VERSION_LAST, kal_v_uuid(flow));
    kal_buf_deinit(&graph);
    kal_buf_deinit(&mapping);
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_created);
}
