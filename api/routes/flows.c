/* Writing flows: create, edit and delete drafts, move between states. */
#include "api/check.h"
#include "api/reply.h"
#include "api/routes/lifecycle.h"
#include "api/routes/routes.h"
#include "flow/rules.h"

/* Text of a member as JSON, or SQL's null when it is left out. */
static kal_value json_member(const json_t *body, const char *field, kal_buf *space)
{
    const json_t *value = json_object_get(body, field);

    kal_buf_clear(space);
    if (!value)
        return kal_v_null(KAL_JSON);
    kal_json_write(space, value);
    return kal_v_str(KAL_JSON, (kal_str){space->data, space->len});
}

static void add_json(kal_args *args, const json_t *body, const char *field)
{
    kal_buf space = {0};

    kal_args_add(args, json_member(body, field, &space));
    kal_buf_deinit(&space);
}

/* What creating and changing a flow end with. */
static void add_settings(kal_args *args, const kal_request *request)
{
    add_json(args, request->body, "entry_config");
    add_json(args, request->body, "exit_criteria");
    add_json(args, request->body, "frequency_cap");
    kal_args_add(args, kal_v_time(kal_request_now(request)));
}

static void add_problems(json_t *errors, const char *field, json_t *problems)
{
    size_t i;
    json_t *problem;

    json_array_foreach(problems, i, problem)
        kal_check_add(errors, field, json_string_value(problem));
    json_decref(problems);
}

/* What is no map has been told by then. */
static void check_rules(kal_request *request, json_t *errors)
{
    const json_t *entry = json_object_get(request->body, "entry_config");
    const json_t *exits = json_object_get(request->body, "exit_criteria");
    json_t *problems = json_array();

    if (json_is_object(entry))
        kal_rules_entry(entry, "", problems);
    add_problems(errors, "entry_config", problems);
    problems = json_array();
    if (json_is_object(exits))
        kal_rules_exit(kal_engine_lua(request->thread->engine), exits, "", problems);
    add_problems(errors, "exit_criteria", problems);
}

static bool check(kal_request *request, bool is_new)
{
    json_t *errors = json_object();
    const json_t *body = request->body;

    if (is_new || json_object_get(body, "name"))
        kal_check_needed(errors, body, "name", KAL_ID_MAX);
    kal_check_text(errors, body, "description", KAL_TEXT_MAX);
    kal_check_object(errors, body, "entry_config");
    kal_check_object(errors, body, "exit_criteria");
    kal_check_object(errors, body, "frequency_cap");
    check_rules(request, errors);
    return kal_reply_checked(request, errors);
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
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_uuid(id));
    kal_args_add(args, kal_v_uuid(request->caller.tenant));
    kal_args_add(args, kal_v_str(KAL_TEXT, kal_json_get_str(request->body, "name")));
    kal_args_add(args, kal_v_str(KAL_TEXT, kal_json_get_str(request->body, "description")));
    add_settings(args, request);
    kal_pg_call_add(call, KAL_SQL_API_FLOW_CREATE, args);
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
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_uuid(id));
    kal_args_add(args, kal_v_str(KAL_TEXT, kal_json_get_str(request->body, "name")));
    kal_args_add(args, kal_v_bool(json_object_get(request->body, "description") != NULL));
    kal_args_add(args, kal_v_str(KAL_TEXT, kal_json_get_str(request->body, "description")));
    add_settings(args, request);
    kal_pg_call_add(call, KAL_SQL_API_FLOW_UPDATE, args);
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
