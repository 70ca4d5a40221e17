/* The inside of a walk, shared by burst.c and what it is made of (joins.c).
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_WALK_H
#define KAL_RUN_WALK_H

#include "run/batch.h"

/* One walk of one instance. */
typedef struct kal_walk {
    kal_batch *batch;
    kal_instance *instance;
    const kal_graph *graph;
    const kal_token *at; /* the token whose turn it is */
    kal_token *first, **last;
    uint32_t queued; /* tokens on their way */
    uint32_t nodes;  /* executed in this burst */
    uint32_t pending_joins;
    kal_told told;      /* what the node's effects leave for the wait that it begins */
    kal_wait **resting; /* by node: see yields.h */
    bool over;
} kal_walk;

/* A token on its way to the node, behind all others. */
kal_token *kal_walk_push(kal_walk *walk, uint32_t node);

#endif
