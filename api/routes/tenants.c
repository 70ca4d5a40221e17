/* /api/v1/admin/tenants: the operator's routes, which run as the owner, outside any tenant; and
 * /api/v1/tenant: a tenant as it sees and changes itself. */
#include "api/check.h"
#include "api/reply.h"
#include "api/routes/routes.h"
#include "api/settings.h"
#include "api/tenant.h"
#include "base/alloc.h"

#include <string.h>

static void on_created(kal_request *request, const kal_pg_reply *reply)
{
    const kal_new_tenant *made = request->state;
    char id[KAL_UUID_TEXT + 1];

    if (strcmp(reply->sqlstate, "23505") == 0) {
        kal_reply_invalid(request, "name", KAL_TAKEN);
        return;
    }
    if (kal_reply_failed(request, reply))
        return;
    kal_uuid_format(made->id, id);
    kal_reply_json(request, 201,
                   json_pack("{s:{s:s, s:O, s:s}}", "data", "id", id, "name",
                             json_object_get(request->body, "name"), "api_key", made->key));
}

void kal_route_tenants_create(kal_request *request)
{
    if (!kal_request_body(request))
        return;
    json_t *errors = json_object();
    kal_check_needed(errors, request->body, "name", KAL_ID_MAX);
    if (!kal_reply_checked(request, errors))
        return;
    kal_new_tenant *made = kal_calloc(1, sizeof(*made));
    request->state = made;
    kal_pg_call *call =
        kal_tenant_create(kal_json_get_str(request->body, "name"), kal_request_now(request), made);
    kal_request_send(request, kal_engine_writes(request->thread->engine), call, on_created);
}

static void on_tenant(kal_request *request, const kal_pg_reply *reply)
{
    if (kal_reply_failed(request, reply))
        return;
    const kal_pg_rows *rows = reply->rows[reply->count - 1];
    if (kal_pg_count(rows) == 0)
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
    else
        kal_reply_data(request, 200, kal_pg_str(rows, 0, 0));
}

void kal_route_tenants_get(kal_request *request)
{
    kal_uuid id;

    if (!kal_request_uuid(request, 0, &id))
        return;
    kal_pg_call *call = kal_pg_call_new();
    kal_pg_call_add_one(call, KAL_SQL_API_TENANT_GET, kal_v_uuid(id));
    kal_request_send(request, kal_engine_writes(request->thread->engine), call, on_tenant);
}

static void on_updated(kal_request *request, const kal_pg_reply *reply)
{
    if (reply->err == KAL_OK || reply->unknown)
        atomic_fetch_add(&request->thread->api->tenants_changed, 1);
    on_tenant(request, reply);
}

static void on_quotas(void *data)
{
    kal_request *request = data;

    kal_reply_data(request, 200, kal_str_of(request->state));
    kal_request_unref(request);
}

/* Its quotas are in force before it is answered. */
static void on_bounded(kal_request *request, const kal_pg_reply *reply)
{
    kal_uuid id;

    if (reply->err != KAL_OK || kal_pg_count(reply->rows[reply->count - 1]) == 0) {
        on_updated(request, reply);
        return;
    }
    kal_str tenant = kal_pg_str(reply->rows[reply->count - 1], 0, 0);
    atomic_fetch_add(&request->thread->api->tenants_changed, 1);
    request->state = kal_strndup(tenant.p, tenant.n);
    (void)kal_uuid_parse(request->params[0], &id); /* it was checked */
    kal_request_ref(request);
    kal_engine_quotas_changed(request->thread->engine, id, on_quotas, request);
}

/* Appends the change that the body asks for, and the tenant as it is then. */
static void add_change(const kal_request *request, kal_pg_call *call, kal_uuid id)
{
    const json_t *settings = json_object_get(request->body, "settings");
    kal_buf text = {0};

    if (settings) {
        kal_args *args = kal_args_new();
        kal_json_write(&text, settings);
        kal_args_add(args, kal_v_uuid(id));
        kal_args_add(args, kal_v_str(KAL_JSONB, (kal_str){text.data, text.len}));
        kal_pg_call_add(call, KAL_SQL_API_TENANT_SETTINGS, args);
        kal_buf_deinit(&text);
    }
    if (json_object_get(request->body, "jwt_secret")) {
        kal_args *args = kal_args_new();
        kal_args_add(args, kal_v_uuid(id));
        kal_args_add(args, kal_v_str(KAL_TEXT, kal_json_get_str(request->body, "jwt_secret")));
        kal_pg_call_add(call, KAL_SQL_API_TENANT_SECRET, args);
    }
    kal_pg_call_add_one(call, KAL_SQL_API_TENANT_GET, kal_v_uuid(id));
}

static bool check(kal_request *request)
{
    json_t *errors = json_object();

    kal_settings_check(request->body, errors);
    return kal_reply_checked(request, errors);
}

void kal_route_tenants_update(kal_request *request)
{
    kal_uuid id;

    if (!kal_request_uuid(request, 0, &id) || !kal_request_body(request) || !check(request))
        return;
    kal_pg_call *call = kal_pg_call_new();
    add_change(request, call, id);
    kal_request_send(request, kal_engine_writes(request->thread->engine), call, on_bounded);
}

void kal_route_tenant_get(kal_request *request)
{
    kal_uuid id = request->caller.tenant;
    kal_pg_call *call = kal_pool_tenant_call(id);

    kal_pg_call_add_one(call, KAL_SQL_API_TENANT_GET, kal_v_uuid(id));
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_tenant);
}

void kal_route_tenant_update(kal_request *request)
{
    kal_uuid id = request->caller.tenant;

    if (!kal_request_body(request) || !check(request))
        return;
    if (!kal_settings_are_own(json_object_get(request->body, "settings"))) {
        kal_reply_error(request, KAL_ERR_FORBIDDEN, "only the operator sets these");
        return;
    }
    kal_pg_call *call = kal_pool_tenant_call(id);
    add_change(request, call, id);
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_updated);
}
