/* The pace of patient work (timers, replays, sends). With nobody waiting it runs at full speed.
 * While callers are about, a storm of one tenant's timers must not make another's events wait: a
 * turn that is large takes as much of it as it has callers' works, and beyond that one shard of the
 * process at a time takes a little, and leaves twice the time it took to others, a quarter second
 * at most. A tenant's own callers do not slow its work, and what has found no end for half a minute
 * is patient no longer. Thread: a pace is its shard's, the gate is all shards'. Blocks: never. */
#ifndef KAL_RUN_PACE_H
#define KAL_RUN_PACE_H

#include "base/uuid.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Shared by the shards of a process; zeroed is open. Instants are monotonic nanoseconds. */
typedef struct kal_pace_gate {
    atomic_uint_fast64_t called_ns; /* when a caller's work came last; 0: never */
    atomic_uint_fast64_t caller;    /* whose it was */
    atomic_uint_fast64_t turned_ns; /* when one came last that was not of the caller before it */
    atomic_uint_fast64_t after_ns;  /* no patient turn before; UINT64_MAX: one is under way */
} kal_pace_gate;

typedef struct kal_pace {
    kal_pace_gate *gate;
    size_t share;      /* patient bursts of a turn */
    uint64_t since_ns; /* there is patient work since then; 0: there is none */
    uint64_t began_ns; /* the turn under way */
    size_t taken;      /* patient bursts and sends in it */
    uint64_t rests_ns; /* until then there is none of it */
    bool inside;       /* it holds the gate */
} kal_pace;

void kal_pace_init(kal_pace *pace, kal_pace_gate *gate);
/* A caller's work came. */
void kal_pace_called(kal_pace_gate *gate, const kal_uuid *tenant, uint64_t now_ns);
/* How many patient bursts the turn that begins now may take beside so many works of callers; 0:
 * none yet. `owner`: the tenant whose they all are, NULL when they are of several. Asked only when
 * there is patient work; kal_pace_end gives back what it took. */
size_t kal_pace_begin(kal_pace *pace, size_t works, const kal_uuid *owner, uint64_t now_ns);
/* There is no patient work. */
void kal_pace_idle(kal_pace *pace);
/* The turn took this many (more). */
void kal_pace_took(kal_pace *pace, size_t taken);
/* The turn is over, whether it asked or not. */
void kal_pace_end(kal_pace *pace, uint64_t now_ns);
/* The turn's load or flush failed on a live connection: patient work rests for half a second, so
 * that it does not repeat itself as fast as the database refuses. */
void kal_pace_failed(kal_pace *pace, uint64_t now_ns);
/* Milliseconds until it is worth asking again, rounded up; at least 1. */
uint64_t kal_pace_wait_ms(const kal_pace *pace, uint64_t now_ns);

#endif
