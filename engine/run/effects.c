#include "run/effects.h"

#include "base/clock.h"
#include "run/emit.h"
#include "run/profile.h"
#include "run/sends.h"
#include "run/sub_flow.h"

#include <stdio.h>
#include <string.h>

static kal_value text_value(kal_batch *batch, kal_str text)
{
    return kal_v_str(KAL_TEXT, kal_batch_text(batch, text));
}

/* What a provider gets: the effect with the ids around it. */
static json_t *delivery_json(const kal_instance *instance, const kal_graph_node *node,
                             const json_t *effect, int64_t now_ms)
{
    char id[KAL_UUID_TEXT + 1];
    json_t *json = json_object();
    json_object_set(json, "id", json_object_get(effect, "id"));
    kal_uuid_format(instance->id, id);
    json_object_set_new(json, "instance_id", json_string(id));
    json_object_set_new(json, "node_id", json_stringn(node->id.p, node->id.n));
    json_object_set_new(
        json, "customer_id",
        json_stringn(instance->customer->external_id.p, instance->customer->external_id.n));
    json_object_set(json, "channel", json_object_get(effect, "channel"));
    json_object_set(json, "provider", json_object_get(effect, "provider"));
    json_object_set(json, "recipient", json_object_get(effect, "recipient"));
    json_object_set(json, "message", json_object_get(effect, "message"));
    char at[KAL_TIME_TEXT + 1];
    kal_clock_format(now_ms, at);
    json_object_set_new(json, "at", json_string(at));
    return json;
}

static bool apply_send(kal_batch *batch, kal_instance *instance, const kal_graph_node *node,
                       const json_t *effect, uint32_t wait)
{
    kal_uuid id;
    kal_str channel = kal_json_get_str(effect, "channel");
    kal_str provider = kal_json_get_str(effect, "provider");
    if (!kal_uuid_parse(kal_json_get_str(effect, "id"), &id) || !channel.p || !provider.p)
        return false;
    kal_customer *customer = instance->customer;
    kal_flow *flow = instance->version->flow;
    kal_value *row = kal_unit_row(customer->unit, KAL_TABLE_DELIVERY);
    row[0] = kal_v_uuid(id);
    row[1] = kal_v_uuid(customer->tenant);
    row[2] = kal_v_int(KAL_INT2, batch->shard);
    row[3] = kal_v_uuid(flow->id);
    row[4] = kal_v_uuid(instance->id);
    row[5] = kal_v_uuid(customer->id);
    row[6] = kal_v_int(KAL_INT8, (int64_t)customer->key);
    row[7] = text_value(batch, node->id);
    row[8] = text_value(batch, channel);
    row[9] = text_value(batch, provider);
    row[10] = kal_v_str(KAL_JSON, kal_batch_json(batch, json_object_get(effect, "recipient")));
    row[11] = kal_v_str(KAL_JSON, kal_batch_json(batch, json_object_get(effect, "message")));
    row[13] = kal_v_time(batch->now_ms);
    kal_str error = kal_json_get_str(effect, "error"); /* it cannot leave: there is no address */
    row[12] = kal_v_text(error.p ? "failed" : "pending");
    row[14] = text_value(batch, error);
    if (error.p) {
        row[15] = kal_v_time(batch->now_ms);
        return true;
    }
    kal_sends_add(batch, customer, channel);
    uint32_t seq = json_is_true(json_object_get(effect, "awaits")) ? wait : 0;
    if (seq)
        row[16] = kal_v_int(KAL_INT4, seq);
    kal_sent *sent = kal_arena_alloc(batch->arena, sizeof *sent);
    *sent = (kal_sent){
        .customer = customer,
        .flow = flow,
        .id = id,
        .json = kal_batch_keep(batch, delivery_json(instance, node, effect, batch->now_ms)),
        .provider = kal_batch_text(batch, provider),
        .awaited_by = {.tenant = customer->tenant,
                       .flow = flow->id,
                       .instance = instance->id,
                       .customer_key = customer->key,
                       .seq = seq},
    };
    *batch->sent_last = sent;
    batch->sent_last = &sent->next;
    return true;
}

