/* The engine: threads with their loops, shards, leases. The API reaches customers through it.
 * Invariant: after kal_engine_stop nothing acknowledged is unwritten.
 * Thread: start and stop on the main thread; the rest on an engine thread, from its loop.
 * Blocks: start and stop only. */
#ifndef KAL_RUN_ENGINE_H
#define KAL_RUN_ENGINE_H

#include "base/clock.h"
#include "base/config.h"
#include "base/err.h"
#include "base/tally.h"
#include "lua/host/cell.h"
#include "lua/host/host.h"
#include "lua/host/zygote.h"
#include "run/quota.h"
#include "run/work.h"
#include "store/pool.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define KAL_MAX_SHARDS 64

typedef struct kal_engine kal_engine;

typedef struct kal_engine_options {
    const kal_config *config; /* borrowed, outlives the engine */
    const char *conninfo;
    const char *data_dir;
    const char *home;     /* where lua/ and nodes/ lie */
    kal_plugins *plugins; /* borrowed, outlives the engine; NULL: none */
    kal_clock *clock;     /* borrowed */
    kal_uuid node;        /* this process's id, from the data directory */
    int threads;
    kal_zygote *zygote; /* with a channel a thread; borrowed; NULL: no tenants' code runs */
    /* Runs on each thread before its loop turns, and before it ends: the API's listeners. */
    void (*on_thread_start)(kal_engine *engine, int thread, uv_loop_t *loop, void *data);
    void (*on_thread_stop)(kal_engine *engine, int thread, void *data);
    void *data;
} kal_engine_options;

/* Starts the threads; shards are taken over as their leases come free. NULL with one clear line in
 * error. */
kal_engine *kal_engine_start(const kal_engine_options *options, kal_buf *error);
/* Finishes running bursts, flushes, releases the leases, ends the threads, frees. False when the
 * database did not answer for 8 s: callers got UNAVAILABLE for what was under way then. */
bool kal_engine_stop(kal_engine *engine);

/* Sends a list of works (linked by next) to the shards of their customers; `done` of each runs on
 * this thread later, never inside this call. A full queue, a lost database or a shard that is
 * another process's answers UNAVAILABLE. */
void kal_engine_submit(kal_engine *engine, kal_work *list);

/* Tells every shard that flows of a tenant have changed (status, active version, pause): it reloads
 * all of them, for flows are few and changes rare. done runs on this thread when all have taken it
 * in. */
void kal_engine_flow_changed(kal_engine *engine, kal_uuid tenant, void (*done)(void *data),
                             void *data);
/* Reads a tenant's quotas anew; done runs on this thread when they are in force. */
void kal_engine_quotas_changed(kal_engine *engine, kal_uuid tenant, void (*done)(void *data),
                               void *data);
/* Moves a virtual clock to target_ms, firing each timer at its instant; done runs on this thread
 * when all is quiet again, with the clock's time. NOT_FOUND when the clock is real. */
void kal_engine_advance(kal_engine *engine, int64_t target_ms,
                        void (*done)(void *data, kal_err err, int64_t now_ms), void *data);

/* Other plugins are in force (kal_plugins_reload): threads and shards take them over, each when no
 * burst is under way. From any thread, while the engine runs. */
void kal_engine_plugins_changed(kal_engine *engine);
/* What is wrong with plugins, {name: text}; the caller decrefs. From any thread. */
json_t *kal_engine_plugin_problems(kal_engine *engine);

/* This process holds every shard: it may change what all of them must learn of. From any thread. */
bool kal_engine_is_active(kal_engine *engine);

/* This thread's index, Lua state (for checks) and database pools: `reads` runs as the role under
 * row level security (kal_pool_tenant_call), `writes` as the owner, `held` likewise on one
 * connection, for transactions that go on over several calls. */
int kal_engine_thread(const kal_engine *engine);
kal_lua *kal_engine_lua(kal_engine *engine);
kal_pool *kal_engine_reads(kal_engine *engine);
kal_pool *kal_engine_writes(kal_engine *engine);
kal_pool *kal_engine_held(kal_engine *engine);
kal_clock *kal_engine_clock(kal_engine *engine);
/* This thread's cells; NULL: this deployment runs no tenants' code. */
kal_cells *kal_engine_cells(kal_engine *engine);
/* What tenants' code has used, and a tenant's quotas (NULL: it has none). From any thread. */
kal_cell_book *kal_engine_cell_book(kal_engine *engine);
const kal_quota *kal_engine_quota(kal_engine *engine, kal_uuid tenant);

/* Keys revoked and tenants changed elsewhere since the last poll, told on every thread (3 s). */
typedef void (*kal_engine_listener)(void *data, const kal_uuid *tenants, size_t n);
void kal_engine_on_tenants_changed(kal_engine *engine, kal_engine_listener listener, void *data);

typedef struct kal_engine_status {
    int shards, owned;  /* in the deployment; held by this process and ready */
    bool database;      /* every shard's connection is up */
    uint64_t instances; /* live ones: they run, wait or are paused */
    uint64_t waiting;   /* waits in the index */
    uint64_t timers;    /* timers in memory */
    uint64_t queued;    /* works not begun */
    uint64_t events, starts, completions, failures, exits; /* since the process began */
    uint64_t flushes, flushed_rows, flush_failures, recoveries;
    uint64_t flush_ns, lua_bytes; /* time in flushes; Lua memory */
} kal_engine_status;

/* Sums over all shards (relaxed atomics: a snapshot, not a transaction). */
void kal_engine_get_status(kal_engine *engine, kal_engine_status *out);
/* Adds, of all shards, node executions by type and deliveries sent by channel and provider. */
void kal_engine_add_tallies(kal_engine *engine, kal_tally *ran, kal_tally *sent);

#endif
