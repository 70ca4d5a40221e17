/* Flows that an instance starts for its customer, and what it is told of them. The one that starts
 * is the parent; a parent that waits is answered when its child has ended, in the same batch when
 * it is loaded there, else by a row that comes up as work of its own. A parent's end leaves its
 * children as they are. What starts or is answered walks after the work that it comes from.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_SUB_FLOW_H
#define KAL_RUN_SUB_FLOW_H

#include "run/batch.h"

#define KAL_SUB_FLOW_DEPTH 8

/* Starts the flow that the effect names, for the wait `seq` of the parent. Answers what that wait
 * is told at once: {"refused": code}, or {"instance_id"} when it does not want to know the end;
 * NULL: it waits for it. Kept by the batch. */
json_t *kal_sub_flow_start(kal_batch *batch, kal_instance *parent, const json_t *effect,
                           uint32_t seq);
/* The instance has ended: its parent, if one waits, is told. */
void kal_sub_flow_ended(kal_batch *batch, kal_instance *instance);
/* Walks what the customer's last work has started and answered, until all has come to rest. */
void kal_sub_flow_go_on(kal_batch *batch, kal_customer *customer);

#endif
