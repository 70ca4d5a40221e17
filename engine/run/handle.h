/* Works of a loaded batch, one after the other.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_HANDLE_H
#define KAL_RUN_HANDLE_H

#include "run/batch.h"

/* Handles the works of the batch, in order; each has its err and answer then, valid once the flush
 * commits. Works that are refused write nothing. When the rows are enough for one flush, or a walk
 * that an event must not overtake has not come to rest, the rest is left: works taken out of the
 * batch again, answered as a list in order, which the caller owns. */
kal_work *kal_handle_all(kal_batch *batch);

#endif
