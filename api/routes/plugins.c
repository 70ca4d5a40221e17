/* Node types of a tenant's own. Their code says what they are in the tenant's cell; what it says is
 * checked here, and the upload becomes a row. */
#include "api/check.h"
#include "api/reply.h"
#include "api/routes/routes.h"
#include "base/alloc.h"

#define SOURCE_MOST 262144

static const char ask[] = "{\"call\":\"describe\"}";

static void refuse(kal_request *request, kal_str problem)
{
    char text[512];

    snprintf(text, sizeof(text), "%.*s", (int)problem.n, problem.p);
    kal_reply_invalid(request, "source", text);
}

static void on_created(kal_request *request, const kal_pg_reply *reply)
{
    if (!kal_reply_failed(request, reply))
        kal_reply_data(request, 201, kal_pg_str(reply->rows[3], 0, 0));
}

static void add_lock(kal_request *request, kal_pg_call *call, kal_str type)
{
    kal_value value = kal_v_str(KAL_TEXT, type);
    kal_args *args = kal_args_new();

    kal_args_add(args, kal_v_uuid(request->caller.tenant));
    kal_args_add_array(args, KAL_TEXT, &value, 1);
    kal_pg_call_add(call, KAL_SQL_API_PLUGIN_LOCK, args);
}

static void store(kal_request *request, const json_t *plugin)
{
    kal_str type = kal_json_get_str(plugin, "type");
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);

    add_lock(request, call, type);
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_uuid(kal_uuid_new(kal_request_now(request))));
    kal_args_add(args, kal_v_uuid(request->caller.tenant));
    kal_args_add(args, kal_v_str(KAL_TEXT, type));
    kal_args_add(args, kal_v_str(KAL_TEXT, kal_json_get_str(plugin, "artefact")));
    kal_args_add(args, kal_v_time(kal_request_now(request)));
    kal_pg_call_add(call, KAL_SQL_API_PLUGIN_CREATE, args);
    kal_pg_call_add_one(call, KAL_SQL_API_PLUGIN_GET, kal_v_str(KAL_TEXT, type));
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_created);
}

/* What the code says of itself is in the outcome's result. */
static void take(kal_request *request, kal_str outcome)
{
    char error[160];
    kal_buf why = {0};
    json_t *said = kal_json_parse(outcome, error);
    json_t *plugin =
        kal_lua_own_plugin(kal_engine_lua(request->thread->engine), json_object_get(said, "result"),
                           kal_json_get_str(request->body, "source"), &why);

    if (plugin)
        store(request, plugin);
    else
        refuse(request, (kal_str){why.data, why.len});
    json_decref(plugin);
    json_decref(said);
    kal_buf_deinit(&why);
}

static void on_described(void *data, const kal_cell_result *result)
{
    kal_request *request = data;

    if (result->end == KAL_CELL_BUSY)
        kal_reply_error(request, KAL_ERR_UNAVAILABLE, NULL);
    else if (result->end == KAL_CELL_FAILED)
        refuse(request, result->text);
    else
        take(request, result->text);
    kal_request_unref(request);
}

static bool is_right(kal_request *request, kal_str source)
{
    kal_buf problem = {0};
    json_t *errors = json_object();

    kal_check_needed(errors, request->body, "source", SOURCE_MOST);
    if (!json_object_size(errors) &&
        !kal_lua_code_ok(kal_engine_lua(request->thread->engine), source, &problem))
        kal_check_add(errors, "source", problem.data);
    kal_buf_deinit(&problem);
    return kal_reply_checked(request, errors);
}

void kal_route_plugins_create(kal_request *request)
{
    if (!kal_request_body(request))
        return;
    kal_str source = kal_json_get_str(request->body, "source");
    if (!is_right(request, source))
        return;
    kal_cell_call call = {.tenant = request->caller.tenant,
                          .source = source,
                          .input = {ask, sizeof(ask) - 1},
                          .done = on_described,
                          .data = request};
    kal_request_ref(request);
    kal_cells_call(kal_engine_cells(request->thread->engine), &call);
}

static void on_plugin(kal_request *request, const kal_pg_reply *reply)
{
    if (kal_reply_failed(request, reply))
        return;
    if (kal_pg_count(reply->rows[1]) == 0)
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
    else
        kal_reply_data(request, 200, kal_pg_str(reply->rows[1], 0, 0));
}

void kal_route_plugins_get(kal_request *request)
{
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);

    kal_pg_call_add_one(call, KAL_SQL_API_PLUGIN_GET, kal_v_str(KAL_TEXT, request->params[0]));
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_plugin);
}

static void on_deleted(kal_request *request, const kal_pg_reply *reply)
{
    if (kal_reply_failed(request, reply))
        return;
    if (kal_pg_count(reply->rows[2]) != 0)
        kal_reply(request, 204, "", 0);
    else
        kal_reply_error(request, kal_pg_count(reply->rows[3]) ? KAL_ERR_IN_USE : KAL_ERR_NOT_FOUND,
                        NULL);
}

void kal_route_plugins_delete(kal_request *request)
{
    kal_value type = kal_v_str(KAL_TEXT, request->params[0]);
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);

    add_lock(request, call, request->params[0]);
    kal_pg_call_add_one(call, KAL_SQL_API_PLUGIN_DELETE, type);
    kal_pg_call_add_one(call, KAL_SQL_API_PLUGIN_GET, type);
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_deleted);
}
