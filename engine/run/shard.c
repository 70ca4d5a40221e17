#include "run/shard_state.h"

#include "base/alloc.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

#define MAX_BURSTS 200 /* works that may wake or start an instance, a turn */
#define MAX_WORKS 4000 /* works of any kind, a turn */
#define MAX_TIMERS_QUEUED 20000
#define MAX_TIMERS_FIRED 500 /* a turn, more than one takes: the queue sees other tenants' too */
#define LOCK_MS 2000         /* a row that somebody locks for longer costs its customer the turn */
#define MIN_TICK_MS 1
#define EXPIRE_MS 500 /* how often a long turn looks at deadlines */
#define MAX_TICK_MS 60000

static bool may_send(void *data, kal_uuid flow)
{
    kal_shard *shard = data;
    const kal_flow *known = kal_flows_find(shard->flows, flow);
    return known && known->status != KAL_FLOW_PAUSED && known->status != KAL_FLOW_UNKNOWN;
}

static void on_answered(void *data, const kal_held *held, json_t *body)
{
    kal_shard_answered(data, held, body);
}

static void queue_timer(kal_shard *shard, const kal_timer *timer, kal_class class, json_t *answer)
{
    const kal_wait_entry *entry =
        kal_waits_find(shard->waits, timer->customer, timer->instance, timer->seq);
    if (!entry)
        return; /* an event was first */
    kal_work *work = kal_work_new(KAL_WORK_TIMER);
    work->tenant = kal_flows_at(shard->flows, entry->place)->version->flow->tenant->id;
    work->customer_key = timer->customer;
    work->instance_id = timer->instance;
    work->seq = timer->seq;
    work->due_ms = timer->due_ms;
    work->body = json_incref(answer);
    kal_queue_push(shard->queue, class, work);
}

static void on_code(void *data, const kal_timer *wait, json_t *answer)
{
    kal_shard *shard = data;
    queue_timer(shard, wait, KAL_CLASS_EVENT, answer);
    shard->wants_turn = true;
}

static bool may_act(void *data)
{
    kal_shard *shard = data;
    return shard->options.may_act(shard->options.data);
}

static void on_state(void *data, bool up)
{
    kal_shard *shard = data;
    atomic_store(&shard->figures.database, up);
    if (!up)
        return;
    kal_journal_resume(shard->journal);
    kal_shard_recover(shard, shard->recovered_ours);
    if (!shard->in_turn)
        kal_shard_turn_ended(shard); /* changes that met no connection */
    shard->wants_turn = true;
}

static void on_check(uv_check_t *check)
{
    kal_shard *shard = check->data;
    if (shard->wants_turn)
        kal_shard_pump(shard);
}

/* A turn that takes so long has lost the database: callers do not wait for ever. */
static void expire(kal_shard *shard)
{
    uint64_t now_ns = kal_clock_mono_ns();
    kal_shard_answer(shard, kal_queue_expire(shard->queue, KAL_CLASS_EVENT, now_ns),
                     KAL_ERR_UNAVAILABLE);
    kal_turn_expire(shard, now_ns);
}

static void on_tick(uv_timer_t *timer)
{
    kal_shard *shard = timer->data;
    if (!shard->in_turn) {
        kal_shard_recover(shard, shard->recovered_ours);
        kal_shard_turn_ended(shard); /* changes that were not taken in */
        kal_shard_pump(shard);
        return;
    }
    expire(shard);
    uv_timer_start(shard->tick, on_tick, EXPIRE_MS, 0);
}

void kal_shard_wake_in(kal_shard *shard, uint64_t ms)
{
    if (!shard->in_turn)
        uv_timer_start(shard->tick, on_tick, ms, 0);
}

static void on_closed(uv_handle_t *handle)
{
    kal_free(handle);
}

static void drain_class(kal_shard *shard, kal_class class)
{
    for (kal_work *work; (work = kal_queue_pop(shard->queue, class));)
        kal_shard_answer(shard, work, KAL_ERR_UNAVAILABLE);
}

void kal_shard_forget(kal_shard *shard)
{
    for (int c = 0; c < KAL_CLASS_COUNT; c++)
        drain_class(shard, (kal_class)c);
    kal_shard_answer(shard, shard->again, KAL_ERR_UNAVAILABLE);
    shard->again = NULL;
    kal_codes_forget(shard->codes);
    kal_sweeps_begin(shard);
    kal_flows_free(shard->flows);
    kal_waits_free(shard->waits);
    kal_outbox_free(shard->outbox);
    kal_timers_deinit(&shard->timers);
    kal_strmap_deinit(&shard->replaying);
    shard->unfinished = NULL;
    shard->flows = kal_flows_new(shard->lua);
    shard->waits = kal_waits_new();
    kal_timers_init(&shard->timers);
    kal_outbox_options options = {
        .lua = shard->lua,
        .ledger = shard->ledger,
        .may_send = may_send,
        .may_act = may_act,
        .answered = on_answered,
        .shard = shard->options.index,
        .data = shard,
        .sent = shard->sent,
    };
    shard->outbox = kal_outbox_new(&options);
}

