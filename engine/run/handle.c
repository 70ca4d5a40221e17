#include "run/handle.h"

#include "base/clock.h"
#include "run/burst.h"
#include "run/customers.h"
#include "run/enrol.h"
#include "run/entry.h"
#include "run/load.h"
#include "run/operate.h"
#include "run/profile.h"
#include "run/records.h"
#include "run/seal.h"
#include "run/sub_flow.h"

#include <string.h>

#define MAX_CONTEXT (256 * 1024)
#define MAX_FLUSH_BYTES (4 * 1024 * 1024) /* then the rest of the works makes the next batch */

static void refuse(kal_work *work, kal_err err)
{
    work->err = err;
}

/* ---- starting ---- */

static void handle_trigger(kal_batch *batch, kal_customer *customer, kal_work *work)
{
    kal_flow *flow = kal_flows_find(batch->flows, work->flow_id);
    kal_err err = kal_entry_check(batch, customer, flow);
    if (err) {
        refuse(work, err);
        return;
    }
    kal_str context = kal_batch_json(batch, work->body);
    if (context.n > MAX_CONTEXT) {
        refuse(work, KAL_ERR_CONTEXT_TOO_LARGE);
        return;
    }
    kal_instance *instance = kal_entry_make(batch, customer, flow, context, work);
    if (!instance)
        return;
    work->instance_id = instance->id;
    kal_burst_start(batch, instance, NULL, 0, NULL, (kal_uuid){{0}});
}

/* ---- events ---- */

static json_t *event_json(kal_batch *batch, const kal_work *work)
{
    char at[KAL_TIME_TEXT + 1];
    json_t *event = json_object();
    json_object_set_new(event, "id", work->event_id ? json_string(work->event_id) : json_null());
    json_object_set_new(event, "event_type", json_string(work->event_type));
    json_object_set_new(event, "data", work->body ? json_incref(work->body) : json_object());
    if (work->occurred_ms != KAL_UNSET) {
        kal_clock_format(work->occurred_ms, at);
        json_object_set_new(event, "occurred_at", json_string(at));
    }
    return kal_batch_keep(batch, event);
}

static void hold(kal_batch *batch, const kal_instance *instance, json_t *event, kal_uuid event_id)
{
    char id[KAL_UUID_TEXT + 1];
    kal_uuid_format(event_id, id);
    json_t *held = json_copy(event); /* no deeper than it came: it must be read again */
    json_object_set_new(held, "stored_id", json_string(id));
    kal_held row = {kal_uuid_new(batch->now_ms),
                    instance->customer->tenant,
                    instance->version->flow->id,
                    instance->id,
                    instance->customer->key,
                    0,
                    instance->status == KAL_STATUS_PAUSED};
    kal_held_add(instance->customer->unit, batch->arena, batch->shard, &row, held);
    json_decref(held);
}

static void remember(kal_batch *batch, kal_customer *customer, json_t *event, kal_uuid id)
{
    kal_recent *recent = kal_arena_alloc(batch->arena, sizeof *recent);
    *recent = (kal_recent){.id = id, .received_ms = batch->now_ms, .event = event};
    *customer->recent_last = recent;
    customer->recent_last = &recent->next;
}

static void route(kal_batch *batch, kal_customer *customer, kal_work *work, json_t *event,
                  kal_uuid event_id)
{
    kal_str type = kal_str_of(work->event_type);
    for (kal_instance *i = customer->instances; i; i = i->next) {
        if (!kal_status_is_live(i->status) || i->begins)
            continue;
        if (kal_instance_holds(i)) {
            if (kal_version_names(i->version, type)) {
                hold(batch, i, event, event_id);
                work->held++;
            }
        } else if (i->version->flow->status == KAL_FLOW_ACTIVE) {
            work->routed += kal_burst_event(batch, i, event, event_id);
        }
    }
}

/* Entries whose flow the customer is not in, told before the event is routed: one whom it finds in
 * the flow does not enter again by it. */
static const kal_entry **outside(kal_batch *batch, const kal_customer *customer,
                                 const kal_entry *entries, size_t *n)
{
    size_t count = 0;
    for (const kal_entry *e = entries; e; e = e->next)
        count++;
    const kal_entry **may = kal_arena_alloc(batch->arena, (count + 1) * sizeof *may);
    for (const kal_entry *e = entries; e; e = e->next)
        if (!kal_entry_inside(batch, customer, e->version->flow))
            may[(*n)++] = e;
    return may;
}

