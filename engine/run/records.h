/* Rows that a work leaves beside its customer and instances.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_RECORDS_H
#define KAL_RUN_RECORDS_H

#include "run/batch.h"

/* The event that the work brings. */
void kal_record_event(kal_batch *batch, kal_customer *customer, kal_work *work, kal_uuid id);
/* The first answer to its event id. */
void kal_record_answer(kal_batch *batch, kal_customer *customer, const kal_work *work);
/* One event more of a tenant that has a quota of them. */
void kal_record_usage(kal_batch *batch, const kal_customer *customer);
/* What the work gives, for a request that must not happen twice. */
void kal_record_outcome(kal_batch *batch, const kal_customer *customer, const kal_work *work);

#endif
