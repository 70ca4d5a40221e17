/* POST /flows/:id/trigger, for one customer or a list of them. */
#include "api/check.h"
#include "api/reply.h"
#include "api/routes/routes.h"
#include "api/works.h"
#include "base/alloc.h"

#include <stdio.h>
#include <string.h>

#define CUSTOMERS_MOST 10000

static kal_work *make(const kal_request *request, kal_uuid flow, const json_t *customer,
                      size_t size)
{
    json_t *context = json_object_get(request->body, "context");
    kal_str id = {json_string_value(customer), json_string_length(customer)};

    kal_work *work =
        kal_works_make(request, KAL_WORK_TRIGGER, id,
                       json_is_object(context) ? json_incref(context) : json_object(), size);
    work->flow_id = flow;
    return work;
}

/* What is wrong with a customer_id; KAL_OK: nothing. */
static kal_err check(const json_t *id)
{
    if (!id || json_is_null(id) || (json_is_string(id) && json_string_length(id) == 0))
        return KAL_ERR_CUSTOMER_ID_REQUIRED;
    return json_is_string(id) && json_string_length(id) <= KAL_ID_MAX ? KAL_OK
                                                                      : KAL_ERR_VALIDATION_FAILED;
}

static void on_done(kal_work *work)
{
    kal_request *request = work->data;
    char id[KAL_UUID_TEXT + 1], body[64];

    if (work->err != KAL_OK) {
        kal_reply_error(request, work->err, work->message);
    } else {
        kal_uuid_format(work->instance_id, id);
        int n = snprintf(body, sizeof(body), "{\"instance_id\":\"%s\"}", id);
        kal_reply(request, 201, body, (size_t)n);
    }
    kal_work_free(work);
    kal_request_unref(request);
}

static void trigger_one(kal_request *request, kal_uuid flow)
{
    const json_t *id = json_object_get(request->body, "customer_id");
    kal_err err = check(id);

    if (err == KAL_ERR_VALIDATION_FAILED) {
        kal_reply_invalid(request, "customer_id", KAL_INVALID);
    } else if (err != KAL_OK) {
        kal_reply_error(request, err, NULL);
    } else {
        size_t size = kal_works_size(request->body, request->http->entity.len);
        kal_works_send(request, make(request, flow, id, size), on_done);
    }
}

/* An error that lies in the flow and not in a customer, when every item has it. */
static kal_err common_error(const kal_works *batch)
{
    kal_err err = batch->items[0].err;

    for (size_t i = 1; i < batch->count; i++)
        if (batch->items[i].err != err)
            return KAL_OK;
    return err == KAL_ERR_NOT_FOUND || err == KAL_ERR_FLOW_NOT_ACTIVE ||
                   err == KAL_ERR_NO_ACTIVE_VERSION || err == KAL_ERR_UNAVAILABLE ||
                   err == KAL_ERR_QUOTA_EXCEEDED
               ? err
               : KAL_OK;
}

static void on_batch(kal_request *request, const kal_works *batch)
{
    const json_t *ids = json_object_get(request->body, "customer_ids");
    kal_err err = common_error(batch);
    char text[KAL_UUID_TEXT + 1];

    if (err != KAL_OK) {
        kal_reply_error(request, err, NULL);
        return;
    }
    json_t *started = json_array(), *errors = json_array();
    for (size_t i = 0; i < batch->count; i++) {
        const kal_works_item *item = &batch->items[i];
        if (item->err == KAL_OK) {
            kal_uuid_format(item->work->instance_id, text);
            json_array_append_new(started, json_string(text));
        } else {
            json_array_append_new(errors,
                                  json_pack("{s:O?, s:s}", "customer_id", json_array_get(ids, i),
                                            "error", kal_err_code(item->err)));
        }
    }
    kal_reply_json(request, 201,
                   json_pack("{s:o, s:o}", "instance_ids", started, "errors", errors));
}

static void trigger_list(kal_request *request, kal_uuid flow, const json_t *ids)
{
    if (!json_is_array(ids)) {
        kal_reply_invalid(request, "customer_ids", KAL_INVALID);
        return;
    }
    if (json_array_size(ids) == 0) {
        kal_reply_error(request, KAL_ERR_CUSTOMER_ID_REQUIRED, "customer_ids is empty");
        return;
    }
    if (json_array_size(ids) > CUSTOMERS_MOST) {
        kal_reply_error(request, KAL_ERR_TOO_LARGE, "at most 10,000 customers a request");
        return;
    }
    /* The works share the context. */
    size_t size = kal_works_size(request->body, request->http->entity.len) / json_array_size(ids);
    kal_works *batch = kal_works_new(request, on_batch);
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *id = json_array_get(ids, i);
        kal_works_item *item = kal_works_add(batch);
        item->err = check(id);
        if (item->err != KAL_OK)
            continue;
        item->work = make(request, flow, id, size);
    }
    kal_works_submit(batch);
}

void kal_route_trigger(kal_request *request)
{
    kal_uuid flow;

    if (!kal_request_uuid(request, 0, &flow) || !kal_request_body(request))
        return;
    const json_t *context = json_object_get(request->body, "context");
    const json_t *ids = json_object_get(request->body, "customer_ids");
    if (context && !json_is_null(context) && !json_is_object(context))
        kal_reply_invalid(request, "context", KAL_INVALID);
    else if (ids && !json_is_null(ids))
        trigger_list(request, flow, ids);
    else
        trigger_one(request, flow);
}