static void open_handles(kal_shard *shard)
{
    uv_loop_t *loop = kal_thread_loop(shard->options.thread);
    shard->tick = kal_calloc(1, sizeof *shard->tick);
    uv_timer_init(loop, shard->tick);
    shard->tick->data = shard;
    shard->check = kal_calloc(1, sizeof *shard->check);
    uv_check_init(loop, shard->check);
    shard->check->data = shard;
    uv_check_start(shard->check, on_check);
    char node[KAL_UUID_TEXT + 1];
    kal_uuid_format(shard->options.node, node);
    snprintf(shard->name, sizeof shard->name, "kalcifer %s", node); /* see lease_evict.sql */
    shard->pg_options = (kal_pg_options){
        .conninfo = shard->conninfo,
        .name = shard->name,
        .lock_timeout_ms = LOCK_MS,
        .on_state = on_state,
        .data = shard,
    };
    shard->pg = kal_pg_new(loop, &shard->pg_options);
    shard->journal = kal_journal_new(loop, shard->pg, shard->options.index, shard->options.clock);
}

kal_shard *kal_shard_new(const kal_shard_options *options, kal_buf *error)
{
    kal_ledger *ledger = kal_ledger_open(options->data_dir, error);
    kal_lua *lua = ledger ? kal_lua_new(options->home, options->plugins, error) : NULL;
    if (!lua) {
        kal_ledger_close(ledger);
        return NULL;
    }
    kal_shard *shard = kal_calloc(1, sizeof *shard);
    shard->options = *options;
    shard->conninfo = kal_strdup(options->conninfo);
    shard->lua = lua;
    shard->ledger = ledger;
    shard->queue = kal_queue_new();
    shard->ran = kal_tally_new();
    shard->sent = kal_tally_new();
    shard->codes = kal_codes_new(kal_thread_loop(options->thread), options->cells, on_code, shard);
    kal_timers_init(&shard->timers);
    kal_pace_init(&shard->pace, options->gate);
    kal_shard_forget(shard);
    open_handles(shard);
    return shard;
}

void kal_shard_free(kal_shard *shard)
{
    if (!shard)
        return;
    kal_pg_copy_stop(shard->copying);
    kal_pg_free(shard->pg);
    shard->state = KAL_SHARD_OFF;
    kal_shard_turn_ended(shard); /* changes that were not taken in are told */
    kal_journal_free(shard->journal);
    kal_load_free(shard->load);
    kal_batch_free(shard->batch);
    uv_close((uv_handle_t *)shard->tick, on_closed);
    uv_close((uv_handle_t *)shard->check, on_closed);
    kal_queue_free(shard->queue);
    kal_outbox_free(shard->outbox);
    kal_codes_free(shard->codes);
    kal_timers_deinit(&shard->timers);
    kal_strmap_deinit(&shard->replaying);
    if (shard->drained) /* it never was */
        kal_free(shard->drained_data);
    kal_sweeps_end(shard);
    kal_flows_free(shard->flows);
    kal_waits_free(shard->waits);
    kal_tally_free(shard->ran);
    kal_tally_free(shard->sent);
    kal_ledger_close(shard->ledger);
    kal_lua_free(shard->lua);
    kal_free(shard->conninfo);
    kal_free(shard);
}

/* ---- works in and out ---- */

void kal_shard_answer(kal_shard *shard, kal_work *list, kal_err err)
{
    kal_work *back = NULL;
    kal_work **last = &back;
    for (kal_work *work = list, *next; work; work = next) {
        next = work->next;
        work->next = NULL;
        if (!work->done) {
            kal_sweeps_done(shard, work);
            kal_work_free(work); /* the shard's own */
            continue;
        }
        if (err)
            work->err = err;
        *last = work;
        last = &work->next;
    }
    if (back)
        shard->options.give_back(shard->options.data, back);
}

void kal_shard_submit(kal_shard *shard, kal_work *list)
{
    bool open = shard->state == KAL_SHARD_READY && kal_pg_is_up(shard->pg);
    if (list)
        kal_pace_called(shard->options.gate, &list->tenant, kal_clock_mono_ns());
    for (kal_work *work = list, *next; work; work = next) {
        next = work->next;
        work->next = NULL;
        if (!open || kal_queue_is_full(shard->queue))
            kal_shard_answer(shard, work, KAL_ERR_UNAVAILABLE);
        else
            kal_queue_push(shard->queue, KAL_CLASS_EVENT, work);
    }
    shard->wants_turn = true;
}

