/* What every shard, or every thread, must take in before somebody is answered. */
#include "run/engine_state.h"

#include "base/alloc.h"
#include "base/log.h"

#include <string.h>

/* ---- a message to each shard, and its answer to the thread that asked ---- */

typedef struct kal_round kal_round;

typedef struct kal_round_message {
    kal_message message;
    kal_round *round;
    int shard;
    int64_t next_due_ms;
} kal_round_message;

/* One round: asked of all shards, over when all have answered. */
struct kal_round {
    kal_engine *engine;
    int origin, left;
    void (*ask)(kal_shard *shard, kal_round_message *message);
    void (*over)(kal_round *round);
    kal_uuid tenant;     /* of a flow change */
    int64_t target_ms;   /* of a clock's move */
    int64_t next_due_ms; /* least answer of this round */
    void (*changed)(void *data);
    void (*advanced)(void *data, kal_err err, int64_t now_ms);
    void *data;
};

static void on_answer(kal_message *message)
{
    kal_round_message *m = (kal_round_message *)message;
    kal_round *round = m->round;
    if (m->next_due_ms < round->next_due_ms)
        round->next_due_ms = m->next_due_ms;
    kal_free(m);
    if (--round->left == 0)
        round->over(round);
}

static void answer(kal_round_message *m)
{
    m->message.run = on_answer;
    kal_thread_post(m->round->engine->threads[m->round->origin].thread, &m->message);
}

static void on_asked(kal_message *message)
{
    kal_round_message *m = (kal_round_message *)message;
    kal_shard *shard = atomic_load(&m->round->engine->shards[m->shard].shard);
    if (shard)
        m->round->ask(shard, m);
    else
        answer(m); /* the engine stops */
}

static void begin(kal_round *round)
{
    kal_engine *engine = round->engine;
    int shards = atomic_load(&engine->n_shards);
    round->left = shards;
    round->next_due_ms = INT64_MAX;
    for (int s = 0; s < shards; s++) {
        kal_round_message *m = kal_calloc(1, sizeof *m);
        *m = (kal_round_message){{.run = on_asked}, round, s, INT64_MAX};
        kal_thread_post(engine->threads[engine->shards[s].thread].thread, &m->message);
    }
    if (!shards)
        round->over(round);
}

static kal_round *new_round(kal_engine *engine, void *data)
{
    kal_round *round = kal_calloc(1, sizeof *round);
    round->engine = engine;
    round->origin = kal_engine_thread(engine);
    round->data = data;
    return round;
}

/* ---- flow changes ---- */

static void on_changed(void *data)
{
    answer(data);
}

static void ask_change(kal_shard *shard, kal_round_message *m)
{
    kal_shard_flow_changed(shard, m->round->tenant, on_changed, m);
}

static void all_changed(kal_round *round)
{
    round->changed(round->data);
    kal_free(round);
}

void kal_engine_flow_changed(kal_engine *engine, kal_uuid tenant, void (*done)(void *data),
                             void *data)
{
    kal_round *round = new_round(engine, data);
    round->tenant = tenant;
    round->ask = ask_change;
    round->over = all_changed;
    round->changed = done;
    begin(round);
}

/* ---- a virtual clock ---- */

static void on_quiet(void *data, int64_t next_due_ms)
{
    kal_round_message *m = data;
    m->next_due_ms = next_due_ms;
    answer(m);
}

static void ask_quiet(kal_shard *shard, kal_round_message *m)
{
    kal_shard_when_quiet(shard, m->round->target_ms, on_quiet, m);
}

static void on_saved(void *data, const kal_pg_reply *reply)
{
    kal_round *round = data;
    if (reply->err)
        kal_log(KAL_LOG_WARN, "clock_not_saved", "error", reply->message, NULL);
    atomic_store(&round->engine->advancing, false);
    round->advanced(round->data, reply->err, kal_clock_now(round->engine->options.clock));
    kal_free(round);
}

