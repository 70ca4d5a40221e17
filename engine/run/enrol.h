/* Works of a sweep: customers enter a flow by a segment or a schedule, or leave the segment.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_ENROL_H
#define KAL_RUN_ENROL_H

#include "run/batch.h"

/* ENROL: the customer enters, unless the flow refuses them or the work only passes them by; either
 * way this membership, or instant, is used up. Nothing happens while the flow takes nobody in.
 * LEAVE: the customer has left the segment; coming back counts as new. */
void kal_enrol(kal_batch *batch, kal_customer *customer, const kal_work *work);

#endif
