/* A shard's timers. Only those up to a horizon are in memory; the rest stay in the database and
 * come in by keyset, in the order of (due, instance, seq). A timer that was overtaken by an event
 * is not sought out: when it comes up, the index of waits tells that it no longer counts.
 * Invariant: every committed wait with a due time at or before the horizon is here or has come up.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_TIMERS_H
#define KAL_RUN_TIMERS_H

#include "base/heap.h"
#include "base/uuid.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct kal_timer {
    int64_t due_ms;
    uint64_t customer;
    kal_uuid instance;
    uint32_t seq;
} kal_timer;

typedef struct kal_timers {
    kal_heap heap;
    kal_timer horizon; /* all up to and including it are loaded */
    bool loading;      /* a query for the next stretch is under way */
} kal_timers;

void kal_timers_init(kal_timers *timers);
void kal_timers_deinit(kal_timers *timers);
/* Takes in a timer of a wait that was committed just now, to come up at due_ms (later than its own
 * due time, which is the stored one, by its flow's pauses); one beyond the horizon is left to the
 * database. */
void kal_timers_committed(kal_timers *timers, const kal_timer *timer, int64_t due_ms);
/* Takes in a timer whatever the horizon: rows of the database, and timers put off. */
void kal_timers_put(kal_timers *timers, const kal_timer *timer);
/* The stretch up to `horizon` is asked for (before the query is sent, so that nothing that commits
 * meanwhile is missed); *from gets the horizon before it, where the query begins. */
void kal_timers_begin_load(kal_timers *timers, const kal_timer *horizon, kal_timer *from);
/* The query has answered; `last` (or NULL: all of the stretch came) is where its rows ended, to
 * which the horizon moves back. */
void kal_timers_end_load(kal_timers *timers, const kal_timer *last);
/* Removes the earliest timer that is due at now_ms into out; false when there is none. */
bool kal_timers_pop(kal_timers *timers, int64_t now_ms, kal_timer *out);
/* When the earliest in memory is due, INT64_MAX when none is. */
int64_t kal_timers_next(const kal_timers *timers);

#endif
