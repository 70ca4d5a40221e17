/* What nodes and conditions see of an instance: its context in Lua, opened when first asked for.
 * Invariant: an open context shows the customer as the batch's copy is now.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_CONTEXT_H
#define KAL_RUN_CONTEXT_H

#include "run/batch.h"

/* Opens instance->lua, or shows it the customer's changes since. False: the stored context cannot
 * be read. */
bool kal_context_open(kal_batch *batch, kal_instance *instance);

#endif
