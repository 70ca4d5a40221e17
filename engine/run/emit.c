#include "run/emit.h"

#include "run/sub_flow.h"

#include <stdio.h>

bool kal_emit(kal_batch *batch, kal_instance *instance, const json_t *effect, char error[160])
{
    kal_customer *customer = instance->customer;
    kal_str id = customer->external_id;
    const json_t *data = json_object_get(effect, "data");
    if (!kal_json_get_str(effect, "event_type").p || !json_is_object(data))
        return false;
    if (instance->depth >= KAL_SUB_FLOW_DEPTH) {
        snprintf(error, 160, "events that emit events are nested deeper than %d",
                 KAL_SUB_FLOW_DEPTH);
        return false;
    }
    json_t *body = json_pack("{s:{s:O, s:O, s:o, s:I}}", "emits", "event_type",
                             json_object_get(effect, "event_type"), "data", data, "customer_id",
                             json_stringn(id.p, id.n), "depth", (json_int_t)instance->depth + 1);
    kal_batch_hold(batch, customer,
                   &(kal_held){.id = kal_uuid_new(batch->now_ms),
                               .tenant = customer->tenant,
                               .flow = instance->version->flow->id,
                               .instance = instance->id,
                               .customer_key = customer->key},
                   body);
    return true;
}

static void read_event(const json_t *emitted, const kal_held *held, kal_work *work)
{
    char id[KAL_UUID_TEXT + 1];
    kal_uuid_format(held->id, id);
    work->kind = KAL_WORK_EVENT;
    work->event_id = kal_strdup(id);
    work->event_type = kal_strdup(json_string_value(json_object_get(emitted, "event_type")));
    work->customer_id = kal_strdup(json_string_value(json_object_get(emitted, "customer_id")));
    work->depth = (uint32_t)json_integer_value(json_object_get(emitted, "depth"));
    work->body = json_incref(json_object_get(emitted, "data"));
}

kal_work *kal_held_work(const kal_held *held, json_t *body)
{
    kal_work *work = kal_work_new(KAL_WORK_REPLAY);
    const json_t *emitted = json_object_get(body, "emits");
    work->tenant = held->tenant;
    work->instance_id = held->instance;
    work->customer_key = held->customer_key;
    work->held_id = held->id;
    if (emitted)
        read_event(emitted, held, work);
    else
        work->body = json_incref(body);
    return work;
}