static bool tell_drained(kal_shard *shard)
{
    void (*drained)(void *) = shard->drained;
    shard->drained = NULL;
    if (drained)
        drained(shard->drained_data);
    return drained != NULL;
}

void kal_shard_lose(kal_shard *shard)
{
    shard->state = KAL_SHARD_OFF;
    if (shard->in_turn)
        return; /* the turn's end comes back here */
    if (shard->copying) {
        kal_pg_copy_stop(shard->copying);
        shard->copying = NULL;
        shard->recovering--;
    }
    shard->recovery_failed = true; /* what is under way is of the lease that went */
    kal_shard_forget(shard);
    shard->options.on_lost(shard->options.data, shard->options.index);
    (void)tell_drained(shard);
}

/* ---- a turn's beginning ---- */

static void fire_timers(kal_shard *shard, int64_t now_ms)
{
    kal_timer timer;
    for (size_t n = 0; n < MAX_TIMERS_FIRED &&
                       kal_queue_count(shard->queue, KAL_CLASS_TIMER) < MAX_TIMERS_QUEUED &&
                       kal_timers_pop(&shard->timers, now_ms, &timer);
         n++)
        queue_timer(shard, &timer, KAL_CLASS_TIMER, NULL);
}

/* An upper bound, before the load has looked closer: does this work walk? */
static bool may_burst(const kal_shard *shard, const kal_work *work)
{
    if (work->kind == KAL_WORK_CUSTOMER)
        return false;
    if (work->kind != KAL_WORK_EVENT)
        return true;
    const kal_tenant *tenant = kal_flows_tenant(shard->flows, work->tenant);
    return kal_waits_next(shard->waits, work->customer_key, NULL) ||
           kal_strmap_get(&tenant->entries, kal_str_of(work->event_type));
}

static void take_class(kal_shard *shard, kal_batch *batch, kal_class class, size_t max_bursts)
{
    uint64_t now_ns = kal_clock_mono_ns();
    kal_work *work;
    while (batch->bursts < max_bursts && batch->works < MAX_WORKS &&
           (work = kal_queue_pop(shard->queue, class))) {
        if (kal_work_expired(work, now_ns)) {
            kal_shard_answer(shard, work, KAL_ERR_UNAVAILABLE);
            continue;
        }
        batch->bursts += may_burst(shard, work);
        if (!kal_batch_add(batch, work)) {
            work->next = shard->again;
            shard->again = work;
        }
    }
}

static void take(kal_shard *shard, kal_batch *batch, size_t patient)
{
    if (shard->again) {
        kal_work *work = shard->again;
        shard->again = work->next;
        (void)kal_batch_add(batch, work); /* it is the first */
        return;
    }
    take_class(shard, batch, KAL_CLASS_EVENT, MAX_BURSTS);
    size_t bursts = batch->bursts;
    take_class(shard, batch, KAL_CLASS_TIMER, bursts + patient);
    take_class(shard, batch, KAL_CLASS_BULK, bursts + patient);
    kal_pace_took(&shard->pace, batch->bursts - bursts);
}

static bool has_patient_work(const kal_shard *shard, int64_t now_ms)
{
    return kal_queue_count(shard->queue, KAL_CLASS_TIMER) ||
           kal_queue_count(shard->queue, KAL_CLASS_BULK) ||
           kal_outbox_next(shard->outbox) <= now_ms;
}

/* The tenant whose all of it is, or NULL. Of what the outbox sends nobody is told. */
static const kal_uuid *owner_of_patient_work(const kal_shard *shard)
{
    bool timers = kal_queue_count(shard->queue, KAL_CLASS_TIMER) > 0;
    bool bulk = kal_queue_count(shard->queue, KAL_CLASS_BULK) > 0;
    if (timers && bulk)
        return NULL;
    return kal_queue_owner(shard->queue, timers ? KAL_CLASS_TIMER : KAL_CLASS_BULK);
}

/* A draining shard leaves to its successor what nobody waits for: it is in the database. */
static void drop_patient_work(kal_shard *shard)
{
    drain_class(shard, KAL_CLASS_TIMER);
    drain_class(shard, KAL_CLASS_BULK);
}

