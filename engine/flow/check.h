/* What a graph needs to be compiled at all; kal_graph_check (graph.h) asks for all the rest too.
 * Thread: the owner of the Lua state. Blocks: never. */
#ifndef KAL_FLOW_CHECK_H
#define KAL_FLOW_CHECK_H

#include "flow/shape.h"

/* What each node's type says of it, and the shape, both the caller's to free: n_nodes objects. NULL
 * when the graph cannot be compiled, with the reasons appended to `problems` (or NULL). `pins` as
 * for kal_graph_new. */
json_t **kal_check_form(kal_lua *lua, const json_t *graph, const json_t *pins, kal_shape *shape,
                        json_t *problems);

#endif
