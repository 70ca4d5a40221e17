#include "run/load.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "run/load_rows.h"

#include <string.h>

#define NO_STATEMENT SIZE_MAX

/* A growing list of parameter values. */
typedef struct kal_list {
    kal_value *items;
    size_t len, cap;
} kal_list;

struct kal_load {
    kal_batch *batch;
    kal_strmap wanted; /* instance ids in the list already */
    kal_uuid *tenants;
    size_t n_tenants;
    kal_version **versions;
    size_t n_versions;
    kal_list known_keys, known_ids, known_tenants;
    kal_list instances, instances_of; /* all; those whose customer row is wanted too */
    kal_list customer_tenants, customer_ids;
    kal_list last_keys, last_flows;
    kal_list event_keys, event_types, event_since, event_tenants;
    kal_list cap_keys, cap_channels, cap_windows, cap_since, cap_tenants;
    kal_list member_keys, member_segments, member_tenants;
    kal_version **entered; /* that the customer in hand may enter */
    size_t n_entered;
    size_t at[KAL_LOAD_PARTS]; /* index of each part's statement in the call */
};

static void push(kal_list *list, kal_value value)
{
    if (list->len == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 32;
        list->items = kal_realloc(list->items, list->cap * sizeof *list->items);
    }
    list->items[list->len++] = value;
}

bool kal_reentry_free(const kal_flow *flow, int64_t *ms)
{
    kal_str rule = kal_json_get_str(flow->entry_config, "reentry");
    if (kal_str_is(rule, "never")) {
        *ms = KAL_NEVER;
        return false;
    }
    return !rule.p || !kal_clock_duration(rule, ms);
}

static void need_tenant(kal_load *load, kal_uuid id)
{
    for (size_t i = 0; i < load->n_tenants; i++)
        if (kal_uuid_eq(load->tenants[i], id))
            return;
    load->tenants = kal_realloc(load->tenants, (load->n_tenants + 1) * sizeof *load->tenants);
    load->tenants[load->n_tenants++] = id;
}

/* True when the version is there (or never will be). */
static bool need_version(kal_load *load, kal_version *version)
{
    if (version->graph || version->broken)
        return true;
    for (size_t i = 0; i < load->n_versions; i++)
        if (load->versions[i] == version)
            return false;
    load->versions = kal_realloc(load->versions, (load->n_versions + 1) * sizeof *load->versions);
    load->versions[load->n_versions++] = version;
    return false;
}

static void want_event(kal_load *load, const kal_customer *customer, kal_str type, int64_t since_ms)
{
    int64_t key = (int64_t)customer->key;
    for (size_t i = load->event_keys.len; i-- > 0 && load->event_keys.items[i].i == key;) {
        int64_t *since = &load->event_since.items[i].i;
        if (!kal_str_eq(load->event_types.items[i].s, type))
            continue;
        if (since_ms < *since)
            *since = since_ms;
        return;
    }
    push(&load->event_keys, kal_v_int(KAL_INT8, key));
    push(&load->event_types, kal_v_str(KAL_TEXT, type));
    push(&load->event_since, kal_v_time(since_ms));
    push(&load->event_tenants, kal_v_uuid(customer->tenant));
}

/* What the waits of a graph that look back may take. */
static void want_events(kal_load *load, const kal_customer *customer, const kal_graph *graph)
{
    for (uint32_t n = 0; n < kal_graph_count(graph); n++) {
        const kal_graph_node *node = kal_graph_at(graph, n);
        for (uint32_t e = 0; node->lookback_ms && e < node->n_events; e++)
            want_event(load, customer, node->events[e], load->batch->now_ms - node->lookback_ms);
    }
}

