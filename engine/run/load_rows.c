#include "run/load_rows.h"

#include "base/clock.h"
#include "run/sends.h"

static kal_customer *customer_at(const kal_batch *batch, const kal_pg_rows *rows, size_t row)
{
    return kal_batch_find(batch, (uint64_t)kal_pg_int(rows, row, 0));
}

static kal_str text_at(kal_batch *batch, const kal_pg_rows *rows, size_t row, size_t column)
{
    return kal_batch_text(batch, kal_pg_str(rows, row, column));
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

/* Columns: customer_key, event_id, routed, started, held, instance_id. */
static void take_known(kal_batch *batch, const kal_pg_rows *rows, size_t row)
{
    kal_customer *customer = customer_at(batch, rows, row);
    if (!customer)
        return;
    kal_known *known = kal_arena_alloc(batch->arena, sizeof *known);
    *known = (kal_known){customer->known,
                         text_at(batch, rows, row, 1),
                         (int32_t)kal_pg_int(rows, row, 2),
                         (int32_t)kal_pg_int(rows, row, 3),
                         (int32_t)kal_pg_int(rows, row, 4),
                         {{0}}};
    if (!kal_pg_null(rows, row, 5))
        known->instance_id = kal_pg_uuid(rows, row, 5);
    customer->known = known;
}

static void take_parent(kal_instance *instance, const json_t *state)
{
    const json_t *parent = json_object_get(state, "p");
    instance->depth = (uint32_t)json_integer_value(json_object_get(state, "d"));
    if (kal_uuid_parse(kal_json_get_str(parent, "i"), &instance->parent.instance) &&
        kal_uuid_parse(kal_json_get_str(parent, "f"), &instance->parent.flow))
        instance->parent.seq = (uint32_t)json_integer_value(json_object_get(parent, "w"));
}

/* The state as seal.c writes it. */
static void take_state(kal_batch *batch, kal_instance *instance, json_t *state)
{
    instance->executed = (uint32_t)json_integer_value(json_object_get(state, "n"));
    instance->next_seq = (uint32_t)json_integer_value(json_object_get(state, "w"));
    if (!instance->next_seq)
        instance->next_seq = 1;
    take_parent(instance, state);
    const json_t *seen = json_object_get(state, "seen");
    if (json_array_size(seen)) {
        instance->seen =
            kal_arena_alloc(batch->arena, json_array_size(seen) * sizeof *instance->seen);
        for (size_t i = 0; i < json_array_size(seen); i++)
            if (kal_uuid_parse(kal_str_of(json_string_value(json_array_get(seen, i))),
                               &instance->seen[instance->n_seen]))
                instance->n_seen++;
    }
    instance->lost = kal_batch_keep(batch, json_incref(json_object_get(state, "lost")));
    json_t *joins = json_object_get(state, "j");
    const kal_graph *graph = instance->version->graph;
    if (!json_object_size(joins) || !graph)
        return;
    instance->joins = kal_arena_alloc(batch->arena, kal_graph_count(graph));
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
static void take_instance(kal_batch *batch, const kal_pg_rows *rows, size_t row)
{
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
    instance->counted = kal_status_is_live(instance->status);
    instance->row_version = (int32_t)kal_pg_int(rows, row, 8);
    instance->context = text_at(batch, rows, row, 9);
    instance->accumulated = text_at(batch, rows, row, 10);
    json_t *state = json_at(rows, row, 11);
    take_state(batch, instance, state);
    json_decref(state);
}

/* Columns as in load_waits.sql. */
static void take_wait(kal_batch *batch, const kal_pg_rows *rows, size_t row)
{
    kal_customer *customer = customer_at(batch, rows, row);
    kal_instance *instance =
        customer ? kal_customer_instance(customer, kal_pg_uuid(rows, row, 1)) : NULL;
    if (!instance)
        return;
    uint32_t next_seq = instance->next_seq;
    const kal_graph *graph = instance->version->graph; /* none when a plugin is gone */
    uint32_t node = graph ? kal_graph_find(graph, kal_pg_str(rows, row, 3)) : KAL_GRAPH_NONE;
    kal_wait *wait = kal_instance_add_wait(batch, instance, node);
    instance->next_seq = next_seq;
    wait->added = false;
    wait->seq = (uint32_t)kal_pg_int(rows, row, 2);
    wait->yielded = kal_str_is(kal_pg_str(rows, row, 4), "yield");
    wait->due_ms = kal_pg_null(rows, row, 5) ? KAL_NEVER : kal_pg_time(rows, row, 5);
    wait->frozen = kal_pg_int(rows, row, 9) != 0;
    if (!kal_pg_null(rows, row, 10))
        wait->due_ms = kal_pg_int(rows, row, 10);
    wait->absolute = kal_pg_int(rows, row, 6) != 0;
    wait->began_ms = kal_pg_time(rows, row, 7);
    wait->state = kal_batch_keep(batch, json_at(rows, row, 8));
}

/* Columns as in load_customers.sql. */
static void take_customer(kal_batch *batch, const kal_pg_rows *rows, size_t row)
{
    kal_customer *customer = customer_at(batch, rows, row);
    kal_str external_id = kal_pg_str(rows, row, 2);
    if (!customer || customer->exists ||
        (customer->external_id.p && !kal_str_eq(customer->external_id, external_id)))
        return;
    customer->exists = true;
    customer->id = kal_pg_uuid(rows, row, 1);
    customer->external_id = kal_batch_text(batch, external_id);
    customer->email = text_at(batch, rows, row, 3);
    customer->phone = text_at(batch, rows, row, 4);
    customer->name = text_at(batch, rows, row, 5);
    customer->timezone = text_at(batch, rows, row, 6);
    customer->properties = json_at(rows, row, 7);
    customer->tags = json_at(rows, row, 8);
    customer->preferences = json_at(rows, row, 9);
    customer->created_ms = time_at(rows, row, 10);
    customer->seen_ms = time_at(rows, row, 11);
}

/* Columns: customer_key, flow_id, ended. */
static void take_last(kal_batch *batch, const kal_pg_rows *rows, size_t row)
{
    kal_customer *customer = customer_at(batch, rows, row);
    kal_flow *flow = kal_flows_find(batch->flows, kal_pg_uuid(rows, row, 1));
    if (!customer || !flow)
        return;
    kal_last *last = kal_arena_alloc(batch->arena, sizeof *last);
    int64_t ended = kal_pg_null(rows, row, 2) ? KAL_NEVER : kal_pg_time(rows, row, 2);
    *last = (kal_last){customer->lasts, flow, ended};
    customer->lasts = last;
}

/* Columns as in load_events.sql. */
static void take_event(kal_batch *batch, const kal_pg_rows *rows, size_t row)
{
    kal_customer *customer = customer_at(batch, rows, row);
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
    kal_recent *recent = kal_arena_alloc(batch->arena, sizeof *recent);
    recent->id = kal_pg_uuid(rows, row, 1);
    recent->received_ms = kal_pg_time(rows, row, 6);
    recent->event = kal_batch_keep(batch, event);
    *customer->recent_last = recent;
    customer->recent_last = &recent->next;
}

/* Columns: customer_key, channel, window_ms, count. */
static void take_sends(kal_batch *batch, const kal_pg_rows *rows, size_t row)
{
    kal_customer *customer = customer_at(batch, rows, row);
    kal_cap cap = {kal_pg_str(rows, row, 1), kal_pg_int(rows, row, 2), -1};
    if (customer)
        kal_sends_found(batch, customer, cap, kal_pg_int(rows, row, 3));
}

/* Columns as in load_members.sql. */
static void take_member(kal_batch *batch, const kal_pg_rows *rows, size_t row)
{
    char id[KAL_UUID_TEXT + 1];
    kal_customer *customer = customer_at(batch, rows, row);
    if (!customer || !kal_str_eq(customer->external_id, kal_pg_str(rows, row, 1)))
        return;
    kal_uuid_format(kal_pg_uuid(rows, row, 2), id);
    if (!customer->segments)
        customer->segments = kal_batch_keep(batch, json_array());
    json_array_append_new(customer->segments, json_string(id));
}

void kal_load_rows(kal_batch *batch, kal_load_part part, const kal_pg_rows *rows)
{
    static void (*const takers[KAL_LOAD_PARTS])(kal_batch *, const kal_pg_rows *, size_t) = {
        [KAL_LOAD_KNOWN] = take_known,
        [KAL_LOAD_INSTANCES] = take_instance,
        [KAL_LOAD_WAITS] = take_wait,
        [KAL_LOAD_CUSTOMERS] = take_customer,
        [KAL_LOAD_CUSTOMERS_OF] = take_customer,
        [KAL_LOAD_LAST] = take_last,
        [KAL_LOAD_EVENTS] = take_event,
        [KAL_LOAD_SENDS] = take_sends,
        [KAL_LOAD_MEMBERS] = take_member,
    };
    for (size_t row = 0; row < kal_pg_count(rows); row++)
        takers[part](batch, rows, row);
}
