#include "run/seal.h"

#include "run/profile.h"

#include <string.h>

static void write_parent(kal_buf *out, const kal_instance *instance)
{
    char id[KAL_UUID_TEXT + 1], flow[KAL_UUID_TEXT + 1];
    if (instance->depth)
        kal_buf_printf(out, ",\"d\":%u", instance->depth);
    if (!instance->parent.seq)
        return;
    kal_uuid_format(instance->parent.instance, id);
    kal_uuid_format(instance->parent.flow, flow);
    kal_buf_printf(out, ",\"p\":{\"i\":\"%s\",\"f\":\"%s\",\"w\":%u}", id, flow,
                   instance->parent.seq);
}

/* {"n": nodes executed, "w": next wait, "d": depth, "p": its parent {"i": instance, "f": flow, "w":
 * wait}, "j": {node id: join state}, "seen": [event ids], "lost": see lost.h} */
static kal_str state_text(kal_batch *batch, const kal_instance *instance)
{
    kal_buf out = {0};
    kal_buf_printf(&out, "{\"n\":%u,\"w\":%u", instance->executed, instance->next_seq);
    write_parent(&out, instance);
    const char *before = ",\"j\":{";
    uint32_t count = instance->joins ? kal_graph_count(instance->version->graph) : 0;
    for (uint32_t n = 0; n < count; n++) {
        if (instance->joins[n] == KAL_JOIN_EMPTY)
            continue;
        kal_buf_puts(&out, before);
        kal_json_write_str(&out, kal_graph_at(instance->version->graph, n)->id);
        kal_buf_printf(&out, ":%u", instance->joins[n]);
        before = ",";
    }
    if (strcmp(before, ",") == 0)
        kal_buf_putc(&out, '}');
    for (size_t i = 0; i < instance->n_seen; i++) {
        char id[KAL_UUID_TEXT + 1];
        kal_uuid_format(instance->seen[i], id);
        kal_buf_printf(&out, "%s\"%s\"", i ? "," : ",\"seen\":[", id);
    }
    kal_buf_puts(&out, instance->n_seen ? "]" : "");
    if (instance->status == KAL_STATUS_FAILED && instance->lost) {
        kal_buf_puts(&out, ",\"lost\":");
        kal_json_write(&out, instance->lost);
    }
    kal_buf_putc(&out, '}');
    return kal_batch_take(batch, &out);
}

static kal_str accumulated_text(kal_batch *batch, const kal_instance *instance)
{
    kal_buf out = {0};
    if (instance->lua != KAL_LUA_NONE &&
        kal_lua_context_accumulated(batch->lua, instance->lua, &out) == KAL_OK)
        return kal_batch_take(batch, &out);
    kal_buf_deinit(&out);
    return instance->accumulated.n ? instance->accumulated : kal_str_of("{}");
}

static kal_value ended(const kal_instance *instance, bool exited)
{
    if (kal_status_is_live(instance->status) || exited != (instance->status == KAL_STATUS_EXITED))
        return kal_v_null(KAL_TIMESTAMP);
    return kal_v_time(instance->ended_ms);
}

static void seal_start(kal_batch *batch, const kal_instance *instance)
{
    const kal_customer *customer = instance->customer;
    kal_value *row = kal_unit_row(customer->unit, KAL_TABLE_INSTANCE_START);
    row[0] = kal_v_uuid(instance->id);
    row[1] = kal_v_uuid(customer->tenant);
    row[2] = kal_v_uuid(instance->version->flow->id);
    row[3] = kal_v_int(KAL_INT4, instance->version->number);
    row[4] = kal_v_uuid(customer->id);
    row[5] = kal_v_str(KAL_TEXT, customer->external_id);
    row[6] = kal_v_int(KAL_INT8, (int64_t)customer->key);
    row[7] = kal_v_int(KAL_INT2, batch->shard);
    row[8] = kal_v_text(kal_status_text(instance->status));
    row[9] = kal_v_str(KAL_JSON, instance->context);
    row[10] = kal_v_str(KAL_JSON, accumulated_text(batch, instance));
    row[11] = kal_v_str(KAL_JSON, state_text(batch, instance));
    row[12] = kal_v_time(batch->now_ms);
    row[13] = ended(instance, false);
    row[14] = ended(instance, true);
    row[15] = kal_v_str(KAL_TEXT, instance->exit_reason);
}

static void seal_move(kal_batch *batch, const kal_instance *instance)
{
    kal_value *row = kal_unit_row(instance->customer->unit, KAL_TABLE_INSTANCE_MOVE);
    row[0] = kal_v_uuid(instance->id);
    row[1] = kal_v_int(KAL_INT4, instance->row_version);
    row[2] = kal_v_text(kal_status_text(instance->status));
    row[3] = kal_v_str(KAL_JSON, accumulated_text(batch, instance));
    row[4] = kal_v_str(KAL_JSON, state_text(batch, instance));
    row[5] = ended(instance, false);
    row[6] = ended(instance, true);
    row[7] = kal_v_str(KAL_TEXT, instance->exit_reason);
}

