/* What nodes want done, as rows of the batch and changes of its copies.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_EFFECTS_H
#define KAL_RUN_EFFECTS_H

#include "run/batch.h"

/* Applies the effects of an outcome (see lua/host/host.h) of a node of the instance; *told gets
 * what they leave for the wait that the outcome begins. False with a sentence in error[160]
 * when one of them is not understood. */
bool kal_effects_apply(kal_batch *batch, kal_instance *instance, const kal_graph_node *node,
                       const kal_outcome *outcome, kal_told *told, char error[160]);

#endif