static void want_cap(kal_load *load, const kal_customer *customer, const kal_cap *cap)
{
    int64_t key = (int64_t)customer->key;
    for (size_t i = load->cap_keys.len; i-- > 0 && load->cap_keys.items[i].i == key;)
        if (load->cap_windows.items[i].i == cap->window_ms &&
            kal_str_eq(load->cap_channels.items[i].s, cap->channel))
            return;
    push(&load->cap_keys, kal_v_int(KAL_INT8, key));
    push(&load->cap_channels, kal_v_str(KAL_TEXT, cap->channel));
    push(&load->cap_windows, kal_v_int(KAL_INT8, cap->window_ms));
    push(&load->cap_since, kal_v_time(load->batch->now_ms - cap->window_ms));
    push(&load->cap_tenants, kal_v_uuid(customer->tenant));
}

static void want_caps(kal_load *load, const kal_customer *customer, const kal_version *version)
{
    for (int i = 0; i < 2; i++) {
        const kal_caps *caps = kal_version_caps(version, i);
        for (size_t c = 0; c < caps->len; c++)
            want_cap(load, customer, &caps->items[c]);
    }
}

static void want_members(kal_load *load, const kal_customer *customer, const kal_graph *graph)
{
    size_t n;
    const kal_uuid *segments = kal_graph_segments(graph, &n);
    for (size_t i = 0; i < n; i++) {
        push(&load->member_keys, kal_v_int(KAL_INT8, (int64_t)customer->key));
        push(&load->member_segments, kal_v_uuid(segments[i]));
        push(&load->member_tenants, kal_v_uuid(customer->tenant));
    }
}

/* Several works of the batch may carry an instance past its next wait. */
static bool may_go_far(const kal_customer *customer)
{
    return customer->works && customer->works->next;
}

/* What a walk's nodes need, taken together. */
typedef struct needs {
    bool lookback, caps, flows, segments;
} needs;

static void add_needs(kal_customer *customer, needs *all, const kal_graph_node *node)
{
    customer->want_row = customer->want_row || node->needs_customer;
    all->lookback = all->lookback || node->needs_lookback;
    all->caps = all->caps || node->needs_caps;
    all->flows = all->flows || node->needs_flows;
    all->segments = all->segments || node->needs_segments;
}

static void want_entry(kal_load *load, kal_customer *customer, kal_version *version);

static void want_needs(kal_load *load, kal_customer *customer, const kal_version *version,
                       const needs *all)
{
    size_t n = 0;
    const kal_uuid *flows = kal_graph_flows(version->graph, &n);
    if (all->lookback)
        want_events(load, customer, version->graph);
    if (all->caps)
        want_caps(load, customer, version);
    if (all->segments)
        want_members(load, customer, version->graph);
    for (size_t i = 0; all->flows && i < n; i++) {
        const kal_flow *flow = kal_flows_find(load->batch->flows, flows[i]);
        kal_version *active = flow ? kal_flow_active(flow) : NULL;
        if (active && active->graph)
            want_entry(load, customer, active);
    }
}

/* A walk that has yielded may rest there: it goes on before an event, and may hear it then. Or a
 * node that waits for an answer, which may come in this batch. */
static bool has_yielded(const kal_place *place)
{
    const kal_graph *graph = place->version->graph;
    return graph && place->node != KAL_GRAPH_NONE &&
           kal_graph_at(graph, place->node)->category != KAL_NODE_WAIT;
}

/* What the walk from a place may need: that of its successors, or of the whole graph when several
 * works of the batch, or an event behind a walk, may carry the instance past its next wait. */
static void want_walk(kal_load *load, kal_customer *customer, const kal_place *place)
{
    const kal_graph *graph = place->version->graph;
    if (!graph)
        return;
    for (int i = 0; i < 2; i++) /* conditions may read the customer, at every step */
        if (kal_json_get_str(kal_version_exit_criteria(place->version, i), "condition").p)
            customer->want_row = true;
    needs all = {0};
    if (may_go_far(customer) || has_yielded(place)) {
        for (uint32_t n = 0; n < kal_graph_count(graph); n++)
            add_needs(customer, &all, kal_graph_at(graph, n));
    } else if (place->node != KAL_GRAPH_NONE) {
        const kal_graph_node *node = kal_graph_at(graph, place->node);
        add_needs(customer, &all, node);
        for (uint32_t e = 0; e < node->n_edges; e++)
            add_needs(customer, &all, kal_graph_at(graph, node->edges[e].target));
    }
    want_needs(load, customer, place->version, &all);
}

