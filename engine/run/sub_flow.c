#include "run/sub_flow.h"

#include "run/burst.h"
#include "run/entry.h"

/* A walk that is to come. */
struct kal_followup {
    kal_followup *next;
    kal_instance *instance;
    uint32_t seq; /* the wait that is answered; 0: the instance begins */
    json_t *answer;
};

static void push(kal_batch *batch, kal_instance *instance, uint32_t seq, json_t *answer)
{
    kal_followup *followup = kal_arena_alloc(batch->arena, sizeof *followup);
    *followup = (kal_followup){.instance = instance, .seq = seq, .answer = answer};
    kal_followup **last = &instance->customer->followups;
    while (*last)
        last = &(*last)->next;
    *last = followup;
}

static json_t *id_json(kal_uuid id)
{
    char text[KAL_UUID_TEXT + 1];
    kal_uuid_format(id, text);
    return json_string(text);
}

static const char *refusal(const kal_batch *batch, const kal_instance *parent, const kal_flow *flow)
{
    if (parent->depth >= KAL_SUB_FLOW_DEPTH)
        return "sub_flow_too_deep";
    kal_err err = kal_entry_check(batch, parent->customer, flow);
    return err ? kal_err_code(err) : NULL;
}

json_t *kal_sub_flow_start(kal_batch *batch, kal_instance *parent, const json_t *effect,
                           uint32_t seq)
{
    kal_uuid id = {{0}};
    bool known = kal_uuid_parse(kal_json_get_str(effect, "flow_id"), &id);
    kal_flow *flow = known ? kal_flows_find(batch->flows, id) : NULL;
    const char *refused = refusal(batch, parent, flow);
    if (refused)
        return kal_batch_keep(batch, json_pack("{s:s}", "refused", refused));
    kal_instance *child = kal_entry_make(batch, parent->customer, flow, parent->context, NULL);
    if (!child)
        return kal_batch_keep(batch,
                              json_pack("{s:s}", "refused", kal_err_code(KAL_ERR_QUOTA_EXCEEDED)));
    child->depth = parent->depth + 1;
    child->begins = true;
    push(batch, child, 0, NULL);
    if (!json_is_true(json_object_get(effect, "awaits")))
        return kal_batch_keep(batch, json_pack("{s:o}", "instance_id", id_json(child->id)));
    child->parent = (kal_parent){parent->id, parent->version->flow->id, seq};
    return NULL;
}

static bool goes_on(const kal_instance *instance)
{
    return instance->version->graph && instance->version->flow->status == KAL_FLOW_ACTIVE &&
           !kal_instance_holds(instance);
}

/* It is told by a row, which waits until its flow runs. */
static void hold(kal_batch *batch, const kal_instance *child, const kal_instance *parent,
                 json_t *answer)
{
    kal_customer *customer = child->customer;
    kal_held held = {kal_uuid_new(batch->now_ms),
                     customer->tenant,
                     child->parent.flow,
                     child->parent.instance,
                     customer->key,
                     child->parent.seq,
                     parent && kal_instance_keeps(parent)};
    kal_batch_hold(batch, customer, &held, kal_held_answer(child->parent.seq, json_incref(answer)));
}

void kal_sub_flow_ended(kal_batch *batch, kal_instance *instance)
{
    if (!instance->parent.seq)
        return;
    kal_str reason = instance->exit_reason;
    json_t *answer = json_pack("{s:o, s:s, s:o}", "instance_id", id_json(instance->id), "status",
                               kal_status_text(instance->status), "exit_reason",
                               reason.p ? json_stringn(reason.p, reason.n) : json_null());
    kal_batch_keep(batch, answer);
    kal_instance *parent = kal_customer_instance(instance->customer, instance->parent.instance);
    if (parent && goes_on(parent))
        push(batch, parent, instance->parent.seq, answer);
    else
        hold(batch, instance, parent, answer);
}

/* All together they walk as far as one burst does; then each rests where it begins. */
void kal_sub_flow_go_on(kal_batch *batch, kal_customer *customer)
{
    for (kal_followup *f; (f = customer->followups); customer->spent = customer->walked) {
        customer->followups = f->next;
        customer->walked = customer->spent;
        f->instance->begins = false;
        if (!kal_status_is_live(f->instance->status))
            continue;
        if (f->seq)
            kal_burst_answer(batch, f->instance, f->seq, f->answer);
        else
            kal_burst_start(batch, f->instance, NULL, 0, NULL, (kal_uuid){{0}});
    }
    customer->spent = 0;
}
