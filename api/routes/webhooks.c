/* POST /webhooks/:id, the entry webhook of a flow, or of a journey's flow. A flow that sets a
 * secret takes signed requests without a key; any other takes a key. */
#include "api/check.h"
#include "api/pipeline.h"
#include "api/reply.h"
#include "api/routes/routes.h"
#include "api/settings.h"
#include "api/signature.h"
#include "api/works.h"
#include "base/alloc.h"

#include <string.h>

#define MESSAGE_ID_MOST 200

static void on_done(kal_work *work)
{
    kal_request *request = work->data;
    char id[KAL_UUID_TEXT + 1];

    if (work->err == KAL_OK) {
        json_t *ids = json_array();
        kal_uuid_format(work->instance_id, id);
        if (work->started)
            json_array_append_new(ids, json_string(id));
        kal_reply_json(
            request, 202,
            json_pack("{s:{s:i, s:o}}", "data", "started", work->started, "instance_ids", ids));
    } else {
        kal_reply_error(request, work->err, work->message);
    }
    kal_work_free(work);
    kal_request_unref(request);
}

/* Answers with what is wrong with the body, if anything. */
static bool check(kal_request *request)
{
    const json_t *customer = json_object_get(request->body, "customer_id");
    const json_t *data = json_object_get(request->body, "data");

    if (!customer || json_is_null(customer) ||
        (json_is_string(customer) && !json_string_length(customer)))
        kal_reply_error(request, KAL_ERR_CUSTOMER_ID_REQUIRED, NULL);
    else if (!json_is_string(customer) || json_string_length(customer) > KAL_ID_MAX)
        kal_reply_invalid(request, "customer_id", KAL_INVALID);
    else if (data && !json_is_null(data) && !json_is_object(data))
        kal_reply_invalid(request, "data", KAL_INVALID);
    else
        return true;
    return false;
}

/* A repeated message of one flow is known by this id, as a repeated event is. */
static char *event_id(const char *flow, kal_str message)
{
    kal_buf id = {0};

    if (!message.n)
        return NULL;
    kal_buf_printf(&id, "webhook:%s:", flow);
    kal_buf_add(&id, message.p, message.n);
    char *text = kal_strndup(id.data, id.len);
    kal_buf_deinit(&id);
    return text;
}

/* The caller is known. */
static void enter(kal_request *request)
{
    kal_str message = kal_request_named_header(request, "webhook-id");
    char flow[KAL_UUID_TEXT + 1];
    kal_uuid id;

    if (!kal_pipeline_admit(request, KAL_SCOPE_EDITOR) || !kal_request_uuid(request, 0, &id) ||
        !kal_request_body(request) || !check(request))
        return;
    if (message.n > MESSAGE_ID_MOST || !kal_str_utf8(message)) {
        kal_reply_error(request, KAL_ERR_BAD_REQUEST, "webhook-id is not UTF-8, or over 200 bytes");
        return;
    }
    json_t *data = json_object_get(request->body, "data");
    size_t size = kal_works_size(request->body, request->http->entity.len);
    kal_work *work =
        kal_works_make(request, KAL_WORK_WEBHOOK, kal_json_get_str(request->body, "customer_id"),
                       json_is_object(data) ? json_incref(data) : json_object(), size);
    kal_uuid_format(id, flow);
    work->flow_id = id;
    work->event_type = kal_strdup("webhook");
    work->event_id = event_id(flow, message);
    kal_works_send(request, work, on_done);
}

static bool is_signed(const kal_request *request, kal_str secret)
{
    const h2o_iovec_t body = request->http->entity;
    kal_signed what = {
        .id = kal_request_named_header(request, "webhook-id"),
        .timestamp = kal_request_named_header(request, "webhook-timestamp"),
        .signatures = kal_request_named_header(request, "webhook-signature"),
        .body = {body.base ? body.base : "", body.len},
    };
    return kal_signature_ok(secret, &what, kal_clock_real_ms());
}

/* The tenant itself calls, by the secret that it gave away. */
static void set_caller(kal_request *request, const kal_pg_rows *rows)
{
    kal_caller *caller = &request->caller;

    caller->tenant = kal_pg_uuid(rows, 0, 0);
    caller->role = KAL_ROLE_EDITOR;
    memcpy(caller->rates, request->thread->api->rates, sizeof(caller->rates));
    kal_settings_rates(kal_pg_str(rows, 0, 2), caller->rates);
}

/* An unknown id answers as a flow of another tenant does. */
static void on_flow(kal_request *request, const kal_pg_reply *reply)
{
    char error[160];

    if (kal_reply_failed(request, reply) || !request->http)
        return;
    const kal_pg_rows *rows = reply->rows[0];
    bool found = kal_pg_count(rows) != 0;
    json_t *config = found ? kal_json_parse(kal_pg_str(rows, 0, 1), error) : NULL;
    kal_str secret = kal_json_get_str(config, "webhook_secret");
    if (found)
        kal_request_set_flow(request, kal_pg_uuid(rows, 0, 3));
    if (!secret.n) {
        kal_auth_check(request, enter);
    } else if (is_signed(request, secret)) {
        set_caller(request, rows);
        enter(request);
    } else {
        kal_reply_error(request, KAL_ERR_INVALID_SIGNATURE, NULL);
    }
    json_decref(config);
}

void kal_route_webhooks_enter(kal_request *request)
{
    kal_uuid id;

    if (!kal_request_uuid(request, 0, &id))
        return;
    kal_pg_call *call = kal_pg_call_new();
    kal_pg_call_add_one(call, KAL_SQL_API_WEBHOOK_FLOW, kal_v_uuid(id));
    kal_request_send(request, kal_engine_writes(request->thread->engine), call, on_flow);
}
