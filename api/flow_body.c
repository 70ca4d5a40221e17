#include "api/flow_body.h"

#include "api/check.h"
#include "api/member.h"
#include "flow/rules.h"

static void add_problems(json_t *errors, const char *field, json_t *problems)
{
    size_t i;
    json_t *problem;

    json_array_foreach(problems, i, problem)
        kal_check_add(errors, field, json_string_value(problem));
    json_decref(problems);
}

/* What is no map has been told by then. */
static void check_rules(kal_lua *lua, const json_t *body, json_t *errors)
{
    const json_t *entry = json_object_get(body, "entry_config");
    const json_t *exits = json_object_get(body, "exit_criteria");
    json_t *problems = json_array();

    if (json_is_object(entry))
        kal_rules_entry(entry, "", problems);
    add_problems(errors, "entry_config", problems);
    problems = json_array();
    if (json_is_object(exits))
        kal_rules_exit(lua, exits, "", problems);
    add_problems(errors, "exit_criteria", problems);
}

json_t *kal_flow_body_check(kal_lua *lua, const json_t *body, bool is_new)
{
    json_t *errors = json_object();

    if (is_new || json_object_get(body, "name"))
        kal_check_needed(errors, body, "name", KAL_ID_MAX);
    kal_check_text(errors, body, "description", KAL_TEXT_MAX);
    kal_check_object(errors, body, "entry_config");
    kal_check_object(errors, body, "exit_criteria");
    kal_check_object(errors, body, "frequency_cap");
    check_rules(lua, body, errors);
    return errors;
}

json_t *kal_flow_body_check_version(const json_t *body)
{
    json_t *errors = json_object();
    const json_t *graph = json_object_get(body, "graph");

    if (!graph || json_is_null(graph))
        kal_check_add(errors, "graph", KAL_BLANK);
    else if (!json_is_object(graph))
        kal_check_add(errors, "graph", KAL_INVALID);
    kal_check_text(errors, body, "changelog", KAL_TEXT_MAX);
    kal_check_object(errors, body, "node_mapping");
    return errors;
}

/* What creating and changing a flow end with. */
static void add_settings(kal_args *args, const json_t *body, int64_t now_ms)
{
    kal_member_json(args, body, "entry_config");
    kal_member_json(args, body, "exit_criteria");
    kal_member_json(args, body, "frequency_cap");
    kal_args_add(args, kal_v_time(now_ms));
}

void kal_flow_body_create(kal_pg_call *call, kal_uuid id, kal_uuid tenant, const json_t *body,
                          int64_t now_ms)
{
    kal_args *args = kal_args_new();

    kal_args_add(args, kal_v_uuid(id));
    kal_args_add(args, kal_v_uuid(tenant));
    kal_member_text(args, body, "name");
    kal_member_text(args, body, "description");
    add_settings(args, body, now_ms);
    kal_pg_call_add(call, KAL_SQL_API_FLOW_CREATE, args);
}

void kal_flow_body_update(kal_pg_call *call, kal_uuid id, const json_t *body, int64_t now_ms)
{
    kal_args *args = kal_args_new();

    kal_args_add(args, kal_v_uuid(id));
    kal_member_text(args, body, "name");
    kal_member_given(args, body, "description");
    add_settings(args, body, now_ms);
    kal_pg_call_add(call, KAL_SQL_API_FLOW_UPDATE, args);
}

void kal_flow_body_version(kal_pg_call *call, kal_uuid flow, const json_t *body, int64_t now_ms)
{
    kal_args *args = kal_args_new();

    kal_pg_call_add_one(call, KAL_SQL_API_FLOW_LOCK, kal_v_uuid(flow));
    kal_args_add(args, kal_v_uuid(flow));
    kal_member_json(args, body, "graph");
    kal_member_text(args, body, "changelog");
    kal_member_json(args, body, "node_mapping");
    kal_args_add(args, kal_v_time(now_ms));
    kal_pg_call_add(call, KAL_SQL_API_VERSION_CREATE, args);
}
