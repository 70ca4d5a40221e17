/* The shape of a graph's JSON: node ids and the edges between known nodes, read from a draft that
 * may have any problem. What the check looks at and what a compiled graph keeps.
 * Invariant: every edge's target is below n_nodes; texts are borrowed from the JSON.
 * Thread: one at a time. Blocks: never. */
#ifndef KAL_FLOW_SHAPE_H
#define KAL_FLOW_SHAPE_H

#include "base/map.h"
#include "flow/graph.h"

typedef struct kal_shape {
    uint32_t n_nodes, n_edges;
    kal_str *ids;     /* of nodes[], p NULL where there is none */
    kal_strmap index; /* id -> its first node */
    uint32_t *first;  /* n_nodes + 1: the edges out of node i are first[i] to first[i + 1] */
    kal_edge *edges;  /* by source, in the graph's order within one */
} kal_shape;

/* Reads an object whose nodes and edges keep the limits. */
void kal_shape_init(kal_shape *shape, const json_t *graph);
void kal_shape_deinit(kal_shape *shape);
/* The first node with this id, KAL_GRAPH_NONE when there is none. */
uint32_t kal_shape_find(const kal_shape *shape, kal_str id);

/* A member of an object that is there and not null, else NULL. */
json_t *kal_shape_member(const json_t *object, const char *key);

#endif
