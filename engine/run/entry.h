/* Entering a flow: who may, and the instance that it makes.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_ENTRY_H
#define KAL_RUN_ENTRY_H

#include "run/batch.h"

/* The customer is running, waiting or paused in the flow. */
bool kal_entry_inside(const kal_batch *batch, const kal_customer *customer, const kal_flow *flow);
/* Why the customer may not enter now (flow NULL: there is none), in the order of spec/flows.md
 * section 5. */
KAL_MUST_USE kal_err kal_entry_check(const kal_batch *batch, const kal_customer *customer,
                                     const kal_flow *flow);
/* A new instance of the flow's active version, whose walk is still to begin. NULL when a quota of
 * the tenant is used up, which it tells the work (NULL: nobody asks). */
kal_instance *kal_entry_make(kal_batch *batch, kal_customer *customer, kal_flow *flow,
                             kal_str context, kal_work *work);

#endif
