/* A turn: plan, load what is missing, walk, flush, and after the commit let memory follow. */
#include "run/shard_state.h"

#include "base/alloc.h"
#include "base/crash.h"
#include "base/log.h"
#include "run/handle.h"
#include "run/seal.h"

#include <stdio.h>
#include <string.h>

#define MAX_TRIES 3
#define REFUSED_MS 60000 /* until a timer whose load was refused comes up again */

static void plan(kal_shard *shard);

static void end_turn(kal_shard *shard)
{
    kal_load_free(shard->load);
    shard->load = NULL;
    kal_batch_free(shard->batch);
    shard->batch = NULL;
    shard->in_turn = false;
    kal_pace_end(&shard->pace, kal_clock_mono_ns());
    if (shard->state == KAL_SHARD_OFF) {
        kal_shard_lose(shard);
        kal_shard_turn_ended(shard);
        return;
    }
    kal_shard_turn_ended(shard);
    kal_shard_pump(shard);
}

static void count(kal_shard *shard, const kal_batch *batch)
{
    kal_figures *f = &shard->figures;
#define ADD(field, n) atomic_fetch_add_explicit(&f->field, n, memory_order_relaxed)
    ADD(events, batch->counts.events);
    ADD(starts, batch->counts.starts);
    ADD(completions, batch->counts.completions);
    ADD(failures, batch->counts.failures);
    ADD(exits, batch->counts.exits);
    ADD(flushes, 1);
    ADD(flushed_rows, kal_flush_rows(batch->flush));
    ADD(flush_ns, kal_clock_mono_ns() - shard->flush_began_ns);
#undef ADD
    for (const kal_ran *ran = batch->counts.ran; ran; ran = ran->next)
        kal_tally_add(shard->ran, ran->type, (kal_str){0}, ran->count);
    atomic_store_explicit(&f->lua_bytes, kal_lua_memory(shard->lua), memory_order_relaxed);
}

/* ---- after the commit ---- */

static void start_timer(kal_shard *shard, const kal_instance *instance, const kal_wait *wait)
{
    if (wait->due_ms == KAL_NEVER || wait->frozen)
        return;
    kal_timer timer = {wait->due_ms, instance->customer->key, instance->id, wait->seq};
    kal_timers_committed(&shard->timers, &timer, kal_wait_due(instance->version->flow, wait));
}

static void follow_wait(kal_shard *shard, const kal_customer *customer,
                        const kal_instance *instance, const kal_wait *wait)
{
    if (wait->added == wait->dropped)
        return;
    if (wait->dropped) {
        kal_waits_drop(shard->waits, customer->key, instance->id, wait->seq);
        return;
    }
    kal_str node = kal_graph_at(instance->version->graph, wait->node)->id;
    uint32_t place = kal_flows_place(shard->flows, instance->version, node);
    kal_waits_add(shard->waits, customer->key, instance->id, wait->seq, place);
    if (wait->code)
        kal_codes_call(shard->codes, customer->tenant,
                       &(kal_timer){wait->due_ms, customer->key, instance->id, wait->seq},
                       wait->code);
    else
        start_timer(shard, instance, wait);
}

static void follow_switch(kal_shard *shard, const kal_instance *instance)
{
    bool paused = instance->status == KAL_STATUS_PAUSED;
    kal_waits_hold(shard->waits, instance->customer->key, instance->id, paused);
    for (const kal_wait *wait = instance->waits; wait; wait = wait->next)
        if (!wait->added && !wait->dropped)
            start_timer(shard, instance, wait);
    if (instance->replays && !paused)
        kal_shard_replay(shard, instance->customer->tenant);
}

typedef struct kal_erased {
    kal_shard *shard;
    const kal_customer *customer;
} kal_erased;

static bool is_theirs(void *data, kal_uuid flow_id, const json_t *delivery)
{
    const kal_erased *erased = data;
    const kal_flow *flow = kal_flows_find(erased->shard->flows, flow_id);
    return flow && kal_uuid_eq(flow->tenant->id, erased->customer->tenant) &&
           kal_str_eq(kal_json_get_str(delivery, "customer_id"), erased->customer->external_id);
}

