#include "api/segment_body.h"

#include "api/check.h"
#include "api/member.h"

#include <string.h>

#define RULES_MOST ((size_t)64 << 10) /* bytes */

/* What is wrong with what decides who is in a segment of this type. */
static void check_definition(kal_lua *lua, const json_t *body, json_t *errors, const char *type)
{
    kal_buf text = {0};
    json_t *definition =
        json_pack("{s:s, s:O*, s:O*, s:O*}", "type", type, "rules", json_object_get(body, "rules"),
                  "expression", json_object_get(body, "expression"), "predicate",
                  json_object_get(body, "predicate"));

    json_t *found = kal_lua_segment_check(lua, definition, &text);
    if (found)
        json_object_update(errors, found);
    else
        kal_check_add(errors, "rules", text.data);
    kal_buf_clear(&text);
    if (json_object_get(body, "rules"))
        kal_json_write(&text, json_object_get(body, "rules"));
    if (text.len > RULES_MOST)
        kal_check_add(errors, "rules", "is longer than 64 KB");
    kal_buf_deinit(&text);
    json_decref(found);
    json_decref(definition);
}

/* Of a new segment; what is no text is told as invalid. */
static const char *type_of(const json_t *body)
{
    const char *type = json_string_value(json_object_get(body, "type"));

    return type ? type : "dynamic";
}

json_t *kal_segment_body_check(kal_lua *lua, const json_t *body, const char *stored)
{
    json_t *errors = json_object();
    const json_t *given = json_object_get(body, "type");

    if (!stored || json_object_get(body, "name"))
        kal_check_needed(errors, body, "name", KAL_ID_MAX);
    kal_check_text(errors, body, "description", KAL_TEXT_MAX);
    check_definition(lua, body, errors, stored ? stored : type_of(body));
    bool known =
        !given || (json_is_string(given) && (strcmp(json_string_value(given), "static") == 0 ||
                                             strcmp(json_string_value(given), "dynamic") == 0));
    if (!known)
        kal_check_add(errors, "type", KAL_INVALID);
    else if (stored && given && strcmp(json_string_value(given), stored) != 0)
        kal_check_add(errors, "type", "can't be changed");
    return errors;
}

/* The rules' text, or SQL's null when they are left out; null stands for none. */
static void add_rules(kal_args *args, const json_t *body)
{
    if (json_is_null(json_object_get(body, "rules")))
        kal_args_add(args, kal_v_str(KAL_JSON, kal_str_of("[]")));
    else
        kal_member_json(args, body, "rules");
}

void kal_segment_body_create(kal_pg_call *call, kal_uuid id, kal_uuid tenant, const json_t *body,
                             int64_t now_ms)
{
    kal_args *args = kal_args_new();

    kal_args_add(args, kal_v_uuid(id));
    kal_args_add(args, kal_v_uuid(tenant));
    kal_member_text(args, body, "name");
    kal_member_text(args, body, "description");
    kal_args_add(args, kal_v_text(type_of(body)));
    add_rules(args, body);
    kal_member_text(args, body, "expression");
    kal_member_text(args, body, "predicate");
    kal_args_add(args, kal_v_time(now_ms));
    kal_pg_call_add(call, KAL_SQL_API_SEGMENT_CREATE, args);
}

void kal_segment_body_update(kal_pg_call *call, kal_uuid id, const json_t *body, int64_t now_ms)
{
    kal_args *args = kal_args_new();

    kal_args_add(args, kal_v_uuid(id));
    kal_member_text(args, body, "name");
    kal_member_given(args, body, "description");
    add_rules(args, body);
    kal_member_given(args, body, "expression");
    kal_member_given(args, body, "predicate");
    kal_args_add(args, kal_v_time(now_ms));
    kal_pg_call_add(call, KAL_SQL_API_SEGMENT_UPDATE, args);
}