static void want_instance(kal_load *load, kal_uuid id)
{
    kal_str key = {(const char *)id.b, sizeof id.b};
    if (kal_strmap_put(&load->wanted, key, load))
        return;
    push(&load->instances, kal_v_uuid(id));
}

/* All places of an instance: any of its waits may be where the walk goes on. */
static void want_instance_walk(kal_load *load, kal_customer *customer, kal_uuid id)
{
    const kal_batch *batch = load->batch;
    const kal_wait_entry *entry = NULL;
    while ((entry = kal_waits_next(batch->waits, customer->key, entry))) {
        const kal_place *place = kal_flows_at(batch->flows, entry->place);
        if (kal_uuid_eq(entry->instance, id) && need_version(load, place->version))
            want_walk(load, customer, place);
    }
    want_instance(load, id);
}

static bool listens(const kal_wait_entry *entry, const kal_place *place, kal_str event_type)
{
    const kal_version *version = place->version;
    if (entry->held || kal_version_holds(version))
        return kal_version_names(version, event_type);
    if (!version->graph)
        return false;
    if (kal_version_watches(version, event_type) || has_yielded(place))
        return true;
    if (place->node == KAL_GRAPH_NONE)
        return false;
    return kal_graph_node_hears(kal_graph_at(version->graph, place->node), event_type);
}

static void want_entry(kal_load *load, kal_customer *customer, kal_version *version)
{
    int64_t ms;
    needs all = {.caps = true}; /* the flow's own are asked first */
    for (size_t i = 0; i < load->n_entered; i++)
        if (load->entered[i] == version)
            return;
    load->entered = kal_realloc(load->entered, (load->n_entered + 1) * sizeof *load->entered);
    load->entered[load->n_entered++] = version;
    customer->want_row = true;
    for (uint32_t n = 0; n < kal_graph_count(version->graph); n++)
        if (may_go_far(customer) || kal_graph_at(version->graph, n)->category == KAL_NODE_TRIGGER)
            add_needs(customer, &all, kal_graph_at(version->graph, n));
    want_needs(load, customer, version, &all);
    if (!kal_reentry_free(version->flow, &ms)) {
        push(&load->last_keys, kal_v_int(KAL_INT8, (int64_t)customer->key));
        push(&load->last_flows, kal_v_uuid(version->flow->id));
    }
}

static void want_known(kal_load *load, const kal_customer *customer, const kal_work *work)
{
    if (!work->event_id)
        return;
    push(&load->known_keys, kal_v_int(KAL_INT8, (int64_t)customer->key));
    push(&load->known_ids, kal_v_text(work->event_id));
    push(&load->known_tenants, kal_v_uuid(customer->tenant));
}

static void plan_event(kal_load *load, kal_customer *customer, const kal_work *work)
{
    const kal_batch *batch = load->batch;
    kal_str type = kal_str_of(work->event_type);
    want_known(load, customer, work);
    const kal_wait_entry *entry = NULL;
    while ((entry = kal_waits_next(batch->waits, customer->key, entry))) {
        const kal_place *place = kal_flows_at(batch->flows, entry->place);
        if (!kal_uuid_eq(place->version->flow->tenant->id, customer->tenant))
            continue;
        if (need_version(load, place->version) && listens(entry, place, type)) {
            want_walk(load, customer, place);
            want_instance(load, entry->instance);
            load->batch->bursts++;
        }
    }
    const kal_tenant *tenant = kal_flows_tenant(batch->flows, customer->tenant);
    for (kal_entry *e = kal_strmap_get(&tenant->entries, type); e; e = e->next) {
        want_entry(load, customer, e->version);
        load->batch->bursts++;
    }
}

static void plan_trigger(kal_load *load, kal_customer *customer, kal_work *work)
{
    kal_flow *flow = kal_flows_find(load->batch->flows, work->flow_id);
    kal_version *version = flow ? kal_flow_active(flow) : NULL;
    if ((!flow || flow->status == KAL_FLOW_UNKNOWN) && !work->tries++)
        need_tenant(load, work->tenant); /* drafts come without news */
    customer->want_row = true;
    if (version && version->graph)
        want_entry(load, customer, version);
    load->batch->bursts++;
}

