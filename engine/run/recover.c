/* What a shard reads of its own accord: its waits at a takeover, the next stretch of timers, and
 * tenants' flows with the business that their state leaves to do. */
#include "run/shard_state.h"

#include "base/alloc.h"
#include "base/log.h"
#include "run/emit.h"

#include <arpa/inet.h>
#include <string.h>

#define HORIZON_MS (60 * 60 * 1000)
#define REFILL_ROWS 5000
#define RETRY_MS 500

/* ---- timers ---- */

static void on_timers(void *data, const kal_pg_reply *reply)
{
    kal_shard *shard = data;
    if (reply->err) {
        kal_timer none = {.due_ms = INT64_MIN};
        kal_timers_end_load(&shard->timers, &none); /* asked again from the start */
        kal_log(KAL_LOG_WARN, "timers_not_loaded", "error", reply->message, NULL);
        kal_shard_wake_in(shard, RETRY_MS);
        return;
    }
    const kal_pg_rows *rows = reply->rows[0];
    size_t count = kal_pg_count(rows);
    kal_timer timer;
    for (size_t row = 0; row < count; row++) {
        timer = (kal_timer){
            .customer = (uint64_t)kal_pg_int(rows, row, 0),
            .instance = kal_pg_uuid(rows, row, 1),
            .seq = (uint32_t)kal_pg_int(rows, row, 2),
            .due_ms = kal_pg_time(rows, row, 3),
        };
        kal_timers_put(&shard->timers, &timer);
    }
    kal_timers_end_load(&shard->timers, count == REFILL_ROWS ? &timer : NULL);
    kal_shard_pump(shard);
}

bool kal_shard_refill(kal_shard *shard, int64_t until_ms)
{
    kal_timers *timers = &shard->timers;
    if (timers->loading)
        return true;
    /* Those beyond the horizon (a paused flow's, put off) do not keep others from being read. */
    bool enough =
        timers->heap.len >= REFILL_ROWS / 2 && kal_timers_next(timers) <= timers->horizon.due_ms;
    if (timers->horizon.due_ms > until_ms + HORIZON_MS / 2 || enough)
        return false;
    kal_timer from;
    kal_timer horizon = {.due_ms = until_ms + HORIZON_MS, .seq = UINT32_MAX};
    memset(horizon.instance.b, 0xff, sizeof horizon.instance.b);
    kal_timers_begin_load(timers, &horizon, &from);
    kal_pg_call *call = kal_pg_call_new();
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_int(KAL_INT2, shard->options.index));
    kal_args_add(args, kal_v_time(from.due_ms == INT64_MIN ? 0 : from.due_ms));
    kal_args_add(args, kal_v_uuid(from.instance));
    kal_args_add(args, kal_v_int(KAL_INT4, from.seq > INT32_MAX ? INT32_MAX : from.seq));
    kal_args_add(args, kal_v_time(horizon.due_ms));
    kal_args_add(args, kal_v_int(KAL_INT4, REFILL_ROWS));
    kal_pg_call_add(call, KAL_SQL_LOAD_TIMERS, args);
    kal_pg_send(shard->pg, call, on_timers, shard);
    return true;
}

/* ---- tenants' flows ---- */

typedef struct kal_tenants_load {
    kal_shard *shard;
    kal_uuid *tenants;
    size_t n;
    void (*done)(void *data, kal_err err);
    void *data;
} kal_tenants_load;

/* The instance's version is known to be broken: what it holds stays for its plugin's return. */
static bool is_stuck(const kal_shard *shard, kal_uuid instance, uint64_t customer)
{
    const kal_wait_entry *entry = NULL;
    while ((entry = kal_waits_next(shard->waits, customer, entry)))
        if (kal_uuid_eq(entry->instance, instance))
            return kal_flows_at(shard->flows, entry->place)->version->broken;
    return false;
}

/* Held events go first, in order: what was held came before all that is queued. */
static void queue_replays(kal_shard *shard, const kal_pg_rows *rows)
{
    for (size_t row = kal_pg_count(rows); row-- > 0;) {
        char error[160];
        kal_uuid id = kal_pg_uuid(rows, row, 0);
        kal_str key = {(const char *)id.b, sizeof id.b};
        kal_held held = {.id = id,
                         .tenant = kal_pg_uuid(rows, row, 1),
                         .instance = kal_pg_uuid(rows, row, 2),
                         .customer_key = (uint64_t)kal_pg_int(rows, row, 3)};
        if (is_stuck(shard, held.instance, held.customer_key) ||
            kal_strmap_put(&shard->replaying, key, shard))
            continue;
        json_t *body = kal_json_parse(kal_pg_str(rows, row, 4), error);
        kal_queue_push_first(shard->queue, KAL_CLASS_EVENT, kal_held_work(&held, body));
        json_decref(body);
    }
}

