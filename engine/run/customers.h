/* What the API does to a customer: made, changed, deleted, erased.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_CUSTOMERS_H
#define KAL_RUN_CUSTOMERS_H

#include "run/batch.h"

/* Handles a KAL_WORK_CUSTOMER; its answer is the customer as it is then, but for one that is gone.
 */
void kal_customers_handle(kal_batch *batch, kal_customer *customer, kal_work *work);

#endif
