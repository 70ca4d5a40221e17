/* A version's graph: checked with all problems at once, compiled to arrays for the walk.
 * Invariant: a compiled graph is a DAG whose every edge and type is known; it does not change.
 * Indexes are positions in the JSON's nodes[], so they stay the same for a version. Thread: the
 * owner of the Lua state it was compiled with. Blocks: never. */
#ifndef KAL_FLOW_GRAPH_H
#define KAL_FLOW_GRAPH_H

#include "base/err.h"
#include "base/json.h"
#include "base/uuid.h"
#include "flow/caps.h"
#include "lua/host/host.h"

#include <stdbool.h>
#include <stdint.h>

#define KAL_GRAPH_MAX_NODES 1000
#define KAL_GRAPH_MAX_EDGES 5000
#define KAL_GRAPH_NONE UINT32_MAX

typedef enum kal_node_category {
    KAL_NODE_TRIGGER,
    KAL_NODE_CONDITION,
    KAL_NODE_WAIT,
    KAL_NODE_ACTION,
    KAL_NODE_END
} kal_node_category;

typedef enum kal_join_mode { KAL_JOIN_NONE, KAL_JOIN_ALL, KAL_JOIN_ANY } kal_join_mode;

typedef struct kal_edge {
    uint32_t target;
    kal_str branch; /* p NULL: a plain edge */
} kal_edge;

typedef struct kal_graph_node {
    kal_str id, type;
    kal_node_category category;
    kal_join_mode join;
    const json_t *config; /* never NULL: {} when left out */
    kal_lua_node *lua;
    const kal_edge *edges; /* in the graph's order */
    uint32_t n_edges;
    const kal_str *events; /* event types that resume it */
    uint32_t n_events;
    const json_t *filter; /* on those events, or NULL */
    int64_t lookback_ms;  /* 0: none */
    /* What a burst that reaches this node needs until the next wait, that wait included. Of a wait
     * that does not look back: its own only; a burst that resumes it needs what its edges' targets
     * need besides. */
    bool needs_customer;
    bool needs_lookback; /* recent events */
    bool needs_caps;     /* counts of messages */
    bool needs_segments; /* which of kal_graph_segments the customer is in */
    bool needs_flows;    /* what starting other flows needs */
    bool counts;         /* this very node is told counts */
    kal_str on_error;    /* config.on_error: "fail" (also when left out), "continue" or a branch */
} kal_graph_node;

typedef struct kal_graph kal_graph;

/* Appends every problem of spec/flows.md section 4 to `problems` (an array of strings), also those
 * of a graph that is no object. Pins as below. The graph is right when nothing was appended. */
void kal_graph_check(kal_lua *lua, const json_t *graph, const json_t *pins, json_t *problems);

/* Compiles a graph, with the types in force, but those that `pins` ({type: hash}, or NULL) names by
 * the code with that hash. Only what the compiled form needs is checked again (types that are
 * there, ids, edges, a DAG): a version outlives rules that have become stricter since it was
 * published. NULL with the problems appended to `problems` (or NULL) when it cannot be. Holds a
 * reference to the JSON. Free before the Lua state. */
kal_graph *kal_graph_new(kal_lua *lua, const json_t *graph, const json_t *pins, json_t *problems);
void kal_graph_free(kal_graph *graph);

uint32_t kal_graph_count(const kal_graph *graph);
/* The node at an index below the count. */
const kal_graph_node *kal_graph_at(const kal_graph *graph, uint32_t index);
/* An event of this type may resume the node; its filter is not asked. */
bool kal_graph_node_hears(const kal_graph_node *node, kal_str event_type);
/* The index of a node id, KAL_GRAPH_NONE when there is none. */
uint32_t kal_graph_find(const kal_graph *graph, kal_str id);
/* A path leads from one node to another (a node reaches itself). */
bool kal_graph_reaches(const kal_graph *graph, uint32_t from, uint32_t to);
/* The segments that nodes of the graph ask about, each once; *n of them. */
const kal_uuid *kal_graph_segments(const kal_graph *graph, size_t *n);
/* The graph's exit_criteria and frequency_cap, or NULL. */
const json_t *kal_graph_exit_criteria(const kal_graph *graph);
const json_t *kal_graph_frequency_cap(const kal_graph *graph);
/* What its nodes count, and its frequency_cap. */
const kal_caps *kal_graph_caps(const kal_graph *graph);
/* The other flows that its nodes start, n of them. */
const kal_uuid *kal_graph_flows(const kal_graph *graph, size_t *n);
/* {type: version text} of all types used; the caller decrefs. */
json_t *kal_graph_types(const kal_graph *graph);
/* {type: hash} of those that are plugins'; the caller decrefs. */
json_t *kal_graph_plugins(const kal_graph *graph);

#endif
