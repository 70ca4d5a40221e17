/* The inside of a shard, shared by shard.c (queue and turns' beginning), turn.c (a turn),
 * recover.c (takeover, flow changes, timers from the database) and drain.c (giving it back). */
#ifndef KAL_RUN_SHARD_STATE_H
#define KAL_RUN_SHARD_STATE_H

#include "base/map.h"
#include "base/tally.h"
#include "effect/outbox.h"
#include "run/batch.h"
#include "run/codes.h"
#include "run/flows.h"
#include "run/load.h"
#include "run/pace.h"
#include "run/queue.h"
#include "run/shard.h"
#include "run/sources.h"
#include "run/timers.h"
#include "run/waits.h"
#include "store/journal.h"

#include <stdatomic.h>

typedef enum kal_shard_state {
    KAL_SHARD_OFF,        /* no lease */
    KAL_SHARD_RECOVERING, /* the lease is ours, its waits are loading */
    KAL_SHARD_READY,
    KAL_SHARD_DRAINING
} kal_shard_state;

/* A flow change: taken in between turns, then told. */
typedef struct kal_change {
    struct kal_change *next;
    kal_shard *shard;
    kal_uuid tenant;
    void (*done)(void *data);
    void *data;
} kal_change;

typedef struct kal_sweeps kal_sweeps; /* in sweep.c */

typedef struct kal_figures {
    atomic_uint_fast64_t instances, waiting, timers, queued, events, starts, completions, failures,
        exits, flushes, flushed_rows, flush_failures, recoveries, flush_ns, lua_bytes, database,
        ready;
} kal_figures;

struct kal_shard {
    kal_shard_options options;
    kal_shard_state state;
    int64_t epoch;

    kal_lua *lua;
    bool adopts; /* other plugins are in force: taken over between turns */
    kal_pg *pg;
    kal_pg_options pg_options;
    char *conninfo;
    char name[64];
    kal_journal *journal;
    kal_ledger *ledger;
    kal_outbox *outbox;
    kal_flows *flows;
    kal_waits *waits;
    kal_timers timers;
    kal_codes *codes;
    kal_queue *queue;
    kal_pace pace;
    kal_strmap replaying; /* held events whose replay is queued */
    kal_sources *sources;
    kal_sweeps *sweeps;
    kal_tenant *unfinished; /* whose backlogs come on when what is queued of them is done */

    uv_timer_t *tick; /* the next timer's due time, or a retry */
    uv_check_t *check;
    bool wants_turn, pumping, in_turn;
    kal_batch *batch;
    size_t sends;
    kal_load *load;
    kal_work *again; /* works whose load the server refused: one by one */
    uint64_t flush_began_ns;
    kal_pg_copying *copying; /* its waits, NULL: none */
    int recovering;          /* parts of the recovery that are under way */
    bool recovered_ours, recovery_failed;

    kal_change *changes; /* that wait for the turn's end */
    size_t changing;     /* under way: no turn begins before they are in */
    void (*quiet)(void *data, int64_t next_due_ms);
    void *quiet_data;
    int64_t quiet_until_ms;
    void (*drained)(void *data);
    void *drained_data;
    kal_figures figures;
    kal_tally *ran;  /* node executions by type */
    kal_tally *sent; /* deliveries by channel and provider */
};

/* shard.c */
void kal_shard_answer(kal_shard *shard, kal_work *list, kal_err err);
void kal_shard_pump(kal_shard *shard);
/* Tries again, so many milliseconds from now, what has failed (the recovery, changes, timers),
 * unless a turn or a rest comes first. */
void kal_shard_wake_in(kal_shard *shard, uint64_t ms);
/* Empties what a lease gives and its loss takes away. */
void kal_shard_forget(kal_shard *shard);
/* turn.c */
/* `sends`: rows that the outbox may add. */
void kal_turn_begin(kal_shard *shard, kal_batch *batch, size_t sends);
/* Answers the callers of the turn under way whose deadline has passed; what their works have
 * written stays in the flush, whose fate nobody knows. */
void kal_turn_expire(kal_shard *shard, uint64_t now_ns);
/* Puts the works of a turn that has not walked back at the head of the queue, in order. */
void kal_turn_put_back(kal_shard *shard);
/* recover.c */
void kal_shard_recover(kal_shard *shard, bool ours);
/* Sees that timers are in memory some way ahead of until_ms; true when a query is under way, after
 * which the shard is pumped. */
bool kal_shard_refill(kal_shard *shard, int64_t until_ms);
/* Loads tenants' flows, and queues what their state asks for: replays of held events of flows that
 * run again, exits from archived ones. */
void kal_shard_load_tenants(kal_shard *shard, const kal_uuid *tenants, size_t n,
                            void (*done)(void *data, kal_err err), void *data);
/* An instance of the tenant runs again: its held events are queued when this turn has ended, ahead
 * of what the next one takes. */
void kal_shard_replay(kal_shard *shard, kal_uuid tenant);
/* Queues an answer that has been committed; of a flow that holds it comes up when that runs. */
void kal_shard_answered(kal_shard *shard, const kal_held *held, json_t *body);
/* Takes in the flow changes that waited for this turn's end. */
void kal_shard_turn_ended(kal_shard *shard);
/* plugins.c */
/* Takes over the plugins in force, when it was told of others. Between turns. */
void kal_shard_take_plugins(kal_shard *shard);
/* sweep.c */
/* Forgets all sources and sweeps, for a shard that begins anew or ends. */
void kal_sweeps_begin(kal_shard *shard);
void kal_sweeps_end(kal_shard *shard);
/* Asks for the next page of those who enter by a source that is due, when there is one and what its
 * last page found is done; true when a query is under way, after which the shard is pumped. */
bool kal_shard_sweep(kal_shard *shard, int64_t now_ms);
/* A work that a page has found is done with. */
void kal_sweeps_done(kal_shard *shard, const kal_work *work);
/* A page waits for what a tenant's cell says of a predicate, which pumps the shard. */
bool kal_sweeps_wait(const kal_shard *shard);
/* When the next source is to be swept, at_ms when that is earlier. */
int64_t kal_sweeps_next(const kal_shard *shard, int64_t at_ms);

#endif
