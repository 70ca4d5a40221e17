/* What operators do to an instance: pause, resume, end, retry.
 * Invariant: a work that is refused changes nothing; a status that an instance has already is no
 * error. Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_OPERATE_H
#define KAL_RUN_OPERATE_H

#include "run/batch.h"

/* Stops the work's instance: its relative timers keep what remains of them, its events are held. */
void kal_operate_pause(kal_batch *batch, kal_customer *customer, kal_work *work);
/* Starts it again; the shard replays what was held after the commit (kal_instance.replays). */
void kal_operate_resume(kal_batch *batch, kal_customer *customer, kal_work *work);
/* Ends a live one; not_cancellable for a cancel that comes too late. */
void kal_operate_end(kal_batch *batch, kal_customer *customer, kal_work *work, kal_status status,
                     const char *reason);
/* A failed one, whose customer is still there and not in the flow again, goes on from its failed
 * node. */
void kal_operate_retry(kal_batch *batch, kal_customer *customer, kal_work *work);

#endif
