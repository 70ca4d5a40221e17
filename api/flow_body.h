/* A flow and a version of it as a body tells them, from a request or from a file: what is checked
 * and what is then stored.
 * Invariant: a call gets only bodies that were checked without a problem.
 * Thread: the Lua state's owner. Blocks: never. */
#ifndef KAL_API_FLOW_BODY_H
#define KAL_API_FLOW_BODY_H

#include "base/json.h"
#include "lua/host/host.h"
#include "store/pg.h"

/* {field: [problem]} of a flow's body; one that is not new may leave out its name. */
json_t *kal_flow_body_check(kal_lua *lua, const json_t *body, bool is_new);
/* The same of a version's {graph, changelog, node_mapping}; the graph itself is not looked at. */
json_t *kal_flow_body_check_version(const json_t *body);

/* Appends the statement that makes a draft flow. */
void kal_flow_body_create(kal_pg_call *call, kal_uuid id, kal_uuid tenant, const json_t *body,
                          int64_t now_ms);
/* Appends the one that changes a draft flow; it answers a row when there was one. */
void kal_flow_body_update(kal_pg_call *call, kal_uuid id, const json_t *body, int64_t now_ms);
/* Appends the two that lock the flow (a row when it is there) and make its next draft version. */
void kal_flow_body_version(kal_pg_call *call, kal_uuid flow, const json_t *body, int64_t now_ms);

#endif