static void follow(kal_shard *shard, const kal_customer *customer)
{
    if (customer->created || customer->stamp)
        kal_sources_touch(shard->sources, customer->tenant, customer->id, shard->batch->now_ms);
    if (customer->erased)
        kal_outbox_withdraw(shard->outbox, is_theirs, &(kal_erased){shard, customer});
    for (const kal_instance *i = customer->instances; i; i = i->next) {
        for (const kal_wait *wait = i->waits; wait; wait = wait->next)
            follow_wait(shard, customer, i, wait);
        if (i->switched)
            follow_switch(shard, i);
    }
}

static void hand_over_deliveries(kal_shard *shard, const kal_batch *batch)
{
    for (const kal_sent *sent = batch->sent; sent; sent = sent->next)
        if (kal_unit_err(sent->customer->unit) == KAL_OK)
            kal_outbox_add(shard->outbox, sent->id, sent->flow->id, sent->provider, sent->json,
                           &sent->awaited_by);
}

static void hand_over_answers(kal_shard *shard, const kal_batch *batch)
{
    for (const kal_answer *answer = batch->answers; answer; answer = answer->next)
        if (kal_unit_err(answer->customer->unit) == KAL_OK)
            kal_shard_answered(shard, &answer->held, answer->body);
}

static void park(kal_flow *flow, const kal_timer *timer)
{
    flow->parked = kal_realloc(flow->parked, (flow->n_parked + 1) * sizeof *flow->parked);
    flow->parked[flow->n_parked++] = *timer;
}

static void put_off(kal_shard *shard, const kal_batch *batch)
{
    for (const kal_putoff *p = batch->putoff; p; p = p->next) {
        if (p->flow)
            park(p->flow, &p->timer);
        else
            kal_timers_put(&shard->timers, &p->timer);
    }
}

/* Moves the customer's works behind *last; answers the new end of that list. */
static kal_work **append(kal_work **last, kal_customer *customer)
{
    if (!customer->works)
        return last;
    *last = customer->works;
    last = customer->works_last;
    customer->works = NULL;
    customer->works_last = &customer->works;
    return last;
}

static kal_work **end_of(kal_work **list)
{
    while (*list)
        list = &(*list)->next;
    return list;
}

/* A flow has moved on in the database and its news is still under way: the customer's works are to
 * come again, after the tenant's flows. */
static bool is_stale(kal_shard *shard, kal_customer *customer)
{
    if (!strstr(kal_unit_message(customer->unit), "instance_start:"))
        return false;
    for (kal_work *work = customer->works; work; work = work->next) {
        work->err = KAL_OK;
        work->routed = work->started = work->held = 0;
        kal_buf_clear(&work->answer);
        if (++work->tries > MAX_TRIES)
            return false;
    }
    kal_flows_tenant(shard->flows, customer->tenant)->loaded = false;
    return true;
}

/* The database does not get to the customer's works: callers are told at once, the shard's own come
 * again. */
static void turn_away(kal_shard *shard, kal_customer *customer)
{
    for (kal_work *work = customer->works, *next; work; work = next) {
        next = work->next;
        work->next = NULL;
        work->err = KAL_OK;
        work->routed = work->started = work->held = 0;
        kal_buf_clear(&work->answer);
        if (work->done)
            kal_shard_answer(shard, work, KAL_ERR_UNAVAILABLE);
        else
            kal_queue_push(shard->queue,
                           work->kind == KAL_WORK_TIMER ? KAL_CLASS_TIMER : KAL_CLASS_BULK, work);
    }
    customer->works = NULL;
    customer->works_last = &customer->works;
}

/* The server refused what this customer's works would write. Callers learn it; an instance whose
 * own burst it was fails, so that it does not come back for ever. */