void kal_shard_answered(kal_shard *shard, const kal_held *held, json_t *body)
{
    const kal_flow *flow = kal_flows_find(shard->flows, held->flow);
    kal_str key = {(const char *)held->id.b, sizeof held->id.b};
    if (shard->state != KAL_SHARD_READY || !flow || kal_flow_holds(flow) ||
        kal_strmap_put(&shard->replaying, key, shard))
        return;
    kal_queue_push(shard->queue, KAL_CLASS_EVENT, kal_held_work(held, body));
}

static void queue_exits(kal_shard *shard, const kal_pg_rows *rows)
{
    for (size_t row = 0; row < kal_pg_count(rows); row++) {
        kal_work *work = kal_work_new(KAL_WORK_EXIT);
        work->instance_id = kal_pg_uuid(rows, row, 0);
        work->tenant = kal_pg_uuid(rows, row, 1);
        work->customer_key = (uint64_t)kal_pg_int(rows, row, 2);
        work->reason = kal_strdup("flow_archived");
        kal_queue_push(shard->queue, KAL_CLASS_BULK, work);
    }
}

/* Timers that came up while a flow was paused come up again, later by the pause. */
static void unpark(kal_shard *shard, const kal_tenant *tenant)
{
    for (kal_flow *flow = tenant->flows; flow; flow = flow->next) {
        if (kal_flow_holds(flow))
            continue;
        for (size_t i = 0; i < flow->n_parked; i++)
            kal_timers_put(&shard->timers, &flow->parked[i]);
        kal_free(flow->parked);
        flow->parked = NULL;
        flow->n_parked = 0;
    }
}

static void count_backlog(kal_shard *shard, const kal_pg_rows *rows, size_t flow)
{
    for (size_t row = 0; row < kal_pg_count(rows); row++) {
        kal_flow *known = kal_flows_find(shard->flows, kal_pg_uuid(rows, row, flow));
        if (known)
            known->backlog++;
    }
}

/* Notes which tenants have more than was asked for. */
static void take_backlogs(kal_shard *shard, const kal_tenants_load *load, const kal_pg_reply *reply)
{
    for (size_t t = 0; t < load->n; t++)
        for (kal_flow *f = kal_flows_tenant(shard->flows, load->tenants[t])->flows; f; f = f->next)
            f->backlog = 0;
    count_backlog(shard, reply->rows[1], 5);
    count_backlog(shard, reply->rows[2], 3);
    for (size_t t = 0; t < load->n; t++) {
        kal_tenant *tenant = kal_flows_tenant(shard->flows, load->tenants[t]);
        bool more = false;
        for (const kal_flow *flow = tenant->flows; flow; flow = flow->next)
            more = more || flow->backlog >= KAL_BACKLOG_ROWS;
        bool queued = shard->replaying.len || kal_queue_count(shard->queue, KAL_CLASS_BULK);
        if (!more || !queued || tenant->unfinished)
            continue; /* a backlog of which nothing is queued waits for a plugin */
        tenant->unfinished = true;
        tenant->next_unfinished = shard->unfinished;
        shard->unfinished = tenant;
    }
}

static void on_tenants(void *data, const kal_pg_reply *reply)
{
    kal_tenants_load *load = data;
    kal_shard *shard = load->shard;
    if (!reply->err) {
        kal_flows_take(shard->flows, load->tenants, load->n, reply->rows[0]);
        kal_flows_take_segments(shard->flows, load->tenants, load->n, reply->rows[3]);
        if (shard->in_turn && kal_pg_count(reply->rows[1]))
            kal_turn_put_back(shard); /* what was held came before */
        queue_replays(shard, reply->rows[1]);
        queue_exits(shard, reply->rows[2]);
        take_backlogs(shard, load, reply);
        for (size_t t = 0; t < load->n; t++)
            kal_sources_take(shard->sources, kal_flows_tenant(shard->flows, load->tenants[t]),
                             reply->rows[4], reply->rows[3], kal_clock_now(shard->options.clock));
        for (size_t t = 0; t < load->n; t++)
            unpark(shard, kal_flows_tenant(shard->flows, load->tenants[t]));
        kal_outbox_wake(shard->outbox);
    }
    load->done(load->data, reply->err);
    kal_free(load->tenants);
    kal_free(load);
}

