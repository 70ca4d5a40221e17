#include "run/engine.h"

#include "base/alloc.h"
#include "base/crash.h"
#include "base/log.h"
#include "run/engine_state.h"

#include <stdio.h>
#include <string.h>

#define STOP_NS 8000000000ULL
#define CALLER_MS 5000 /* what a statement may take whose answer somebody waits for */
#define HOPS 4 /* of a message and what follows from it: a virtual clock's last move makes most */

/* ---- messages ---- */

typedef struct kal_list_message {
    kal_message message;
    kal_engine *engine;
    int shard;
    kal_work *list;
} kal_list_message;

static void on_give_back(kal_message *message)
{
    kal_list_message *m = (kal_list_message *)message;
    for (kal_work *work = m->list, *next; work; work = next) {
        next = work->next;
        work->next = NULL;
        work->done(work);
    }
    kal_free(m);
}

static void post_list(kal_thread *thread, kal_work *list, int shard, kal_engine *engine,
                      void (*run)(kal_message *))
{
    kal_list_message *m = kal_alloc(sizeof *m);
    *m = (kal_list_message){.message.run = run, .engine = engine, .shard = shard, .list = list};
    kal_thread_post(thread, &m->message);
}

/* Returns works to their threads, one message a thread. */
static void give_back(void *data, kal_work *list)
{
    kal_engine *engine = data;
    for (int t = 0; t < engine->n_threads; t++) {
        kal_work *mine = NULL, *rest = NULL;
        kal_work **last = &mine, **rest_last = &rest;
        for (kal_work *work = list, *next; work; work = next) {
            next = work->next;
            kal_work ***end = work->origin == t ? &last : &rest_last;
            work->next = NULL;
            **end = work;
            *end = &work->next;
        }
        if (mine)
            post_list(engine->threads[t].thread, mine, 0, engine, on_give_back);
        list = rest;
    }
}

static kal_shard *shard_of(kal_engine *engine, int shard)
{
    return atomic_load(&engine->shards[shard].shard);
}

static void on_submitted(kal_message *message)
{
    kal_list_message *m = (kal_list_message *)message;
    kal_shard *shard = shard_of(m->engine, m->shard);
    for (kal_work *work = m->list; !shard && work; work = work->next)
        work->err = KAL_ERR_UNAVAILABLE;
    if (shard)
        kal_shard_submit(shard, m->list);
    else
        give_back(m->engine, m->list);
    kal_free(m);
}

void kal_engine_submit(kal_engine *engine, kal_work *list)
{
    int shards = atomic_load(&engine->n_shards);
    int origin = kal_engine_thread(engine);
    kal_work *first[KAL_MAX_SHARDS] = {NULL};
    kal_work **last[KAL_MAX_SHARDS];
    for (int s = 0; s < shards; s++)
        last[s] = &first[s];
    kal_work *refused = NULL;
    for (kal_work *work = list, *next; work; work = next) {
        next = work->next;
        work->next = NULL;
        work->origin = origin;
        int s = shards ? (int)((work->customer_key & 255) % (unsigned)shards) : -1;
        bool there = s >= 0 && (engine->shards[s].thread != origin || shard_of(engine, s));
        if (!there) {
            work->err = KAL_ERR_UNAVAILABLE;
            work->next = refused;
            refused = work;
            continue;
        }
        *last[s] = work;
        last[s] = &work->next;
    }
    if (refused)
        give_back(engine, refused);
    for (int s = 0; s < shards; s++) {
        if (!first[s])
            continue;
        kal_engine_shard *shard = &engine->shards[s];
        if (shard->thread == origin)
            kal_shard_submit(shard_of(engine, s), first[s]);
        else
            post_list(engine->threads[shard->thread].thread, first[s], s, engine, on_submitted);
    }
}

/* ---- shards and leases ---- */

typedef struct kal_shard_message {
    kal_message message;
    kal_engine *engine;
    int shard;
    int64_t epoch, seq;
    bool ours;
} kal_shard_message;

