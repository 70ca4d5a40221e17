/* What an instance had under way when it failed: kept in its state, for a retry to take up again.
 * {"tokens": [{"node", "event"?: index, "joined"?}], the failed node's first,
 *  "waits": [{"node", "due" or "left" (ms), "began", "absolute"?, "yielded"?, "state"?,
 *             "event"?: that had come for it}],
 *  "events": [...]}, nodes by their ids.
 * Invariant: a relative timer keeps what remained of it, as over a pause.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_LOST_H
#define KAL_RUN_LOST_H

#include "run/batch.h"

/* Notes a token that a failure takes with it. */
void kal_lost_token(kal_batch *batch, kal_instance *instance, const kal_token *token);
/* Notes the waits that are left. */
void kal_lost_waits(kal_batch *batch, kal_instance *instance);
/* Gives the instance its waits back, and its tokens as a list in the arena, in order; the note is
 * gone then. False when nothing was noted, or a node is not in the version's graph. */
bool kal_lost_restore(kal_batch *batch, kal_instance *instance, kal_token **tokens);

#endif
