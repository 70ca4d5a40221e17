/* /api/v1/api-keys: making, changing and revoking keys. The text of a key is in the answer to its
 * making and nowhere else. */
#include "api/check.h"
#include "api/reply.h"
#include "api/routes/routes.h"
#include "api/tenant.h"
#include "base/alloc.h"
#include "base/clock.h"

/* The role, when there is one, is one of ours; null is none. */
static void check_role(json_t *errors, const json_t *body, bool needed)
{
    const json_t *role = json_object_get(body, "role");

    if (!role || json_is_null(role)) {
        if (needed || role)
            kal_check_add(errors, "role", KAL_BLANK);
    } else if (!json_is_string(role) || !kal_role_parse(kal_json_get_str(body, "role"))) {
        kal_check_add(errors, "role", KAL_INVALID);
    }
}

/* When the key ends, in real time: INT64_MAX without an end, which is in the future. */
static int64_t check_end(json_t *errors, const json_t *body)
{
    const json_t *end = json_object_get(body, "expires_at");
    int64_t ms = INT64_MAX;

    if (end && !json_is_null(end) &&
        (!json_is_string(end) || !kal_clock_parse(kal_json_get_str(body, "expires_at"), &ms) ||
         ms <= kal_clock_real_ms()))
        kal_check_add(errors, "expires_at", KAL_INVALID);
    return ms;
}

static void on_created(kal_request *request, const kal_pg_reply *reply)
{
    const kal_new_key *key = request->state;
    char error[160];

    if (kal_reply_failed(request, reply))
        return;
    json_t *made = kal_json_parse(kal_pg_str(reply->rows[2], 0, 0), error);
    json_object_set_new(made, "key", json_string(key->key));
    kal_reply_json(request, 201, json_pack("{s:o}", "data", made));
}

void kal_route_keys_create(kal_request *request)
{
    if (!kal_request_body(request))
        return;
    json_t *errors = json_object();
    kal_check_needed(errors, request->body, "name", KAL_ID_MAX);
    check_role(errors, request->body, true);
    int64_t end = check_end(errors, request->body);
    if (!kal_reply_checked(request, errors))
        return;
    kal_new_key *key = kal_calloc(1, sizeof(*key));
    request->state = key;
    key->tenant = request->caller.tenant;
    key->name = kal_json_get_str(request->body, "name");
    key->role = kal_json_get_str(request->body, "role");
    key->expires_ms = end;
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_tenant_add_key(call, key, kal_request_now(request));
    kal_pg_call_add_one(call, KAL_SQL_API_KEY_GET, kal_v_uuid(key->id));
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_created);
}

/* Every thread of this process forgets its keys before it is answered; others hear by the poll. */
static bool failed(kal_request *request, const kal_pg_reply *reply)
{
    if (reply->err == KAL_OK || reply->unknown)
        atomic_fetch_add(&request->thread->api->tenants_changed, 1);
    return kal_reply_failed(request, reply);
}

/* rows[1]: the key when the statement touched it; rows[2]: the key as it is now. */
static void on_updated(kal_request *request, const kal_pg_reply *reply)
{
    if (failed(request, reply))
        return;
    if (kal_pg_count(reply->rows[2]) == 0)
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
    else if (kal_pg_count(reply->rows[1]) == 0)
        kal_reply_error(request, KAL_ERR_INVALID_TRANSITION, "the key is revoked");
    else
        kal_reply_data(request, 200, kal_pg_str(reply->rows[2], 0, 0));
}

void kal_route_keys_update(kal_request *request)
{
    kal_uuid id;

    if (!kal_request_uuid(request, 0, &id) || !kal_request_body(request))
        return;
    json_t *errors = json_object();
    if (json_object_get(request->body, "name"))
        kal_check_needed(errors, request->body, "name", KAL_ID_MAX);
    check_role(errors, request->body, false);
    int64_t end = check_end(errors, request->body);
    if (!kal_reply_checked(request, errors))
        return;
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_uuid(id));
    kal_args_add(args, kal_v_str(KAL_TEXT, kal_json_get_str(request->body, "name")));
    kal_args_add(args, kal_v_str(KAL_TEXT, kal_json_get_str(request->body, "role")));
    kal_args_add(args, kal_v_bool(json_object_get(request->body, "expires_at") != NULL));
    kal_args_add(args, end == INT64_MAX ? kal_v_null(KAL_TIMESTAMP) : kal_v_time(end));
    kal_pg_call_add(call, KAL_SQL_API_KEY_UPDATE, args);
    kal_pg_call_add_one(call, KAL_SQL_API_KEY_GET, kal_v_uuid(id));
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_updated);
}

static void on_revoked(kal_request *request, const kal_pg_reply *reply)
{
    if (failed(request, reply))
        return;
    if (kal_pg_count(reply->rows[2]) == 0)
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
    else
        kal_reply(request, 204, "", 0);
}

void kal_route_keys_revoke(kal_request *request)
{
    kal_uuid id;

    if (!kal_request_uuid(request, 0, &id))
        return;
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_pg_call_add_one(call, KAL_SQL_API_KEY_REVOKE, kal_v_uuid(id));
    kal_pg_call_add_one(call, KAL_SQL_API_KEY_GET, kal_v_uuid(id));
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_revoked);
}