/* What it waits for, for people: "a", or "a, b". */
static kal_value event_types(kal_batch *batch, const kal_graph_node *node)
{
    if (!node->n_events)
        return kal_v_null(KAL_TEXT);
    kal_buf out = {0};
    for (uint32_t e = 0; e < node->n_events; e++) {
        kal_buf_puts(&out, e ? ", " : "");
        kal_buf_add(&out, node->events[e].p, node->events[e].n);
    }
    return kal_v_str(KAL_TEXT, kal_batch_take(batch, &out));
}

/* The columns that a pause moves: paused, due_at, remaining_ms. */
static void set_timer(const kal_wait *wait, kal_value *paused, kal_value *due, kal_value *remaining)
{
    *paused = kal_v_bool(wait->frozen);
    if (wait->due_ms == KAL_NEVER)
        return;
    if (wait->frozen && !wait->absolute)
        *remaining = kal_v_int(KAL_INT8, wait->due_ms);
    else
        *due = kal_v_time(wait->due_ms);
}

static void seal_held(const kal_instance *instance)
{
    kal_value *held = kal_unit_row(instance->customer->unit, KAL_TABLE_HELD_PAUSE);
    held[0] = kal_v_uuid(instance->id);
    held[1] = kal_v_bool(kal_instance_keeps(instance));
}

static void seal_switch(const kal_instance *instance)
{
    kal_unit *unit = instance->customer->unit;
    for (const kal_wait *wait = instance->waits; wait; wait = wait->next) {
        if (wait->added || wait->dropped)
            continue;
        kal_value *row = kal_unit_row(unit, KAL_TABLE_WAIT_PAUSE);
        row[0] = kal_v_uuid(instance->id);
        row[1] = kal_v_int(KAL_INT4, wait->seq);
        set_timer(wait, &row[2], &row[3], &row[4]);
    }
}

static void seal_wait(kal_batch *batch, const kal_instance *instance, const kal_wait *wait)
{
    const kal_customer *customer = instance->customer;
    if (wait->dropped) {
        kal_value *row = kal_unit_row(customer->unit, KAL_TABLE_WAIT_DROP);
        row[0] = kal_v_uuid(instance->id);
        row[1] = kal_v_int(KAL_INT4, wait->seq);
        return;
    }
    const kal_graph_node *node = kal_graph_at(instance->version->graph, wait->node);
    kal_value *row = kal_unit_row(customer->unit, KAL_TABLE_WAIT_ADD);
    row[0] = kal_v_uuid(instance->id);
    row[1] = kal_v_int(KAL_INT4, wait->seq);
    row[2] = kal_v_int(KAL_INT2, batch->shard);
    row[3] = kal_v_uuid(customer->tenant);
    row[4] = kal_v_int(KAL_INT8, (int64_t)customer->key);
    row[5] = kal_v_uuid(instance->version->flow->id);
    row[6] = kal_v_int(KAL_INT4, instance->version->number);
    row[7] = kal_v_str(KAL_TEXT, node->id);
    row[8] = wait->yielded ? kal_v_text("yield") : kal_v_str(KAL_TEXT, node->type);
    row[9] = wait->yielded ? kal_v_null(KAL_TEXT) : event_types(batch, node);
    set_timer(wait, &row[14], &row[10], &row[15]);
    row[11] = kal_v_bool(wait->absolute);
    row[12] = kal_v_time(wait->began_ms);
    if (wait->state)
        row[13] = kal_v_str(KAL_JSON, kal_batch_json(batch, wait->state));
}

static void seal_instance(kal_batch *batch, const kal_instance *instance)
{
    if (instance->switched || instance->tied)
        seal_held(instance);
    if (!instance->dirty)
        return;
    if (instance->row_version)
        seal_move(batch, instance);
    else
        seal_start(batch, instance);
    for (const kal_wait *wait = instance->waits; wait; wait = wait->next)
        if (wait->added != wait->dropped)
            seal_wait(batch, instance, wait);
    if (instance->switched)
        seal_switch(instance);
}

void kal_seal(kal_batch *batch)
{
    for (kal_customer *customer = batch->customers; customer; customer = customer->next) {
        kal_profile_seal(customer, batch);
        for (const kal_instance *i = customer->instances; i; i = i->next)
            seal_instance(batch, i);
    }
}

int64_t kal_wait_left(const kal_batch *batch, const kal_instance *instance, const kal_wait *wait)
{
    int64_t shift = kal_flow_shift(instance->version->flow, batch->now_ms);
    return wait->frozen ? wait->due_ms : wait->due_ms + shift - batch->now_ms;
}

int64_t kal_wait_from_left(const kal_batch *batch, const kal_instance *instance, int64_t left_ms)
{
    return batch->now_ms + left_ms - kal_flow_shift(instance->version->flow, batch->now_ms);
}

int64_t kal_wait_due(const kal_flow *flow, const kal_wait *wait)
{
    if (wait->due_ms == KAL_NEVER || wait->absolute)
        return wait->due_ms;
    return wait->due_ms + flow->paused_ms;
}