static void post_shard(kal_engine *engine, int shard, void (*run)(kal_message *), int64_t epoch,
                       int64_t seq, bool ours)
{
    kal_shard_message *m = kal_alloc(sizeof *m);
    *m = (kal_shard_message){{.run = run}, engine, shard, epoch, seq, ours};
    kal_thread_post(engine->threads[engine->shards[shard].thread].thread, &m->message);
}

static bool may_act(void *data)
{
    kal_engine *engine = data;
    return kal_lease_holds(engine->lease);
}

static void on_shard_lost(void *data, int shard)
{
    kal_engine *engine = data;
    atomic_store(&engine->shards[shard].runs, false);
}

static void create_shard(kal_message *message)
{
    kal_shard_message *m = (kal_shard_message *)message;
    kal_engine *engine = m->engine;
    kal_engine_shard *slot = &engine->shards[m->shard];
    kal_buf error = {0};
    kal_shard_options options = {
        .thread = engine->threads[slot->thread].thread,
        .index = m->shard,
        .conninfo = engine->options.conninfo,
        .home = engine->options.home,
        .plugins = engine->options.plugins,
        .data_dir = engine->options.data_dir,
        .clock = engine->options.clock,
        .node = engine->options.node,
        .give_back = give_back,
        .on_lost = on_shard_lost,
        .may_act = may_act,
        .data = engine,
        .gate = &engine->gate,
        .quotas = engine->quotas,
        .cells = engine->threads[slot->thread].cells,
    };
    kal_shard *shard = kal_shard_new(&options, &error);
    if (!shard) {
        kal_log(KAL_LOG_ERROR, "shard_failed", "error", error.data, NULL);
        abort(); /* what the first state could load, this one could not */
    }
    atomic_store(&slot->shard, shard);
    kal_buf_deinit(&error);
    kal_free(m);
}

/* The deployment's shards are known: each thread makes its own. A thread's mailbox keeps order, so
 * whatever is posted to a shard from here on finds it. */
static void on_shards(void *data, int shards)
{
    kal_engine *engine = data;
    for (int s = 0; s < shards; s++) {
        engine->shards[s].thread = s % engine->n_threads;
        post_shard(engine, s, create_shard, 0, 0, false);
    }
    atomic_store(&engine->n_shards, shards);
}

static void take_over(kal_message *message)
{
    kal_shard_message *m = (kal_shard_message *)message;
    kal_shard *shard = shard_of(m->engine, m->shard);
    if (shard)
        kal_shard_take_over(shard, m->epoch, m->seq, m->ours);
    kal_free(m);
}

static void lose(kal_message *message)
{
    kal_shard_message *m = (kal_shard_message *)message;
    kal_shard *shard = shard_of(m->engine, m->shard);
    if (shard)
        kal_shard_lose(shard);
    kal_free(m);
}

static bool runs(void *data, int shard)
{
    kal_engine *engine = data;
    return atomic_load(&engine->shards[shard].runs);
}

static void on_taken(void *data, int shard, int64_t epoch, int64_t seq, bool ours)
{
    kal_engine *engine = data;
    char text[64];
    snprintf(text, sizeof text, "%d", shard);
    kal_log(KAL_LOG_INFO, "shard_taken", "shard", text, NULL);
    atomic_store(&engine->shards[shard].runs, true);
    post_shard(engine, shard, take_over, epoch, seq, ours);
    kal_engine_load_quotas(engine);
}

static void on_lease_lost(void *data, int shard)
{
    post_shard(data, shard, lose, 0, 0, false);
}

static void on_changes(void *data, const kal_uuid *tenants, size_t n)
{
    kal_engine_tenants_changed(data, tenants, n);
}

static void on_shards_told(void *data)
{
    (void)data;
}

static void on_segments(void *data, kal_uuid tenant)
{
    kal_engine_flow_changed(data, tenant, on_shards_told, NULL);
}

/* ---- threads ---- */

static void on_switch_noted(void *data, const kal_pg_reply *reply)
{
    (void)data;
    if (reply->err)
        kal_log(KAL_LOG_WARN, "code_switch_not_noted", "error", reply->message, NULL);
}

