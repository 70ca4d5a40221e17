/* Works of a loaded batch, one after the other.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_HANDLE_H
#define KAL_RUN_HANDLE_H

#include "run/batch.h"

/* Handles every work of the batch; each has its err and answer then, valid once the flush commits.
 * Works that are refused write nothing. */
void kal_handle_all(kal_batch *batch);

#endif
