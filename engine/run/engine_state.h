/* The inside of an engine, shared by engine.c (threads, shards, works) and changes.c (what all
 * shards or threads must take in: flow changes, tenants' changes, a virtual clock's moves). */
#ifndef KAL_RUN_ENGINE_STATE_H
#define KAL_RUN_ENGINE_STATE_H

#include "run/engine.h"
#include "run/lease.h"
#include "run/shard.h"
#include "run/thread.h"

#include <stdatomic.h>

#define KAL_MAX_THREADS 64

typedef struct kal_engine_thread_slot {
    kal_engine *engine;
    kal_thread *thread;
    kal_lua *lua; /* for checks */
    kal_pool *reads, *writes, *held;
    kal_cells *cells; /* NULL: no tenants' code runs */
    kal_buf error;
} kal_engine_thread_slot;

typedef struct kal_engine_shard {
    kal_shard *_Atomic shard; /* made by its thread, which ends it before it leaves: NULL again */
    int thread;
    atomic_bool runs; /* under a lease of this process */
} kal_engine_shard;

typedef struct kal_listener {
    kal_engine_listener listener;
    void *data;
    int thread;
} kal_listener;

struct kal_engine {
    kal_engine_options options;
    int n_threads;
    kal_engine_thread_slot threads[KAL_MAX_THREADS];
    atomic_int n_shards; /* 0 until the database has told */
    kal_engine_shard shards[KAL_MAX_SHARDS];
    kal_lease *lease; /* thread 0's */
    uv_sem_t entered, drained, closed;
    uv_mutex_t listeners_lock; /* guards listeners */
    kal_listener *listeners;
    size_t n_listeners;
    atomic_bool advancing; /* a virtual clock is being moved */
    kal_pace_gate gate;
    kal_quotas *quotas;
    kal_cell_book *book;
};

/* Reads all quotas. */
void kal_engine_load_quotas(kal_engine *engine);
/* Tells tenants' changes to the listeners of all threads; from any thread. */
void kal_engine_tenants_changed(kal_engine *engine, const kal_uuid *tenants, size_t n);

#endif