static void refuse(kal_shard *shard, kal_customer *customer)
{
    kal_err err = kal_unit_err(customer->unit);
    kal_log(KAL_LOG_ERROR, "flush_refused", "error", kal_unit_message(customer->unit), NULL);
    atomic_fetch_add_explicit(&shard->figures.flush_failures, 1, memory_order_relaxed);
    if (err == KAL_ERR_UNAVAILABLE) { /* it took too long; the rows may be fine */
        turn_away(shard, customer);
        return;
    }
    for (kal_work *work = customer->works; work; work = work->next) {
        work->err = err;
        work->routed = work->started = work->held = 0;
        kal_buf_clear(&work->answer);
        if (work->kind != KAL_WORK_TIMER && work->kind != KAL_WORK_REPLAY)
            continue;
        kal_work *fail = kal_work_new(KAL_WORK_FAIL);
        fail->tenant = work->tenant;
        fail->customer_key = work->customer_key;
        fail->instance_id = work->instance_id;
        fail->reason = kal_strdup("the database refused what the burst wrote");
        kal_queue_push_first(shard->queue, KAL_CLASS_EVENT, fail); /* events may wait for it */
    }
}

static void forget_replay(kal_shard *shard, const kal_work *works)
{
    for (const kal_work *work = works; work; work = work->next) {
        kal_str id = {(const char *)work->held_id.b, sizeof work->held_id.b};
        if (!kal_uuid_is_nil(work->held_id))
            kal_strmap_del(&shard->replaying, id);
    }
}

static void answer_customers(kal_shard *shard, kal_batch *batch, kal_err err)
{
    kal_work *all = NULL;
    kal_work **last = &all;
    for (kal_customer *c = batch->customers; c; c = c->next) {
        if (err)
            kal_customer_settle(batch, c, false);
        forget_replay(shard, c->works);
        last = append(last, c);
    }
    kal_shard_answer(shard, all, err);
}

static void on_flushed(void *data, kal_err err)
{
    kal_shard *shard = data;
    kal_batch *batch = shard->batch;
    if (err) {
        char index[16];
        snprintf(index, sizeof index, "%d", shard->options.index);
        kal_log(KAL_LOG_WARN, "shard_fenced", "shard", index, NULL);
        shard->state = KAL_SHARD_OFF;
        answer_customers(shard, batch, KAL_ERR_UNAVAILABLE);
        end_turn(shard);
        return;
    }
    kal_crash_point("after_commit");
    count(shard, batch);
    kal_work **again = end_of(&shard->again);
    for (kal_customer *c = batch->customers; c; c = c->next) {
        kal_customer_settle(batch, c, kal_unit_err(c->unit) == KAL_OK);
        if (kal_unit_err(c->unit) == KAL_OK)
            follow(shard, c);
        else if (is_stale(shard, c))
            again = append(again, c);
        else
            refuse(shard, c);
    }
    put_off(shard, batch);
    kal_outbox_committed(shard->outbox, kal_clock_now(shard->options.clock));
    hand_over_deliveries(shard, batch);
    hand_over_answers(shard, batch);
    answer_customers(shard, batch, KAL_OK);
    end_turn(shard);
}

/* To the head of the queue, in order. */
static void put_back(kal_shard *shard, kal_work *list)
{
    kal_work *reversed = NULL;
    for (kal_work *work = list, *next; work; work = next) {
        next = work->next;
        work->next = reversed;
        reversed = work;
    }
    for (kal_work *work = reversed, *next; work; work = next) {
        next = work->next;
        kal_queue_push_first(shard->queue, KAL_CLASS_EVENT, work);
    }
}

/* The works come in the next batch, ahead of what came after them. */
static void leave(kal_shard *shard, kal_work *list)
{
    if (!shard->again) {
        put_back(shard, list);
        return;
    }
    *end_of(&list) = shard->again;
    shard->again = list;
}

static void walk(kal_shard *shard)
{
    kal_batch *batch = shard->batch;
    leave(shard, kal_handle_all(batch));
    kal_seal(batch);
    kal_pace_took(&shard->pace,
                  kal_outbox_fill(shard->outbox, batch->flush, shard->sends, batch->now_ms));
    shard->flush_began_ns = kal_clock_mono_ns();
    if (!kal_flush_rows(batch->flush)) {
        on_flushed(shard, KAL_OK);
        return;
    }
    kal_crash_point("before_commit");
    kal_journal_flush(shard->journal, batch->flush, on_flushed, shard);
    kal_crash_point("flush_sent");
}