static bool apply_convert(kal_batch *batch, kal_instance *instance, const json_t *effect)
{
    kal_str type = kal_json_get_str(effect, "conversion_type");
    const json_t *value = json_object_get(effect, "value");
    const json_t *metadata = json_object_get(effect, "metadata");
    if (!type.p)
        return false;
    kal_value *row = kal_unit_row(instance->customer->unit, KAL_TABLE_CONVERSION);
    row[0] = kal_v_uuid(kal_uuid_new(batch->now_ms));
    row[1] = kal_v_uuid(instance->customer->tenant);
    row[2] = kal_v_uuid(instance->version->flow->id);
    row[3] = kal_v_uuid(instance->id);
    row[4] = kal_v_uuid(instance->customer->id);
    row[5] = text_value(batch, type);
    if (json_is_number(value))
        row[6] = kal_v_float(json_number_value(value));
    row[7] = json_is_object(metadata) ? kal_v_str(KAL_JSON, kal_batch_json(batch, metadata))
                                      : kal_v_str(KAL_JSON, kal_str_of("{}"));
    row[8] = kal_v_time(batch->now_ms);
    return true;
}

static bool apply_tag(kal_instance *instance, const json_t *effect, bool add)
{
    const char *tag = json_string_value(json_object_get(effect, "tag"));
    if (!tag || !instance->customer->exists)
        return false;
    kal_profile_tag(instance->customer, tag, add);
    return true;
}

static bool apply_profile(kal_batch *batch, kal_instance *instance, const json_t *effect,
                          char error[160])
{
    const json_t *fields = json_object_get(effect, "fields");
    return json_is_object(fields) && instance->customer->exists &&
           kal_profile_update(batch, instance->customer, fields, error);
}

static bool apply_one(kal_batch *batch, kal_instance *instance, const kal_graph_node *node,
                      const json_t *effect, uint32_t wait, char error[160])
{
    kal_str kind = kal_json_get_str(effect, "kind");
    snprintf(error, 160, "the effect %.*s is not understood", (int)(kind.n < 64 ? kind.n : 64),
             kind.p ? kind.p : "");
    if (kal_str_is(kind, "send"))
        return apply_send(batch, instance, node, effect, wait);
    if (kal_str_is(kind, "update_profile"))
        return apply_profile(batch, instance, effect, error);
    if (kal_str_is(kind, "add_tag") || kal_str_is(kind, "remove_tag"))
        return apply_tag(instance, effect, kal_str_is(kind, "add_tag"));
    if (kal_str_is(kind, "reserve")) {
        kal_sends_reserve(batch, instance->customer, kal_json_get_str(effect, "channel"));
        return true;
    }
    if (kal_str_is(kind, "emit"))
        return kal_emit(batch, instance, effect, error);
    return kal_str_is(kind, "convert") && apply_convert(batch, instance, effect);
}

/* Why the customer's profile cannot take what the effect adds; NULL when it can. */
static const char *refusal_of(const kal_instance *instance, const json_t *effect)
{
    kal_str kind = kal_json_get_str(effect, "kind");
    if (!kal_str_is(kind, "update_profile") && !kal_str_is(kind, "add_tag"))
        return NULL;
    json_t *fields = json_pack("{s:O*, s:O*}", "properties", json_object_get(effect, "fields"),
                               "tags", json_object_get(effect, "tag"));
    const char *refusal = kal_profile_refusal(instance->customer, fields);
    json_decref(fields);
    return refusal;
}

bool kal_effects_apply(kal_batch *batch, kal_instance *instance, const kal_graph_node *node,
                       const kal_outcome *outcome, kal_told *told, char error[160])
{
    size_t i;
    json_t *effect;
    uint32_t wait = outcome->kind == KAL_OUTCOME_WAIT ? instance->next_seq : 0;
    json_array_foreach(outcome->effects, i, effect)
    {
        const char *refusal = refusal_of(instance, effect);
        if (refusal) {
            snprintf(error, 160, "%s", refusal);
            return false;
        }
        kal_str kind = kal_json_get_str(effect, "kind");
        if (kal_str_is(kind, "start"))
            told->answer = kal_sub_flow_start(batch, instance, effect, wait);
        else if (kal_str_is(kind, "code") && wait)
            told->code = kal_batch_keep(batch, json_incref(effect));
        else if (!apply_one(batch, instance, node, effect, wait, error))
            return false;
    }
    return true;
}