static void add_business(kal_shard *shard, kal_pg_call *call, kal_sql sql, const kal_value *tenants,
                         size_t n)
{
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_int(KAL_INT2, shard->options.index));
    kal_args_add_array(args, KAL_UUID, tenants, n);
    kal_args_add(args, kal_v_int(KAL_INT4, KAL_BACKLOG_ROWS));
    kal_pg_call_add(call, sql, args);
}

void kal_shard_load_tenants(kal_shard *shard, const kal_uuid *tenants, size_t n,
                            void (*done)(void *data, kal_err err), void *data)
{
    kal_tenants_load *load = kal_alloc(sizeof *load);
    *load = (kal_tenants_load){shard, kal_alloc(n * sizeof *tenants), n, done, data};
    memcpy(load->tenants, tenants, n * sizeof *tenants);
    kal_value *values = kal_alloc(n * sizeof *values);
    for (size_t t = 0; t < n; t++)
        values[t] = kal_v_uuid(tenants[t]);
    kal_pg_call *call = kal_pg_call_new();
    kal_flows_query(shard->flows, call, values, n);
    add_business(shard, call, KAL_SQL_LOAD_HELD, values, n);
    add_business(shard, call, KAL_SQL_LOAD_ARCHIVED, values, n);
    kal_flows_query_segments(call, values, n);
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_int(KAL_INT2, shard->options.index));
    kal_args_add_array(args, KAL_UUID, values, n);
    kal_pg_call_add(call, KAL_SQL_LOAD_SOURCES, args);
    kal_free(values);
    kal_pg_send(shard->pg, call, on_tenants, load);
}

/* ---- flow changes ---- */

static void tell_change(kal_change *change)
{
    change->done(change->data);
    kal_free(change);
}

static void ignore(void *data)
{
    (void)data;
}

static void add_change(kal_shard *shard, kal_uuid tenant, void (*done)(void *data), void *data)
{
    kal_change *change = kal_alloc(sizeof *change);
    *change = (kal_change){shard->changes, shard, tenant, done, data};
    shard->changes = change;
}

void kal_shard_replay(kal_shard *shard, kal_uuid tenant)
{
    for (const kal_change *change = shard->changes; change; change = change->next)
        if (kal_uuid_eq(change->tenant, tenant))
            return;
    add_change(shard, tenant, ignore, NULL);
}

static void on_change(void *data, kal_err err)
{
    kal_change *change = data;
    kal_shard *shard = change->shard;
    if (err) { /* works load it anew; what waits for no work is asked for when it can be */
        kal_flows_tenant(shard->flows, change->tenant)->loaded = false;
        add_change(shard, change->tenant, ignore, NULL);
    }
    shard->changing--;
    tell_change(change);
    kal_shard_pump(shard);
    if (err)
        kal_shard_wake_in(shard, RETRY_MS);
}

/* What was queued of backlogs is done: the tenants are loaded anew, which queues more of them. */
static void load_more(kal_shard *shard)
{
    if (shard->state != KAL_SHARD_READY || shard->replaying.len ||
        kal_queue_count(shard->queue, KAL_CLASS_BULK))
        return;
    kal_tenant *tenant = shard->unfinished;
    shard->unfinished = NULL;
    for (kal_tenant *next; tenant; tenant = next) {
        next = tenant->next_unfinished;
        tenant->unfinished = false;
        kal_shard_flow_changed(shard, tenant->id, ignore, NULL);
    }
}

/* Between turns: what the last one held is in the database then, and is queued ahead of what the
 * next one takes. */
void kal_shard_turn_ended(kal_shard *shard)
{
    kal_shard_take_plugins(shard);
    for (kal_change *change; (change = shard->changes);) {
        shard->changes = change->next;
        if (shard->state == KAL_SHARD_OFF) {
            kal_flows_tenant(shard->flows, change->tenant)->loaded = false;
            tell_change(change);
            continue;
        }
        shard->changing++;
        kal_shard_load_tenants(shard, &change->tenant, 1, on_change, change);
    }
    load_more(shard);
}

void kal_shard_flow_changed(kal_shard *shard, kal_uuid tenant, void (*done)(void *data), void *data)
{
    add_change(shard, tenant, done, data);
    if (!shard->in_turn)
        kal_shard_turn_ended(shard);
}