/* ---- before it ---- */

/* The database is away, or serves nobody: callers are told at once, timers come up again later. */
static void give_up(kal_shard *shard)
{
    kal_batch *batch = shard->batch;
    kal_pace_failed(&shard->pace, kal_clock_mono_ns());
    for (kal_customer *c = batch->customers; c; c = c->next)
        turn_away(shard, c);
    end_turn(shard);
}

/* The server refused a value of the load: each work is loaded by itself, so that only the guilty
 * one fails. */
static void isolate(kal_shard *shard, const kal_pg_reply *reply)
{
    kal_batch *batch = shard->batch;
    kal_log(KAL_LOG_ERROR, "load_refused", "error", reply->message, NULL);
    if (batch->works == 1) {
        const kal_work *work = batch->customers->works;
        if (work && work->kind == KAL_WORK_TIMER)
            kal_timers_put(&shard->timers,
                           &(kal_timer){batch->now_ms + REFUSED_MS, work->customer_key,
                                        work->instance_id, work->seq});
        answer_customers(shard, batch, reply->err);
        end_turn(shard);
        return;
    }
    kal_work **last = end_of(&shard->again);
    for (kal_customer *c = batch->customers; c; c = c->next)
        last = append(last, c);
    end_turn(shard);
}

static bool failed(kal_shard *shard, const kal_pg_reply *reply)
{
    if (reply->err == KAL_ERR_UNAVAILABLE)
        give_up(shard);
    else if (reply->err)
        isolate(shard, reply);
    return reply->err != KAL_OK;
}

static void on_loaded(void *data, const kal_pg_reply *reply)
{
    kal_shard *shard = data;
    if (failed(shard, reply))
        return;
    kal_load_take(shard->load, reply);
    walk(shard);
}

static void on_tenants(void *data, kal_err err)
{
    kal_shard *shard = data;
    if (err)
        give_up(shard);
    else
        plan(shard);
}

static void on_versions(void *data, const kal_pg_reply *reply)
{
    kal_shard *shard = data;
    size_t n;
    if (failed(shard, reply))
        return;
    kal_version *const *versions = kal_load_versions(shard->load, &n);
    kal_flows_take_versions(shard->flows, versions, n, reply->rows[0]);
    plan(shard);
}

static void plan(kal_shard *shard)
{
    size_t n_tenants;
    size_t n_versions;
    kal_load_free(shard->load);
    shard->load = kal_load_new(shard->batch);
    const kal_uuid *tenants = kal_load_tenants(shard->load, &n_tenants);
    kal_version *const *versions = kal_load_versions(shard->load, &n_versions);
    if (n_tenants) {
        kal_shard_load_tenants(shard, tenants, n_tenants, on_tenants, shard);
        return;
    }
    if (n_versions) {
        kal_pg_call *call = kal_pg_call_new();
        kal_flows_query_versions(shard->flows, call, versions, n_versions);
        kal_pg_send(shard->pg, call, on_versions, shard);
        return;
    }
    kal_pg_call *call = kal_load_call(shard->load);
    if (call)
        kal_pg_send(shard->pg, call, on_loaded, shard);
    else
        walk(shard);
}

void kal_turn_put_back(kal_shard *shard)
{
    kal_work *all = NULL;
    kal_work **last = &all;
    for (kal_customer *c = shard->batch->customers; c; c = c->next)
        last = append(last, c);
    put_back(shard, all);
}

void kal_turn_expire(kal_shard *shard, uint64_t now_ns)
{
    for (kal_customer *c = shard->batch->customers; c; c = c->next) {
        kal_work **link = &c->works;
        for (kal_work *work; (work = *link);) {
            if (!kal_work_expired(work, now_ns)) {
                link = &work->next;
                continue;
            }
            *link = work->next;
            work->next = NULL;
            kal_shard_answer(shard, work, KAL_ERR_UNAVAILABLE);
        }
        c->works_last = link;
    }
}

void kal_turn_begin(kal_shard *shard, kal_batch *batch, size_t sends)
{
    shard->batch = batch;
    shard->sends = sends;
    shard->in_turn = true;
    plan(shard);
}
