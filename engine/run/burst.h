/* A burst: an instance walks until every token waits or has ended.
 * Tokens walk first in, first out; a node runs once per arrival, a join when spec/flows.md section
 * 5 says so. After 256 nodes the tokens left are put at rest (yielded waits, due at once), so that
 * others get their turn; with more than 10,000 executions behind and on their way it fails.
 * Invariant: after a burst the instance is ended, or has at least one wait.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_BURST_H
#define KAL_RUN_BURST_H

#include "run/batch.h"

#define KAL_BURST_NODES 256
#define KAL_INSTANCE_NODES 10000

/* Starts at n entry nodes, or at every entry (n = 0). `event` is what started it (kept by the
 * batch), or NULL; event_id its stored id. */
void kal_burst_start(kal_batch *batch, kal_instance *instance, const uint32_t *entries, size_t n,
                     json_t *event, kal_uuid event_id);
/* A wait's timer has come up. One that has yielded walks on together with all that have. */
void kal_burst_timeout(kal_batch *batch, kal_instance *instance, kal_wait *wait);
/* Offers an event to the instance: exit criteria first, then the waits there are. Answers how many
 * waits it resumed. */
int kal_burst_event(kal_batch *batch, kal_instance *instance, json_t *event, kal_uuid event_id);
/* A failed instance goes on from what it had under way: first the failed node runs again. False,
 * and nothing changes, when that is not known. */
bool kal_burst_retry(kal_batch *batch, kal_instance *instance);
/* A wait of the instance is told what it is for; one that is gone has been told already. */
void kal_burst_answer(kal_batch *batch, kal_instance *instance, uint32_t seq, json_t *answer);
/* Ends it: waits go, what was queued is dropped (and noted, when it fails). */
void kal_burst_end(kal_batch *batch, kal_instance *instance, kal_status status, kal_str reason);

#endif
