/* A walked batch becomes rows: each customer and instance that changed, once.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_SEAL_H
#define KAL_RUN_SEAL_H

#include "run/batch.h"

/* Appends to the batch's flush what its copies have become. Once, after the last work. */
void kal_seal(kal_batch *batch);
/* The due time of a wait as it stands in journey time now: relative timers shift by the pauses of
 * their flow. KAL_NEVER when it has none. */
int64_t kal_wait_due(const kal_flow *flow, const kal_wait *wait);
/* What remains of a relative timer, whatever is paused; and the due_ms of one of which so much
 * remains, once nothing is. */
int64_t kal_wait_left(const kal_batch *batch, const kal_instance *instance, const kal_wait *wait);
int64_t kal_wait_from_left(const kal_batch *batch, const kal_instance *instance, int64_t left_ms);

#endif
