/* Exit criteria, of the version's graph and of the flow.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_CRITERIA_H
#define KAL_RUN_CRITERIA_H

#include "run/batch.h"

/* Whether any is met by the event (NULL: none has come, conditions alone count). */
bool kal_criteria_met(kal_batch *batch, kal_instance *instance, const json_t *event);

#endif
