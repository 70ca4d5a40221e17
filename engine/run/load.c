#include "run/load.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <string.h>

#define NO_STATEMENT SIZE_MAX

/* The statements of a load, each sent only when it has something to ask. */
typedef enum kal_part {
    KNOWN,
    INSTANCES,
    WAITS,
    CUSTOMERS,
    CUSTOMERS_OF,
    LAST,
    EVENTS,
    PARTS
} kal_part;

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
    kal_list event_keys, event_since, event_tenants;
    size_t at[PARTS]; /* index of each part's statement in the call */
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

static void want_needs(kal_customer *customer, const kal_graph_node *node, int64_t now_ms)
{
    if (node->needs_customer)
        customer->want_row = true;
    if (node->needs_lookback_ms) {
        int64_t since = now_ms - node->needs_lookback_ms;
        if (since < customer->want_events_ms)
            customer->want_events_ms = since;
    }
}

/* What the walk from a place may need: that of its successors, or of the whole graph when several
 * works of the batch may carry the instance past its next wait. */
static void want_walk(kal_load *load, kal_customer *customer, const kal_place *place)
{
    const kal_graph *graph = place->version->graph;
    if (!graph)
        return;
    for (int i = 0; i < 2; i++) /* conditions may read the customer, at every step */
        if (kal_json_get_str(kal_version_exit_criteria(place->version, i), "condition").p)
            customer->want_row = true;
    if (customer->works && customer->works->next) {
        for (uint32_t n = 0; n < kal_graph_count(graph); n++)
            want_needs(customer, kal_graph_at(graph, n), load->batch->now_ms);
        return;
    }
    if (place->node == KAL_GRAPH_NONE)
        return;
    const kal_graph_node *node = kal_graph_at(graph, place->node);
    want_needs(customer, node, load->batch->now_ms);
    for (uint32_t e = 0; e < node->n_edges; e++)
        want_needs(customer, kal_graph_at(graph, node->edges[e].target), load->batch->now_ms);
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

static bool listens(const kal_place *place, kal_str event_type)
{
    const kal_version *version = place->version;
    if (!version->graph)
        return false;
    if (kal_version_watches(version, event_type))
        return true;
    if (place->node == KAL_GRAPH_NONE)
        return false;
    const kal_graph_node *node = kal_graph_at(version->graph, place->node);
    for (uint32_t e = 0; e < node->n_events; e++)
        if (kal_str_eq(node->events[e], event_type))
            return true;
    return false;
}

static void want_entry(kal_load *load, kal_customer *customer, kal_version *version)
{
    int64_t ms;
    customer->want_row = true;
    for (uint32_t n = 0; n < kal_graph_count(version->graph); n++)
        if (kal_graph_at(version->graph, n)->category == KAL_NODE_TRIGGER)
            want_needs(customer, kal_graph_at(version->graph, n), load->batch->now_ms);
    if (!kal_reentry_free(version->flow, &ms)) {
        push(&load->last_keys, kal_v_int(KAL_INT8, (int64_t)customer->key));
        push(&load->last_flows, kal_v_uuid(version->flow->id));
    }
}

static void plan_event(kal_load *load, kal_customer *customer, const kal_work *work)
{
    const kal_batch *batch = load->batch;
    kal_str type = kal_str_of(work->event_type);
    if (work->event_id) {
        push(&load->known_keys, kal_v_int(KAL_INT8, (int64_t)customer->key));
        push(&load->known_ids, kal_v_text(work->event_id));
        push(&load->known_tenants, kal_v_uuid(customer->tenant));
    }
    const kal_wait_entry *entry = NULL;
    while ((entry = kal_waits_next(batch->waits, customer->key, entry))) {
        const kal_place *place = kal_flows_at(batch->flows, entry->place);
        if (!kal_uuid_eq(place->version->flow->tenant->id, customer->tenant))
            continue;
        if (need_version(load, place->version) && listens(place, type)) {
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

static void plan_work(kal_load *load, kal_customer *customer, kal_work *work)
{
    switch (work->kind) {
    case KAL_WORK_EVENT:
        plan_event(load, customer, work);
        break;
    case KAL_WORK_TRIGGER:
        plan_trigger(load, customer, work);
        break;
    case KAL_WORK_CUSTOMER:
        customer->want_row = true;
        break;
    case KAL_WORK_TIMER:
    case KAL_WORK_REPLAY:
        want_instance_walk(load, customer, work->instance_id);
        load->batch->bursts++;
        break;
    case KAL_WORK_CANCEL:
    case KAL_WORK_EXIT:
    case KAL_WORK_FAIL:
        want_instance_walk(load, customer, work->instance_id);
        break;
    }
}

static void plan_customer(kal_load *load, kal_customer *customer)
{
    for (kal_work *work = customer->works; work; work = work->next)
        plan_work(load, customer, work);
    if (customer->want_row && customer->external_id.p) {
        push(&load->customer_tenants, kal_v_uuid(customer->tenant));
        push(&load->customer_ids, kal_v_str(KAL_TEXT, customer->external_id));
    } else if (customer->want_row) {
        for (const kal_work *work = customer->works; work; work = work->next)
            push(&load->instances_of, kal_v_uuid(work->instance_id));
    }
    if (customer->want_events_ms != KAL_NEVER) {
        push(&load->event_keys, kal_v_int(KAL_INT8, (int64_t)customer->key));
        push(&load->event_since, kal_v_time(customer->want_events_ms));
        push(&load->event_tenants, kal_v_uuid(customer->tenant));
    }
}

kal_load *kal_load_new(kal_batch *batch)
{
    kal_load *load = kal_calloc(1, sizeof *load);
    load->batch = batch;
    batch->bursts = 0;
    for (int p = 0; p < PARTS; p++)
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
    kal_list *lists[] = {&load->known_keys,   &load->known_ids,    &load->known_tenants,
                         &load->instances,    &load->instances_of, &load->customer_tenants,
                         &load->customer_ids, &load->last_keys,    &load->last_flows,
                         &load->event_keys,   &load->event_since,  &load->event_tenants};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        kal_free(lists[i]->items);
    kal_strmap_deinit(&load->wanted);
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
static kal_args *add(kal_load *load, kal_pg_call *call, size_t *count, kal_part part, kal_sql sql,
                     kal_list *const *lists, const kal_type *types, size_t n)
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
    static const kal_type events[] = {KAL_INT8, KAL_TIMESTAMP, KAL_UUID};
    size_t n = 0;
#define ADD(part, sql, types, ...)                                                                 \
    add(load, call, &n, part, KAL_SQL_##sql, (kal_list *const[]){__VA_ARGS__}, types,              \
        sizeof types / sizeof *types)
    kal_args *args =
        ADD(KNOWN, LOAD_KNOWN, known, &load->known_keys, &load->known_ids, &load->known_tenants);
    if (args)
        kal_args_add(args, kal_v_time(now_ms));
    ADD(INSTANCES, LOAD_INSTANCES, ids, &load->instances);
    ADD(WAITS, LOAD_WAITS, ids, &load->instances);
    ADD(CUSTOMERS, LOAD_CUSTOMERS, customers, &load->customer_tenants, &load->customer_ids);
    ADD(CUSTOMERS_OF, LOAD_CUSTOMERS_OF, ids, &load->instances_of);
    ADD(LAST, LOAD_LAST, last, &load->last_keys, &load->last_flows);
    ADD(EVENTS, LOAD_EVENTS, events, &load->event_keys, &load->event_since, &load->event_tenants);
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

static kal_customer *customer_at(const kal_load *load, const kal_pg_rows *rows, size_t row)
{
    return kal_batch_find(load->batch, (uint64_t)kal_pg_int(rows, row, 0));
}

static kal_str text_at(const kal_load *load, const kal_pg_rows *rows, size_t row, size_t column)
{
    return kal_batch_text(load->batch, kal_pg_str(rows, row, column));
}

static json_t *json_at(const kal_pg_rows *rows, size_t row, size_t column)
{
    char error[160];
    kal_str text = kal_pg_str(rows, row, column);
    return text.p ? kal_json_parse(text, error) : NULL;
}

static int64_t time_at(const kal_pg_rows *rows, size_t row, size_t column)
{
    return kal_pg_null(rows, row, column) ? KAL_UNSET : kal_pg_time(rows, row, column);
}

/* Columns: customer_key, event_id, routed, started, held. */
static void take_known(kal_load *load, const kal_pg_rows *rows, size_t row)
{
    kal_customer *customer = customer_at(load, rows, row);
    if (!customer)
        return;
    kal_known *known = kal_arena_alloc(load->batch->arena, sizeof *known);
    *known =
        (kal_known){customer->known, text_at(load, rows, row, 1), (int32_t)kal_pg_int(rows, row, 2),
                    (int32_t)kal_pg_int(rows, row, 3), (int32_t)kal_pg_int(rows, row, 4)};
    customer->known = known;
}

/* state: {"n": nodes executed, "w": next wait, "j": {node id: join state}, "seen": [event ids]} */
static void take_state(kal_load *load, kal_instance *instance, json_t *state)
{
    instance->executed = (uint32_t)json_integer_value(json_object_get(state, "n"));
    instance->next_seq = (uint32_t)json_integer_value(json_object_get(state, "w"));
    if (!instance->next_seq)
        instance->next_seq = 1;
    const json_t *seen = json_object_get(state, "seen");
    if (json_array_size(seen)) {
        instance->seen =
            kal_arena_alloc(load->batch->arena, json_array_size(seen) * sizeof *instance->seen);
        for (size_t i = 0; i < json_array_size(seen); i++)
            if (kal_uuid_parse(kal_str_of(json_string_value(json_array_get(seen, i))),
                               &instance->seen[instance->n_seen]))
                instance->n_seen++;
    }
    json_t *joins = json_object_get(state, "j");
    const kal_graph *graph = instance->version->graph;
    if (!json_object_size(joins) || !graph)
        return;
    instance->joins = kal_arena_alloc(load->batch->arena, kal_graph_count(graph));
    const char *id;
    json_t *value;
    json_object_foreach(joins, id, value)
    {
        uint32_t node = kal_graph_find(graph, kal_str_of(id));
        if (node != KAL_GRAPH_NONE)
            instance->joins[node] = (uint8_t)json_integer_value(value);
    }
}

/* Columns as in load_instances.sql. */
static void take_instance(kal_load *load, const kal_pg_rows *rows, size_t row)
{
    kal_batch *batch = load->batch;
    kal_uuid id = kal_pg_uuid(rows, row, 0);
    kal_customer *customer = kal_batch_find(batch, (uint64_t)kal_pg_int(rows, row, 1));
    kal_uuid tenant = kal_pg_uuid(rows, row, 2);
    kal_str external_id = kal_pg_str(rows, row, 6);
    if (!customer || !kal_uuid_eq(tenant, customer->tenant) ||
        (customer->external_id.p && !kal_str_eq(customer->external_id, external_id)))
        return; /* another customer with the same key */
    customer->id = kal_pg_uuid(rows, row, 5);
    if (!customer->external_id.p)
        customer->external_id = kal_batch_text(batch, external_id);
    kal_version *version = kal_flows_version(batch->flows, tenant, kal_pg_uuid(rows, row, 3),
                                             (int32_t)kal_pg_int(rows, row, 4));
    kal_instance *instance = kal_customer_add_instance(batch, customer, id, version);
    if (!kal_status_parse(kal_pg_str(rows, row, 7), &instance->status))
        instance->status = KAL_STATUS_FAILED;
    instance->row_version = (int32_t)kal_pg_int(rows, row, 8);
    instance->context = text_at(load, rows, row, 9);
    instance->accumulated = text_at(load, rows, row, 10);
    json_t *state = json_at(rows, row, 11);
    take_state(load, instance, state);
    json_decref(state);
    instance->entered_ms = kal_pg_time(rows, row, 12);
}

/* Columns as in load_waits.sql. */
static void take_wait(kal_load *load, const kal_pg_rows *rows, size_t row)
{
    kal_customer *customer = customer_at(load, rows, row);
    kal_instance *instance =
        customer ? kal_customer_instance(customer, kal_pg_uuid(rows, row, 1)) : NULL;
    if (!instance || !instance->version->graph)
        return;
    uint32_t next_seq = instance->next_seq;
    uint32_t node = kal_graph_find(instance->version->graph, kal_pg_str(rows, row, 3));
    kal_wait *wait = kal_instance_add_wait(load->batch, instance, node);
    instance->next_seq = next_seq;
    wait->added = false;
    wait->seq = (uint32_t)kal_pg_int(rows, row, 2);
    wait->yielded = kal_str_is(kal_pg_str(rows, row, 4), "yield");
    wait->due_ms = kal_pg_null(rows, row, 5) ? KAL_NEVER : kal_pg_time(rows, row, 5);
    wait->absolute = kal_pg_int(rows, row, 6) != 0;
    wait->began_ms = kal_pg_time(rows, row, 7);
    wait->state = kal_batch_keep(load->batch, json_at(rows, row, 8));
}

/* Columns as in load_customers.sql. */
static void take_customer(kal_load *load, const kal_pg_rows *rows, size_t row)
{
    kal_customer *customer = customer_at(load, rows, row);
    kal_str external_id = kal_pg_str(rows, row, 2);
    if (!customer || customer->exists ||
        (customer->external_id.p && !kal_str_eq(customer->external_id, external_id)))
        return;
    customer->exists = true;
    customer->id = kal_pg_uuid(rows, row, 1);
    customer->external_id = kal_batch_text(load->batch, external_id);
    customer->email = text_at(load, rows, row, 3);
    customer->phone = text_at(load, rows, row, 4);
    customer->name = text_at(load, rows, row, 5);
    customer->timezone = text_at(load, rows, row, 6);
    customer->properties = json_at(rows, row, 7);
    customer->tags = json_at(rows, row, 8);
    customer->preferences = json_at(rows, row, 9);
    customer->created_ms = time_at(rows, row, 10);
    customer->seen_ms = time_at(rows, row, 11);
}

/* Columns: customer_key, flow_id, ended. */
static void take_last(kal_load *load, const kal_pg_rows *rows, size_t row)
{
    kal_customer *customer = customer_at(load, rows, row);
    kal_flow *flow = kal_flows_find(load->batch->flows, kal_pg_uuid(rows, row, 1));
    if (!customer || !flow)
        return;
    kal_last *last = kal_arena_alloc(load->batch->arena, sizeof *last);
    int64_t ended = kal_pg_null(rows, row, 2) ? KAL_NEVER : kal_pg_time(rows, row, 2);
    *last = (kal_last){customer->lasts, flow, ended};
    customer->lasts = last;
}

/* Columns as in load_events.sql. */
static void take_event(kal_load *load, const kal_pg_rows *rows, size_t row)
{
    kal_customer *customer = customer_at(load, rows, row);
    if (!customer)
        return;
    kal_str event_id = kal_pg_str(rows, row, 2);
    kal_str type = kal_pg_str(rows, row, 3);
    char at[KAL_TIME_TEXT + 1];
    json_t *event = json_object();
    json_object_set_new(event, "id",
                        event_id.p ? json_stringn(event_id.p, event_id.n) : json_null());
    json_object_set_new(event, "event_type", json_stringn(type.p, type.n));
    json_object_set_new(event, "data", json_at(rows, row, 4));
    if (!kal_pg_null(rows, row, 5)) {
        kal_clock_format(kal_pg_time(rows, row, 5), at);
        json_object_set_new(event, "occurred_at", json_string(at));
    }
    kal_recent *recent = kal_arena_alloc(load->batch->arena, sizeof *recent);
    recent->id = kal_pg_uuid(rows, row, 1);
    recent->received_ms = kal_pg_time(rows, row, 6);
    recent->event = kal_batch_keep(load->batch, event);
    *customer->recent_last = recent;
    customer->recent_last = &recent->next;
}

void kal_load_take(kal_load *load, const kal_pg_reply *reply)
{
    static void (*const takers[PARTS])(kal_load *, const kal_pg_rows *, size_t) = {
        [KNOWN] = take_known,        [INSTANCES] = take_instance,    [WAITS] = take_wait,
        [CUSTOMERS] = take_customer, [CUSTOMERS_OF] = take_customer, [LAST] = take_last,
        [EVENTS] = take_event,
    };
    for (int p = 0; p < PARTS; p++) {
        if (load->at[p] == NO_STATEMENT)
            continue;
        const kal_pg_rows *rows = reply->rows[load->at[p]];
        for (size_t row = 0; row < kal_pg_count(rows); row++)
            takers[p](load, rows, row);
    }
}
