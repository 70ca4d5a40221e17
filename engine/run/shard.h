/* A shard: it owns the customers whose key falls on it, and runs what concerns them, in turns: take
 * works from the queue, load what they touch, walk, flush, answer. One turn at a time; the works
 * that arrive meanwhile make the next one, so batches grow with load.
 * Invariant: nothing is answered or sent before its flush has committed.
 * Thread: its thread's. Blocks: never. */
#ifndef KAL_RUN_SHARD_H
#define KAL_RUN_SHARD_H

#include "base/clock.h"
#include "lua/host/cell.h"
#include "run/engine.h"
#include "run/pace.h"
#include "run/quota.h"
#include "run/thread.h"
#include "run/work.h"

typedef struct kal_shard kal_shard;

typedef struct kal_shard_options {
    kal_thread *thread;
    int index;
    const char *conninfo, *home, *data_dir;
    kal_plugins *plugins; /* borrowed */
    kal_clock *clock;
    kal_uuid node;
    /* Gives a list of works back to those who submitted them. */
    void (*give_back)(void *data, kal_work *list);
    /* Another process has the lease: the shard has let everything go. */
    void (*on_lost)(void *data, int shard);
    /* The lease is ours by the local clock. */
    bool (*may_act)(void *data);
    void *data;
    kal_pace_gate *gate; /* all shards' */
    kal_quotas *quotas;  /* likewise; NULL: none */
    kal_cells *cells;    /* the thread's, which outlive the shard; NULL: no tenants' code runs */
} kal_shard_options;

/* On its thread. NULL with one clear line in error. */
kal_shard *kal_shard_new(const kal_shard_options *options, kal_buf *error);
/* Frees a shard that is drained or lost, or whose database does not answer. */
void kal_shard_free(kal_shard *shard);
/* Runs the shard under a lease just taken; `ours`: its last owner was this node. */
void kal_shard_take_over(kal_shard *shard, int64_t epoch, int64_t seq, bool ours);
/* The lease is gone: works are answered UNAVAILABLE, memory is let go. */
void kal_shard_lose(kal_shard *shard);
void kal_shard_submit(kal_shard *shard, kal_work *list);
/* Reloads a tenant's flows; done runs when no turn that began before is left. */
void kal_shard_flow_changed(kal_shard *shard, kal_uuid tenant, void (*done)(void *data),
                            void *data);
/* Other plugins are in force: it takes them over when no turn is under way. */
void kal_shard_adopt(kal_shard *shard);
/* Calls back when nothing is left to do at the clock's time, with the next timer's due time at or
 * before `until_ms`, KAL_NEVER when there is none (or the shard is not ready). */
void kal_shard_when_quiet(kal_shard *shard, int64_t until_ms,
                          void (*quiet)(void *data, int64_t next_due_ms), void *data);
/* Takes no more works, finishes those of callers, lets the lease go; then calls back. */
void kal_shard_drain(kal_shard *shard, void (*drained)(void *data), void *data);
/* Adds this shard's figures. From any thread. */
void kal_shard_add_status(kal_shard *shard, kal_engine_status *status);
void kal_shard_add_tallies(const kal_shard *shard, kal_tally *ran, kal_tally *sent);

#endif