/* The audit log tells the tenant's administrators. */
static void on_switched_off(void *data, kal_uuid tenant)
{
    kal_engine_thread_slot *slot = data;
    kal_pg_call *call = kal_pg_call_new();
    kal_pg_call_add_one(call, KAL_SQL_CODE_SWITCH_OFF, kal_v_uuid(tenant));
    kal_pool_send(slot->writes, call, on_switch_noted, NULL);
}

static void open_thread(kal_engine_thread_slot *slot)
{
    kal_engine *engine = slot->engine;
    uv_loop_t *loop = kal_thread_loop(slot->thread);
    int64_t size = kal_config_int(engine->options.config, "DATABASE_POOL_SIZE");
    size_t each = (size_t)(size / (2 * engine->n_threads));
    kal_pg_options owner = {.conninfo = engine->options.conninfo,
                            .statement_timeout_ms = CALLER_MS};
    kal_pg_options api = owner;
    api.role = KAL_POOL_TENANT_ROLE;
    slot->writes = kal_pool_new(loop, &owner, each ? each : 1, 0);
    slot->reads = kal_pool_new(loop, &api, each ? each : 1, 0);
    slot->held = kal_pool_new(loop, &owner, 1, 0);
    if (engine->options.zygote) {
        int index = kal_thread_index(slot->thread);
        slot->cells = kal_cells_new(loop, kal_zygote_channel(engine->options.zygote, index),
                                    engine->book, on_switched_off, slot);
        kal_lua_allow_code(slot->lua);
    }
    if (kal_thread_index(slot->thread) == 0) {
        kal_lease_options lease = {
            .conninfo = engine->options.conninfo,
            .clock = engine->options.clock,
            .node = engine->options.node,
            .on_shards = on_shards,
            .runs = runs,
            .on_taken = on_taken,
            .on_lost = on_lease_lost,
            .on_changes = on_changes,
            .on_segments = on_segments,
            .data = engine,
        };
        engine->lease = kal_lease_new(loop, &lease);
    }
    if (engine->options.on_thread_start)
        engine->options.on_thread_start(engine, kal_thread_index(slot->thread), loop,
                                        engine->options.data);
}

static void enter(void *data)
{
    kal_engine_thread_slot *slot = data;
    const kal_engine_options *options = &slot->engine->options;
    slot->lua = kal_lua_new(options->home, options->plugins, &slot->error);
    if (slot->lua)
        open_thread(slot);
    uv_sem_post(&slot->engine->entered);
}

static void leave(void *data)
{
    kal_engine_thread_slot *slot = data;
    kal_engine *engine = slot->engine;
    if (!slot->lua)
        return;
    if (kal_thread_index(slot->thread) == 0)
        kal_lease_free(engine->lease);
    kal_pool_free(slot->reads);
    kal_pool_free(slot->writes);
    kal_pool_free(slot->held);
    kal_cells_free(slot->cells);
    kal_lua_free(slot->lua);
}

kal_engine *kal_engine_start(const kal_engine_options *options, kal_buf *error)
{
    kal_engine *engine = kal_calloc(1, sizeof *engine);
    kal_crash_arm(kal_config_text(options->config, "KALCIFER_CRASH_POINT"));
    engine->options = *options;
    engine->n_threads = options->threads;
    engine->book = kal_cell_book_new();
    engine->quotas = kal_quotas_new(engine->book);
    uv_sem_init(&engine->entered, 0);
    uv_sem_init(&engine->closed, 0);
    uv_mutex_init(&engine->listeners_lock);
    for (int t = 0; t < engine->n_threads; t++) {
        engine->threads[t].engine = engine;
        engine->threads[t].thread = kal_thread_new(t);
    }
    for (int t = 0; t < engine->n_threads; t++) {
        kal_thread_start(engine->threads[t].thread, enter, leave, &engine->threads[t]);
        uv_sem_wait(&engine->entered);
        if (!engine->threads[t].lua && !error->len)
            kal_buf_add(error, engine->threads[t].error.data, engine->threads[t].error.len);
    }
    if (!error->len)
        return engine;
    (void)kal_engine_stop(engine);
    return NULL;
}

/* ---- the end ---- */

static void on_drained(void *data)
{
    kal_engine *engine = data;
    uv_sem_post(&engine->drained);
}

