#include "run/entry.h"

#include "run/load.h"
#include "run/profile.h"
#include "run/sends.h"

/* By the batch's copies, else by the index (a live instance between bursts has a wait). */
bool kal_entry_inside(const kal_batch *batch, const kal_customer *customer, const kal_flow *flow)
{
    for (const kal_instance *i = customer->instances; i; i = i->next)
        if (i->version->flow == flow && kal_status_is_live(i->status))
            return true;
    const kal_wait_entry *entry = NULL;
    while ((entry = kal_waits_next(batch->waits, customer->key, entry)))
        if (kal_flows_at(batch->flows, entry->place)->version->flow == flow &&
            !kal_customer_instance(customer, entry->instance))
            return true;
    return false;
}

static int64_t last_ended(const kal_customer *customer, const kal_flow *flow)
{
    int64_t ended = KAL_UNSET;
    for (const kal_last *last = customer->lasts; last; last = last->next)
        if (last->flow == flow)
            ended = last->ended_ms;
    for (const kal_instance *i = customer->instances; i; i = i->next)
        if (i->version->flow == flow && i->ended_ms != KAL_UNSET && i->ended_ms > ended)
            ended = i->ended_ms;
    return ended;
}

static bool may_enter_again(const kal_batch *batch, const kal_customer *customer,
                            const kal_flow *flow)
{
    int64_t ms;
    if (kal_reentry_free(flow, &ms))
        return true;
    int64_t ended = last_ended(customer, flow);
    return ended == KAL_UNSET ||
           (ms != KAL_NEVER && ended != KAL_NEVER && ended + ms <= batch->now_ms);
}

kal_err kal_entry_check(const kal_batch *batch, const kal_customer *customer, const kal_flow *flow)
{
    if (!flow || flow->status == KAL_FLOW_UNKNOWN ||
        !kal_uuid_eq(flow->tenant->id, customer->tenant))
        return KAL_ERR_NOT_FOUND;
    if (flow->status != KAL_FLOW_ACTIVE)
        return KAL_ERR_FLOW_NOT_ACTIVE;
    const kal_version *version = kal_flow_active(flow);
    if (!version || !version->graph)
        return KAL_ERR_NO_ACTIVE_VERSION;
    if (kal_entry_inside(batch, customer, flow))
        return KAL_ERR_ALREADY_IN_FLOW;
    if (!may_enter_again(batch, customer, flow))
        return KAL_ERR_REENTRY_NOT_ALLOWED;
    return kal_sends_capped(customer, version) ? KAL_ERR_FREQUENCY_CAP_EXCEEDED : KAL_OK;
}

kal_instance *kal_entry_make(kal_batch *batch, kal_customer *customer, kal_flow *flow,
                             kal_str context, kal_work *work)
{
    if ((!customer->exists && !kal_customer_take(batch, customer, KAL_QUOTA_CUSTOMERS, work)) ||
        !kal_customer_take(batch, customer, KAL_QUOTA_INSTANCES, work))
        return NULL;
    kal_profile_ensure(batch, customer);
    customer->seen_ms = batch->now_ms;
    customer->dirty = true;
    kal_instance *instance = kal_customer_add_instance(batch, customer, kal_uuid_new(batch->now_ms),
                                                       kal_flow_active(flow));
    instance->context = context;
    instance->accumulated = kal_str_of("{}");
    instance->dirty = true;
    return instance;
}
