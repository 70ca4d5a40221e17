/* Writing segments: create, change, delete. A shard's view of them is refreshed as that of flows.
 */
#include "api/check.h"
#include "api/reply.h"
#include "api/routes/lifecycle.h"
#include "api/routes/routes.h"

#include <string.h>

#define RULES_MOST ((size_t)64 << 10) /* bytes */

/* What is wrong with the rules or the expression of a segment of this type. */
static void check_definition(kal_request *request, json_t *errors, const char *type)
{
    const json_t *body = request->body;
    kal_buf text = {0};
    json_t *definition =
        json_pack("{s:s*, s:O*, s:O*}", "type", type, "rules", json_object_get(body, "rules"),
                  "expression", json_object_get(body, "expression"));

    json_t *found =
        kal_lua_segment_check(kal_engine_lua(request->thread->engine), definition, &text);
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

static bool check(kal_request *request, bool is_new, const char *type)
{
    json_t *errors = json_object();
    const json_t *body = request->body;

    if (is_new || json_object_get(body, "name"))
        kal_check_needed(errors, body, "name", KAL_ID_MAX);
    kal_check_text(errors, body, "description", KAL_TEXT_MAX);
    check_definition(request, errors, type);
    const json_t *given = json_object_get(body, "type");
    bool known =
        !given || (json_is_string(given) && (strcmp(json_string_value(given), "static") == 0 ||
                                             strcmp(json_string_value(given), "dynamic") == 0));
    if (!known)
        kal_check_add(errors, "type", KAL_INVALID);
    else if (!is_new && given && strcmp(json_string_value(given), type) != 0)
        kal_check_add(errors, "type", "can't be changed");
    return kal_reply_checked(request, errors);
}

/* The rules' text, or SQL's null when they are left out; null stands for none. */
static void add_rules(kal_args *args, const json_t *body)
{
    const json_t *rules = json_object_get(body, "rules");
    kal_buf text = {0};

    if (rules && !json_is_null(rules))
        kal_json_write(&text, rules);
    else if (rules)
        kal_buf_puts(&text, "[]");
    kal_args_add(args, kal_v_str(KAL_JSON, (kal_str){text.len ? text.data : NULL, text.len}));
    kal_buf_deinit(&text);
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
    if (!kal_request_body(request))
        return;
    const char *type = json_string_value(json_object_get(request->body, "type"));
    if (!type)
        type = "dynamic";
    if (!check(request, true, type))
        return;
    kal_uuid id = kal_uuid_new(kal_request_now(request));
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_uuid(id));
    kal_args_add(args, kal_v_uuid(request->caller.tenant));
    kal_args_add(args, kal_v_str(KAL_TEXT, kal_json_get_str(request->body, "name")));
    kal_args_add(args, kal_v_str(KAL_TEXT, kal_json_get_str(request->body, "description")));
    kal_args_add(args, kal_v_text(type));
    add_rules(args, request->body);
    kal_args_add(args, kal_v_str(KAL_TEXT, kal_json_get_str(request->body, "expression")));
    kal_args_add(args, kal_v_time(kal_request_now(request)));
    kal_pg_call_add(call, KAL_SQL_API_SEGMENT_CREATE, args);
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
    const json_t *body = request->body;
    char type[16] = "";

    if (kal_reply_failed(request, reply) || !kal_request_uuid(request, 0, &id))
        return;
    if (kal_pg_count(reply->rows[1]) == 0) {
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
        return;
    }
    kal_str stored = kal_pg_str(reply->rows[1], 0, 0);
    memcpy(type, stored.p, stored.n < sizeof(type) ? stored.n : sizeof(type) - 1);
    if (!check(request, false, type))
        return;
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_uuid(id));
    kal_args_add(args, kal_v_str(KAL_TEXT, kal_json_get_str(body, "name")));
    kal_args_add(args, kal_v_bool(json_object_get(body, "description") != NULL));
    kal_args_add(args, kal_v_str(KAL_TEXT, kal_json_get_str(body, "description")));
    add_rules(args, body);
    kal_args_add(args, kal_v_bool(json_object_get(body, "expression") != NULL));
    kal_args_add(args, kal_v_str(KAL_TEXT, kal_json_get_str(body, "expression")));
    kal_args_add(args, kal_v_time(kal_request_now(request)));
    kal_pg_call_add(call, KAL_SQL_API_SEGMENT_UPDATE, args);
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