/* A failed instance has no waits that would tell its version, and may go on anywhere. */
static void plan_retry(kal_load *load, kal_customer *customer, const kal_work *work)
{
    kal_version *version =
        kal_flows_version(load->batch->flows, customer->tenant, work->flow_id, work->version);
    customer->want_row = true;
    if (need_version(load, version) && version->graph)
        want_needs(load, customer, version, &(needs){true, true, true, true});
    want_instance(load, work->instance_id);
    load->batch->bursts++;
}

static void want_all_instances(kal_load *load, const kal_customer *customer)
{
    const kal_wait_entry *entry = NULL;
    while ((entry = kal_waits_next(load->batch->waits, customer->key, entry)))
        want_instance(load, entry->instance);
}

static void plan_work(kal_load *load, kal_customer *customer, kal_work *work)
{
    switch (work->kind) {
    case KAL_WORK_EVENT:
        plan_event(load, customer, work);
        break;
    case KAL_WORK_TRIGGER:
    case KAL_WORK_ENROL:
        plan_trigger(load, customer, work);
        break;
    case KAL_WORK_WEBHOOK:
        want_known(load, customer, work);
        plan_trigger(load, customer, work);
        break;
    case KAL_WORK_CUSTOMER:
    case KAL_WORK_LEAVE:
        customer->want_row = true;
        if (work->op == KAL_CUSTOMER_DELETE || work->op == KAL_CUSTOMER_ERASE)
            want_all_instances(load, customer);
        break;
    case KAL_WORK_RETRY:
        plan_retry(load, customer, work);
        break;
    case KAL_WORK_TIMER:
    case KAL_WORK_REPLAY:
        want_instance_walk(load, customer, work->instance_id);
        load->batch->bursts++;
        break;
    case KAL_WORK_CANCEL:
    case KAL_WORK_EXIT:
    case KAL_WORK_FAIL:
    case KAL_WORK_PAUSE:
    case KAL_WORK_RESUME:
        want_instance_walk(load, customer, work->instance_id);
        break;
    }
}

static void plan_customer(kal_load *load, kal_customer *customer)
{
    load->n_entered = 0;
    for (kal_work *work = customer->works; work; work = work->next)
        plan_work(load, customer, work);
    if (customer->want_row && customer->external_id.p) {
        push(&load->customer_tenants, kal_v_uuid(customer->tenant));
        push(&load->customer_ids, kal_v_str(KAL_TEXT, customer->external_id));
    } else if (customer->want_row) {
        for (const kal_work *work = customer->works; work; work = work->next)
            push(&load->instances_of, kal_v_uuid(work->instance_id));
    }
}

kal_load *kal_load_new(kal_batch *batch)
{
    kal_load *load = kal_calloc(1, sizeof *load);
    load->batch = batch;
    batch->bursts = 0;
    for (int p = 0; p < KAL_LOAD_PARTS; p++)
        load->at[p] = NO_STATEMENT;
    for (kal_customer *c = batch->customers; c; c = c->next)
        if (!kal_flows_tenant(batch->flows, c->tenant)->loaded)
            need_tenant(load, c->tenant);
    if (!load->n_tenants)
        for (kal_customer *c = batch->customers; c; c = c->next)
            plan_customer(load, c);
    return load;
}

void kal_load_free(kal_load *load)
{
    if (!load)
        return;
    kal_list *lists[] = {&load->known_keys,    &load->known_ids,       &load->known_tenants,
                         &load->instances,     &load->instances_of,    &load->customer_tenants,
                         &load->customer_ids,  &load->last_keys,       &load->last_flows,
                         &load->event_keys,    &load->event_types,     &load->event_since,
                         &load->event_tenants, &load->cap_keys,        &load->cap_channels,
                         &load->cap_windows,   &load->cap_since,       &load->cap_tenants,
                         &load->member_keys,   &load->member_segments, &load->member_tenants};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        kal_free(lists[i]->items);
    kal_strmap_deinit(&load->wanted);
    kal_free(load->entered);
    kal_free(load->tenants);
    kal_free(load->versions);
    kal_free(load);
}