static void drain(kal_message *message)
{
    kal_shard_message *m = (kal_shard_message *)message;
    kal_shard_drain(shard_of(m->engine, m->shard), on_drained, m->engine);
    kal_free(m);
}

static void stop_polling(kal_message *message)
{
    kal_shard_message *m = (kal_shard_message *)message;
    if (m->engine->lease)
        kal_lease_stop(m->engine->lease);
    uv_sem_post(&m->engine->drained);
    kal_free(m);
}

static void pass(kal_message *message)
{
    uv_sem_post(&((kal_shard_message *)message)->engine->closed);
    kal_free(message);
}

static void close_callers(kal_message *message)
{
    kal_engine *engine = ((kal_shard_message *)message)->engine;
    int index = kal_thread_index(kal_thread_self());
    kal_cells_stop(engine->threads[index].cells); /* what it does for callers is answered now */
    if (engine->threads[index].lua && engine->options.on_thread_stop)
        engine->options.on_thread_stop(engine, index, engine->options.data);
    pass(message);
}

/* What comes for them from here on is answered UNAVAILABLE. */
static void close_shards(kal_message *message)
{
    kal_engine *engine = ((kal_shard_message *)message)->engine;
    int index = kal_thread_index(kal_thread_self());
    int shards = atomic_load(&engine->n_shards);
    for (int s = 0; s < shards; s++)
        if (engine->shards[s].thread == index)
            kal_shard_free(atomic_exchange(&engine->shards[s].shard, NULL));
    pass(message);
}

static void quit(kal_message *message)
{
    kal_free(message);
    kal_thread_quit(kal_thread_self());
}

static void post(kal_engine *engine, int thread, void (*run)(kal_message *))
{
    kal_shard_message *m = kal_calloc(1, sizeof *m);
    m->message.run = run;
    m->engine = engine;
    kal_thread_post(engine->threads[thread].thread, &m->message);
}

/* Runs it on every thread, behind what is in the mailboxes, and waits for all. */
static void on_every_thread(kal_engine *engine, void (*run)(kal_message *))
{
    for (int t = 0; t < engine->n_threads; t++)
        post(engine, t, run);
    for (int t = 0; t < engine->n_threads; t++)
        uv_sem_wait(&engine->closed);
}

static bool wait_drained(kal_engine *engine, int n, uint64_t deadline_ns)
{
    while (n > 0) {
        if (uv_sem_trywait(&engine->drained) == 0)
            n--;
        else if (kal_clock_mono_ns() > deadline_ns)
            return false;
        else
            uv_sleep(2);
    }
    return true;
}

bool kal_engine_stop(kal_engine *engine)
{
    uint64_t deadline_ns = kal_clock_mono_ns() + STOP_NS;
    uv_sem_init(&engine->drained, 0);
    bool polls = engine->threads[0].lua != NULL;
    if (polls)
        post(engine, 0, stop_polling);
    bool done = !polls || wait_drained(engine, 1, deadline_ns);
    int shards = atomic_load(&engine->n_shards);
    for (int s = 0; s < shards; s++)
        post_shard(engine, s, drain, 0, 0, false);
    done = wait_drained(engine, shards, deadline_ns) && done;
    if (!done)
        kal_log(KAL_LOG_ERROR, "drain_timed_out", "message", "the database does not answer", NULL);
    on_every_thread(engine, close_callers);
    on_every_thread(engine, close_shards);
    for (int hop = 0; hop < HOPS; hop++)
        on_every_thread(engine, pass);
    for (int t = 0; t < engine->n_threads; t++)
        post(engine, t, quit);
    for (int t = 0; t < engine->n_threads; t++)
        kal_thread_join(engine->threads[t].thread);
    for (int t = 0; t < engine->n_threads; t++) {
        kal_thread_free(engine->threads[t].thread);
        kal_buf_deinit(&engine->threads[t].error);
    }
    uv_sem_destroy(&engine->entered);
    uv_sem_destroy(&engine->closed);
    uv_sem_destroy(&engine->drained);
    uv_mutex_destroy(&engine->listeners_lock);
    kal_free(engine->listeners);
    kal_quotas_free(engine->quotas);
    kal_cell_book_free(engine->book);
    kal_free(engine);
    return done;
}