/* The event starts a flow once, at all of its entries that match. */
static void start(kal_batch *batch, kal_customer *customer, kal_work *work,
                  const kal_entry *const *entries, size_t n, json_t *event, kal_uuid event_id)
{
    kal_version *version = entries[0]->version;
    uint32_t *nodes = kal_arena_alloc(batch->arena, n * sizeof *nodes);
    size_t matching = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *config = kal_graph_at(version->graph, entries[i]->node)->config;
        if (kal_json_matches(json_object_get(config, "filter"), work->body))
            nodes[matching++] = entries[i]->node;
    }
    if (!matching || kal_flow_active(version->flow) != version ||
        kal_entry_check(batch, customer, version->flow))
        return;
    kal_instance *instance = kal_entry_make(batch, customer, version->flow, kal_str_of("{}"), work);
    if (!instance) { /* the event itself is taken */
        work->err = KAL_OK;
        return;
    }
    instance->depth = work->depth;
    kal_burst_start(batch, instance, nodes, matching, event, event_id);
    work->started++;
}

/* The event came before: it gets its first answer again. */
static bool is_known(const kal_customer *customer, kal_work *work)
{
    const kal_known *known = work->event_id ? customer->known : NULL;
    while (known && !kal_str_is(known->event_id, work->event_id))
        known = known->next;
    if (!known)
        return false;
    work->routed = known->routed;
    work->started = known->started;
    work->held = known->held;
    if (work->kind == KAL_WORK_WEBHOOK)
        work->instance_id = known->instance_id;
    return true;
}

static void handle_event(kal_batch *batch, kal_customer *customer, kal_work *work)
{
    if (is_known(customer, work) || !kal_customer_take(batch, customer, KAL_QUOTA_EVENTS, work))
        return;
    kal_uuid id = kal_uuid_new(batch->now_ms);
    const kal_tenant *tenant = kal_flows_tenant(batch->flows, customer->tenant);
    const kal_entry *entries = kal_strmap_get(&tenant->entries, kal_str_of(work->event_type));
    batch->counts.events++;
    if (customer->instances || entries) {
        json_t *event = event_json(batch, work);
        size_t n = 0;
        const kal_entry **may = outside(batch, customer, entries, &n);
        remember(batch, customer, event, id);
        route(batch, customer, work, event, id);
        for (size_t i = 0, next; i < n; i = next) {
            for (next = i + 1; next < n && may[next]->version == may[i]->version;)
                next++;
            start(batch, customer, work, may + i, next - i, event, id);
        }
    }
    kal_record_event(batch, customer, work, id);
    if (customer->took[KAL_QUOTA_EVENTS])
        kal_record_usage(batch, customer);
    if (work->event_id)
        kal_record_answer(batch, customer, work);
}

/* The flow's entry webhook was called: an event for its webhook_entry nodes alone. A customer who
 * may not enter now does not, as with any event. */
static void handle_webhook(kal_batch *batch, kal_customer *customer, kal_work *work)
{
    if (is_known(customer, work))
        return;
    kal_flow *flow = kal_flows_find(batch->flows, work->flow_id);
    kal_err err = kal_entry_check(batch, customer, flow);
    const kal_graph *graph = err ? NULL : kal_flow_active(flow)->graph;
    uint32_t count = graph ? kal_graph_count(graph) : 0;
    uint32_t *nodes = kal_arena_alloc(batch->arena, (count + 1) * sizeof *nodes);
    size_t n = 0;
    for (uint32_t i = 0; i < count; i++)
        if (kal_str_is(kal_graph_at(graph, i)->type, "webhook_entry"))
            nodes[n++] = i;
    bool inside = err == KAL_ERR_ALREADY_IN_FLOW || err == KAL_ERR_REENTRY_NOT_ALLOWED;
    if ((err && !inside) || (!err && !n)) {
        refuse(work, err ? err : KAL_ERR_NOT_FOUND);
        return;
    }
    if (!kal_customer_take(batch, customer, KAL_QUOTA_EVENTS, work))
        return;
    kal_uuid id = kal_uuid_new(batch->now_ms);
    batch->counts.events++;
    kal_instance *instance =
        n ? kal_entry_make(batch, customer, flow, kal_str_of("{}"), work) : NULL;
    work->err = KAL_OK; /* as with any event: it is taken, whatever a quota says to the entry */
    if (instance) {
        work->instance_id = instance->id;
        work->started = 1;
        kal_burst_start(batch, instance, nodes, n, event_json(batch, work), id);
    }
    kal_record_event(batch, customer, work, id);
    if (customer->took[KAL_QUOTA_EVENTS])
        kal_record_usage(batch, customer);
    if (work->event_id)
        kal_record_answer(batch, customer, work);
}

