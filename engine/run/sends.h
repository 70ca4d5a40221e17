/* The messages of a batch's customer, as frequency caps count them: what the load has found, what
 * this batch sends, and what a node has let through that is still on its way to its send.
 * Invariant: a customer's sends are counted one after the other, so no two take the same place.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_SENDS_H
#define KAL_RUN_SENDS_H

#include "run/batch.h"

/* What the load has found: so many messages count for such a cap. */
void kal_sends_found(kal_batch *batch, kal_customer *customer, kal_cap cap, int64_t n);
/* A message that counts is sent; it takes a place that was reserved, when there is one. */
void kal_sends_add(kal_batch *batch, kal_customer *customer, kal_str channel);
/* A node has let a message through (channel "all": of any): its place is taken until the walk
 * ends. */
void kal_sends_reserve(kal_batch *batch, kal_customer *customer, kal_str channel);
void kal_sends_release(kal_customer *customer);
/* One of the caps that the version's flow has is reached. */
bool kal_sends_capped(const kal_customer *customer, const kal_version *version);
/* What a node of the version is told: [{channel, window_ms, count, max?}], or NULL when there are
 * no caps; the caller decrefs. */
json_t *kal_sends_json(const kal_customer *customer, const kal_version *version);

#endif
