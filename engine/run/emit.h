/* Events that a node emits to its own customer: a row of `held_event` written with the walk that
 * emits it, and taken as any event when that is committed; the row goes with what the event does.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_EMIT_H
#define KAL_RUN_EMIT_H

#include "run/batch.h"

/* Emits {event_type, data}. False with a sentence in error[160] when it is not in order, or when
 * the instance was started by too many events that others emitted. */
bool kal_emit(kal_batch *batch, kal_instance *instance, const json_t *effect, char error[160]);
/* The work of a row: an event that was emitted, or (replay) what was held for an instance. */
kal_work *kal_held_work(const kal_held *held, json_t *body);

#endif