static void handle_replay(kal_batch *batch, kal_customer *customer, kal_work *work)
{
    kal_instance *instance = kal_customer_instance(customer, work->instance_id);
    const kal_version *version = instance ? instance->version : NULL;
    bool archived = version && version->flow->status == KAL_FLOW_ARCHIVED;
    bool paused = version && (version->flow->status == KAL_FLOW_PAUSED ||
                              instance->status == KAL_STATUS_PAUSED);
    if (paused || (version && version->broken && !archived))
        return; /* paused again, or its plugin is gone: it stays */
    kal_uuid id = {{0}};
    uint32_t seq;
    json_t *event = kal_batch_keep(batch, json_copy(work->body));
    json_t *answer = kal_held_read(event, &seq);
    bool read = kal_uuid_parse(kal_json_get_str(event, "stored_id"), &id);
    json_object_del(event, "stored_id");
    if (answer && instance && instance->status == KAL_STATUS_FAILED) {
        instance->tied = true; /* it is told when it is retried */
        return;
    }
    if (version && kal_status_is_live(instance->status) &&
        version->flow->status == KAL_FLOW_ACTIVE) {
        if (answer)
            kal_burst_answer(batch, instance, seq, answer);
        else if (read)
            kal_burst_event(batch, instance, event, id);
        else
            kal_burst_end(batch, instance, KAL_STATUS_FAILED,
                          kal_str_of("a held event cannot be read"));
    }
    kal_unit_row(customer->unit, KAL_TABLE_HELD_DROP)[0] = kal_v_uuid(work->held_id);
}

/* ---- timers ---- */

static void put_off(kal_batch *batch, const kal_work *work, kal_flow *flow, int64_t due_ms)
{
    kal_putoff *putoff = kal_arena_alloc(batch->arena, sizeof *putoff);
    putoff->next = batch->putoff;
    putoff->flow = flow;
    putoff->timer = (kal_timer){due_ms, work->customer_key, work->instance_id, work->seq};
    batch->putoff = putoff;
}

static void handle_timer(kal_batch *batch, kal_customer *customer, kal_work *work)
{
    kal_instance *instance = kal_customer_instance(customer, work->instance_id);
    if (!instance || !kal_status_is_live(instance->status))
        return;
    kal_flow *flow = instance->version->flow;
    if (flow->status == KAL_FLOW_ARCHIVED) {
        kal_burst_end(batch, instance, KAL_STATUS_EXITED, kal_str_of("flow_archived"));
        return;
    }
    if (instance->status == KAL_STATUS_PAUSED)
        return;                      /* it comes up again when the instance has been resumed */
    if (!instance->version->graph) { /* a plugin is gone: it waits for the plugin's return */
        put_off(batch, work, flow, work->due_ms);
        return;
    }
    kal_wait *wait = kal_instance_wait(instance, work->seq);
    if (!wait)
        return;
    int64_t due = kal_wait_due(flow, wait);
    if (kal_flow_holds(flow))
        put_off(batch, work, flow, wait->due_ms);
    else if (due > batch->now_ms)
        put_off(batch, work, NULL, due);
    else if (wait->node == KAL_GRAPH_NONE)
        kal_burst_end(batch, instance, KAL_STATUS_FAILED,
                      kal_str_of("the node is not in the version's graph"));
    else if (work->body)
        kal_burst_answer(batch, instance, work->seq,
                         kal_batch_keep(batch, json_incref(work->body)));
    else
        kal_burst_timeout(batch, instance, wait);
}

static void handle_retry(kal_batch *batch, kal_customer *customer, kal_work *work)
{
    const kal_instance *instance = kal_customer_instance(customer, work->instance_id);
    if (instance && instance->status == KAL_STATUS_FAILED &&
        kal_entry_inside(batch, customer, instance->version->flow))
        refuse(work, KAL_ERR_ALREADY_IN_FLOW);
    else
        kal_operate_retry(batch, customer, work);
}