static void publish_figures(kal_shard *shard)
{
    kal_figures *f = &shard->figures;
    size_t queued = 0;
    for (int c = 0; c < KAL_CLASS_COUNT; c++)
        queued += kal_queue_count(shard->queue, (kal_class)c);
    atomic_store_explicit(&f->instances, kal_waits_instances(shard->waits), memory_order_relaxed);
    atomic_store_explicit(&f->waiting, kal_waits_count(shard->waits), memory_order_relaxed);
    atomic_store_explicit(&f->timers, shard->timers.heap.len, memory_order_relaxed);
    atomic_store_explicit(&f->queued, queued, memory_order_relaxed);
    atomic_store_explicit(&f->ready, shard->state == KAL_SHARD_READY, memory_order_relaxed);
}

static void tell_quiet(kal_shard *shard, int64_t next_ms)
{
    void (*quiet)(void *, int64_t) = shard->quiet;
    shard->quiet = NULL;
    if (quiet)
        quiet(shard->quiet_data, next_ms);
}

/* Nothing to do now: sleeps until the next timer, and tells those who wait for quiet. */
static void rest(kal_shard *shard, int64_t now_ms)
{
    if (tell_drained(shard))
        return;
    if (kal_shard_refill(shard, shard->quiet ? shard->quiet_until_ms : now_ms) ||
        kal_shard_sweep(shard, now_ms))
        return; /* it comes back here */
    int64_t next = kal_sweeps_next(shard, kal_timers_next(&shard->timers));
    if (shard->quiet && (kal_codes_open(shard->codes) || kal_sweeps_wait(shard)))
        return; /* the answers come back here */
    if (shard->quiet) {
        tell_quiet(shard, next <= shard->quiet_until_ms ? next : KAL_NEVER);
        return;
    }
    if (kal_clock_is_virtual(shard->options.clock))
        return;
    if (kal_outbox_next(shard->outbox) < next)
        next = kal_outbox_next(shard->outbox);
    int64_t sleep = next > now_ms + MAX_TICK_MS ? MAX_TICK_MS : next - now_ms;
    uv_timer_start(shard->tick, on_tick, (uint64_t)(sleep < MIN_TICK_MS ? MIN_TICK_MS : sleep), 0);
}

static void try_turn(kal_shard *shard)
{
    bool runs = shard->state == KAL_SHARD_READY || shard->state == KAL_SHARD_DRAINING;
    publish_figures(shard);
    if (!runs || !kal_pg_is_up(shard->pg)) {
        tell_quiet(shard, KAL_NEVER);
        return;
    }
    if (shard->changing)
        return; /* flows are being read: what comes walks by the new ones */
    int64_t now_ms = kal_clock_now(shard->options.clock);
    if (shard->state == KAL_SHARD_READY) {
        (void)kal_shard_refill(shard, now_ms); /* a shard that never rests needs its timers too */
        (void)kal_shard_sweep(shard, now_ms);
        fire_timers(shard, now_ms);
    } else {
        drop_patient_work(shard);
    }
    uint64_t now_ns = kal_clock_mono_ns();
    size_t urgent = kal_queue_count(shard->queue, KAL_CLASS_EVENT) + (shard->again != NULL);
    size_t patient = 0;
    if (has_patient_work(shard, now_ms)) {
        patient = kal_pace_begin(&shard->pace, urgent, owner_of_patient_work(shard), now_ns);
    } else {
        kal_pace_idle(&shard->pace);
        if (!urgent) {
            rest(shard, now_ms);
            return;
        }
    }
    if (!urgent && !patient) {
        uv_timer_start(shard->tick, on_tick, kal_pace_wait_ms(&shard->pace, now_ns), 0);
        return;
    }
    kal_batch *batch =
        kal_batch_new(shard->lua, shard->flows, shard->waits, shard->options.index, now_ms);
    batch->quotas = shard->options.quotas;
    take(shard, batch, patient);
    uv_timer_start(shard->tick, on_tick, EXPIRE_MS, 0);
    kal_turn_begin(shard, batch, 2 * patient);
}

void kal_shard_pump(kal_shard *shard)
{
    shard->wants_turn = true;
    if (shard->pumping)
        return;
    shard->pumping = true;
    while (shard->wants_turn && !shard->in_turn) {
        shard->wants_turn = false;
        try_turn(shard);
    }
    shard->pumping = false;
}

/* ---- the lease's ways ---- */

void kal_shard_take_over(kal_shard *shard, int64_t epoch, int64_t seq, bool ours)
{
    shard->epoch = epoch;
    shard->state = KAL_SHARD_RECOVERING;
    kal_journal_open(shard->journal, epoch, seq);
    kal_shard_recover(shard, ours);
}

void kal_shard_when_quiet(kal_shard *shard, int64_t until_ms,
                          void (*quiet)(void *data, int64_t next_due_ms), void *data)
{
    shard->quiet = quiet;
    shard->quiet_data = data;
    shard->quiet_until_ms = until_ms;
    kal_shard_pump(shard);
}