/* ---- takeover ---- */

/* One of the parts has ended; when all have, the shard runs, or it begins again from the start. */
static void part_done(kal_shard *shard, kal_err err, const char *message)
{
    if (err) {
        shard->recovery_failed = true;
        kal_log(KAL_LOG_WARN, "recovery_retried", "error", message, NULL);
    }
    if (--shard->recovering || shard->state != KAL_SHARD_RECOVERING)
        return;
    if (shard->recovery_failed) {
        kal_shard_wake_in(shard, RETRY_MS);
        return;
    }
    shard->state = KAL_SHARD_READY;
    atomic_fetch_add(&shard->figures.recoveries, 1);
    kal_shard_pump(shard);
}

static uint64_t wire_u64(kal_str field)
{
    uint32_t half[2];
    memcpy(half, field.p, sizeof half);
    return (uint64_t)ntohl(half[0]) << 32 | ntohl(half[1]);
}

static uint32_t wire_u32(kal_str field)
{
    uint32_t value;
    memcpy(&value, field.p, sizeof value);
    return ntohl(value);
}

static kal_uuid wire_uuid(kal_str field)
{
    kal_uuid id;
    memcpy(id.b, field.p, sizeof id.b);
    return id;
}

/* Fields as in recover_waits.sql. */
static void on_wait(void *data, const kal_str *fields, size_t n)
{
    kal_shard *shard = data;
    if (n != 8 || shard->state != KAL_SHARD_RECOVERING)
        return;
    kal_version *version = kal_flows_version(shard->flows, wire_uuid(fields[3]),
                                             wire_uuid(fields[4]), (int32_t)wire_u32(fields[5]));
    uint32_t place = kal_flows_place(shard->flows, version, fields[6]);
    uint64_t customer = wire_u64(fields[0]);
    kal_uuid instance = wire_uuid(fields[1]);
    kal_waits_add(shard->waits, customer, instance, wire_u32(fields[2]), place);
    if (fields[7].p[0])
        kal_waits_hold(shard->waits, customer, instance, true);
}

static void on_waits_end(void *data, kal_err err, const char *message)
{
    kal_shard *shard = data;
    shard->copying = NULL;
    part_done(shard, err, message);
}

static void on_unfinished(void *data, kal_err err)
{
    part_done(data, err, kal_err_text(err));
}

static void on_recovered(void *data, const kal_pg_reply *reply)
{
    kal_shard *shard = data;
    if (reply->err) {
        part_done(shard, reply->err, reply->message);
        return;
    }
    if (kal_clock_is_virtual(shard->options.clock) && !kal_pg_null(reply->rows[0], 0, 0))
        kal_clock_set(shard->options.clock, kal_pg_time(reply->rows[0], 0, 0));
    kal_outbox_recover(shard->outbox, reply->rows[1], shard->recovered_ours);
    const kal_pg_rows *rows = reply->rows[2];
    size_t n = kal_pg_count(rows);
    if (!n) {
        part_done(shard, KAL_OK, NULL);
        return;
    }
    kal_uuid *tenants = kal_alloc(n * sizeof *tenants);
    for (size_t row = 0; row < n; row++)
        tenants[row] = kal_pg_uuid(rows, row, 0);
    kal_shard_load_tenants(shard, tenants, n, on_unfinished, shard);
    kal_free(tenants);
}

void kal_shard_recover(kal_shard *shard, bool ours)
{
    shard->recovered_ours = ours;
    if (shard->state != KAL_SHARD_RECOVERING || shard->recovering || !kal_pg_is_up(shard->pg))
        return; /* the connection's coming begins it */
    shard->recovering = 2;
    shard->recovery_failed = false;
    kal_shard_forget(shard);
    shard->copying =
        kal_pg_copy(kal_thread_loop(shard->options.thread), &shard->pg_options,
                    KAL_SQL_RECOVER_WAITS, shard->options.index, on_wait, on_waits_end, shard);
    kal_pg_call *call = kal_pg_call_new();
    kal_pg_call_add(call, KAL_SQL_CLOCK_GET, NULL);
    kal_value index = kal_v_int(KAL_INT2, shard->options.index);
    kal_pg_call_add_one(call, KAL_SQL_LOAD_PENDING, index);
    kal_pg_call_add_one(call, KAL_SQL_RECOVER_TENANTS, index);
    kal_load_warm(call);
    kal_journal_warm(call);
    kal_pg_send(shard->pg, call, on_recovered, shard);
}
