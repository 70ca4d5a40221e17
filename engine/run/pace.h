/* The pace of patient work (timers, replays, sends): while callers are about, its turns are kept
 * short and leave twice the time they took, so that a storm of one tenant's timers does not make
 * another's events wait; with nobody waiting it runs at full speed.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_PACE_H
#define KAL_RUN_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kal_pace {
    size_t share;      /* patient bursts of a turn */
    uint64_t after_ns; /* none before this instant (monotonic) */
    uint64_t began_ns; /* the turn under way */
    size_t taken;      /* patient bursts and sends in it */
} kal_pace;

void kal_pace_init(kal_pace *pace);
/* How many patient bursts the turn that begins now may take; 0: none yet. */
size_t kal_pace_begin(kal_pace *pace, bool callers, uint64_t now_ns);
/* The turn took this many (more). */
void kal_pace_took(kal_pace *pace, size_t taken);
/* The turn is over. */
void kal_pace_end(kal_pace *pace, bool callers, uint64_t now_ns);
/* Milliseconds until patient work may run again, rounded up; 0: now. */
uint64_t kal_pace_wait_ms(const kal_pace *pace, uint64_t now_ns);

#endif