static void save(kal_round *round)
{
    kal_pg_call *call = kal_pg_call_new();
    int64_t now = kal_clock_now(round->engine->options.clock);
    kal_pg_call_add_one(call, KAL_SQL_CLOCK_SAVE, kal_v_time(now));
    kal_pool_send(kal_engine_writes(round->engine), call, on_saved, round);
}

/* All is quiet at this instant: on to the next due one, until the target has had its turn too. */
static void next_instant(kal_round *round)
{
    kal_clock *clock = round->engine->options.clock;
    int64_t next = round->next_due_ms;
    if (next > round->target_ms && kal_clock_now(clock) >= round->target_ms) {
        save(round);
        return;
    }
    kal_clock_set(clock, next < round->target_ms ? next : round->target_ms);
    begin(round);
}

void kal_engine_advance(kal_engine *engine, int64_t target_ms,
                        void (*done)(void *data, kal_err err, int64_t now_ms), void *data)
{
    kal_clock *clock = engine->options.clock;
    bool idle = false;
    if (!kal_clock_is_virtual(clock)) {
        done(data, KAL_ERR_NOT_FOUND, kal_clock_now(clock));
        return;
    }
    if (!atomic_compare_exchange_strong(&engine->advancing, &idle, true)) {
        done(data, KAL_ERR_INVALID_TRANSITION, kal_clock_now(clock));
        return;
    }
    kal_round *round = new_round(engine, data);
    round->target_ms = target_ms;
    round->ask = ask_quiet;
    round->over = next_instant;
    round->advanced = done;
    begin(round);
}

/* ---- tenants ---- */

typedef struct kal_tenants_message {
    kal_message message;
    kal_listener listener;
    size_t n;
    kal_uuid tenants[];
} kal_tenants_message;

static void on_tenants(kal_message *message)
{
    kal_tenants_message *m = (kal_tenants_message *)message;
    m->listener.listener(m->listener.data, m->tenants, m->n);
    kal_free(m);
}

void kal_engine_quotas_changed(kal_engine *engine, kal_uuid tenant, void (*done)(void *data),
                               void *data)
{
    kal_quotas_load(engine->quotas, kal_engine_writes(engine), &tenant, 1,
                    kal_clock_now(engine->options.clock), done, data);
}

void kal_engine_load_quotas(kal_engine *engine)
{
    kal_quotas_load(engine->quotas, kal_engine_writes(engine), NULL, 0,
                    kal_clock_now(engine->options.clock), NULL, NULL);
}

void kal_engine_tenants_changed(kal_engine *engine, const kal_uuid *tenants, size_t n)
{
    kal_quotas_load(engine->quotas, kal_engine_writes(engine), tenants, n,
                    kal_clock_now(engine->options.clock), NULL, NULL); /* the poll's, on thread 0 */
    uv_mutex_lock(&engine->listeners_lock);
    for (size_t i = 0; i < engine->n_listeners; i++) {
        kal_tenants_message *m = kal_alloc(sizeof *m + n * sizeof *tenants);
        *m = (kal_tenants_message){{.run = on_tenants}, engine->listeners[i], n};
        memcpy(m->tenants, tenants, n * sizeof *tenants);
        kal_thread_post(engine->threads[engine->listeners[i].thread].thread, &m->message);
    }
    uv_mutex_unlock(&engine->listeners_lock);
}

void kal_engine_on_tenants_changed(kal_engine *engine, kal_engine_listener listener, void *data)
{
    uv_mutex_lock(&engine->listeners_lock);
    engine->listeners =
        kal_realloc(engine->listeners, (engine->n_listeners + 1) * sizeof *engine->listeners);
    engine->listeners[engine->n_listeners++] =
        (kal_listener){listener, data, kal_engine_thread(engine)};
    uv_mutex_unlock(&engine->listeners_lock);
}