static void handle(kal_batch *batch, kal_customer *customer, kal_work *work)
{
    switch (work->kind) {
    case KAL_WORK_EVENT:
        handle_event(batch, customer, work);
        if (!kal_uuid_is_nil(work->held_id))
            kal_unit_row(customer->unit, KAL_TABLE_HELD_DROP)[0] = kal_v_uuid(work->held_id);
        break;
    case KAL_WORK_TRIGGER:
        handle_trigger(batch, customer, work);
        break;
    case KAL_WORK_WEBHOOK:
        handle_webhook(batch, customer, work);
        break;
    case KAL_WORK_CUSTOMER:
        kal_customers_handle(batch, customer, work);
        break;
    case KAL_WORK_TIMER:
        handle_timer(batch, customer, work);
        break;
    case KAL_WORK_REPLAY:
        handle_replay(batch, customer, work);
        break;
    case KAL_WORK_CANCEL:
        kal_operate_end(batch, customer, work, KAL_STATUS_EXITED, "cancelled_by_operator");
        break;
    case KAL_WORK_EXIT:
        kal_operate_end(batch, customer, work, KAL_STATUS_EXITED, work->reason);
        break;
    case KAL_WORK_FAIL:
        kal_operate_end(batch, customer, work, KAL_STATUS_FAILED, work->reason);
        break;
    case KAL_WORK_ENROL:
    case KAL_WORK_LEAVE:
        kal_enrol(batch, customer, work);
        break;
    case KAL_WORK_PAUSE:
        kal_operate_pause(batch, customer, work);
        break;
    case KAL_WORK_RESUME:
        kal_operate_resume(batch, customer, work);
        break;
    case KAL_WORK_RETRY:
        handle_retry(batch, customer, work);
        break;
    }
    if (work->claim && !work->err)
        kal_record_outcome(batch, customer, work);
}

/* An instance whose walk has yielded and goes on before the work, or NULL. */
static kal_instance *yielded_before(const kal_customer *customer, const kal_work *work)
{
    for (kal_instance *i = customer->instances; i; i = i->next) {
        const kal_flow *flow = i->version->flow;
        bool hears = work->kind == KAL_WORK_EVENT
                         ? !kal_flow_holds(flow) && !i->replays
                         : work->kind == KAL_WORK_REPLAY && kal_uuid_eq(i->id, work->instance_id);
        if (hears && flow->status == KAL_FLOW_ACTIVE && i->status != KAL_STATUS_PAUSED &&
            i->version->graph && kal_instance_yielded(i))
            return i;
    }
    return NULL;
}

/* The walk goes on, as by its timer: a work that stands for it comes before *link. */
static void go_on(kal_batch *batch, kal_instance *instance, kal_work **link)
{
    kal_wait *wait = kal_instance_yielded(instance);
    kal_work *work = kal_work_new(KAL_WORK_TIMER);
    work->tenant = instance->customer->tenant;
    work->customer_key = instance->customer->key;
    work->instance_id = instance->id;
    work->seq = wait->seq;
    work->next = *link;
    *link = work;
    kal_burst_timeout(batch, instance, wait);
}

/* Handles a customer's works while there is room; the others are put behind `*left`. An event does
 * not overtake a walk that came before it and has yielded: that walks on first, by one burst a
 * batch, and the event waits until it has come to rest. */
static kal_work **handle_customer_works(kal_batch *batch, kal_customer *customer, size_t full,
                                        kal_work **left)
{
    kal_work **link = &customer->works;
    bool walked = false;
    while (*link && !customer->gone && kal_arena_used(batch->arena) < full) {
        kal_instance *instance = yielded_before(customer, *link);
        if (instance && walked)
            break;
        walked = walked || instance;
        if (instance)
            go_on(batch, instance, link);
        else
            handle(batch, customer, *link);
        kal_sub_flow_go_on(batch, customer);
        link = &(*link)->next;
    }
    *left = *link;
    *link = NULL;
    customer->works_last = link;
    while (*left)
        left = &(*left)->next;
    return left;
}

kal_work *kal_handle_all(kal_batch *batch)
{
    kal_work *left = NULL;
    kal_work **last = &left;
    size_t full = kal_arena_used(batch->arena) + MAX_FLUSH_BYTES; /* beside what was loaded */
    for (kal_customer *customer = batch->customers; customer; customer = customer->next)
        last = handle_customer_works(batch, customer, full, last);
    return left;
}