const kal_uuid *kal_load_tenants(const kal_load *load, size_t *n)
{
    *n = load->n_tenants;
    return load->tenants;
}

kal_version *const *kal_load_versions(const kal_load *load, size_t *n)
{
    *n = load->n_versions;
    return load->versions;
}

static kal_args *arrays(kal_list *const *lists, const kal_type *types, size_t n)
{
    kal_args *args = kal_args_new();
    for (size_t i = 0; i < n; i++)
        kal_args_add_array(args, types[i], lists[i]->items, lists[i]->len);
    return args;
}

/* Adds a part's statement when its first list holds anything (or it is to be warmed). */
static kal_args *add(kal_load *load, kal_pg_call *call, size_t *count, kal_load_part part,
                     kal_sql sql, kal_list *const *lists, const kal_type *types, size_t n)
{
    if (!lists[0]->len && load->batch)
        return NULL;
    kal_args *args = arrays(lists, types, n);
    load->at[part] = (*count)++;
    kal_pg_call_add(call, sql, args);
    return args;
}

/* Answers how many statements it has added. */
static size_t add_parts(kal_load *load, kal_pg_call *call, int64_t now_ms)
{
    static const kal_type ids[] = {KAL_UUID};
    static const kal_type known[] = {KAL_INT8, KAL_TEXT, KAL_UUID};
    static const kal_type customers[] = {KAL_UUID, KAL_TEXT};
    static const kal_type last[] = {KAL_INT8, KAL_UUID};
    static const kal_type events[] = {KAL_INT8, KAL_TEXT, KAL_TIMESTAMP, KAL_UUID};
    static const kal_type members[] = {KAL_INT8, KAL_UUID, KAL_UUID};
    static const kal_type sends[] = {KAL_INT8, KAL_TEXT, KAL_INT8, KAL_TIMESTAMP, KAL_UUID};
    size_t n = 0;
#define ADD(part, types, ...)                                                                      \
    add(load, call, &n, KAL_LOAD_##part, KAL_SQL_LOAD_##part, (kal_list *const[]){__VA_ARGS__},    \
        types, sizeof types / sizeof *types)
    kal_args *args = ADD(KNOWN, known, &load->known_keys, &load->known_ids, &load->known_tenants);
    if (args)
        kal_args_add(args, kal_v_time(now_ms));
    ADD(INSTANCES, ids, &load->instances);
    ADD(WAITS, ids, &load->instances);
    ADD(CUSTOMERS, customers, &load->customer_tenants, &load->customer_ids);
    ADD(CUSTOMERS_OF, ids, &load->instances_of);
    ADD(LAST, last, &load->last_keys, &load->last_flows);
    ADD(EVENTS, events, &load->event_keys, &load->event_types, &load->event_since,
        &load->event_tenants);
    ADD(SENDS, sends, &load->cap_keys, &load->cap_channels, &load->cap_windows, &load->cap_since,
        &load->cap_tenants);
    ADD(MEMBERS, members, &load->member_keys, &load->member_segments, &load->member_tenants);
#undef ADD
    return n;
}

kal_pg_call *kal_load_call(kal_load *load)
{
    kal_pg_call *call = kal_pg_call_new();
    if (add_parts(load, call, load->batch->now_ms))
        return call;
    kal_pg_call_free(call);
    return NULL;
}

void kal_load_warm(kal_pg_call *call)
{
    kal_load empty = {0};
    (void)add_parts(&empty, call, 0);
}

void kal_load_take(kal_load *load, const kal_pg_reply *reply)
{
    for (int p = 0; p < KAL_LOAD_PARTS; p++)
        if (load->at[p] != NO_STATEMENT)
            kal_load_rows(load->batch, (kal_load_part)p, reply->rows[load->at[p]]);
}
