/* Joins: nodes that wait for more than one token, as spec/flows.md section 5 says.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_JOINS_H
#define KAL_RUN_JOINS_H

#include "run/walk.h"

/* A token has come to the join by an edge, with its event (or NULL). */
void kal_joins_arrive(kal_walk *walk, uint32_t node, json_t *event);
/* Sets those going that nothing can reach any more. */
void kal_joins_fire(kal_walk *walk);

#endif
