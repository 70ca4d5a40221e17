/* A segment as a body tells it, from a request or from a file: what is checked and what is then
 * stored.
 * Invariant: a call gets only bodies that were checked without a problem.
 * Thread: the Lua state's owner. Blocks: never. */
#ifndef KAL_API_SEGMENT_BODY_H
#define KAL_API_SEGMENT_BODY_H

#include "base/json.h"
#include "lua/host/host.h"
#include "store/pg.h"

/* {field: [problem]} of a body; `stored` is the type of a segment that is there, NULL for a new
 * one. One that is there may leave out its name, and keeps its type. */
json_t *kal_segment_body_check(kal_lua *lua, const json_t *body, const char *stored);

/* Appends the statement that makes a segment. */
void kal_segment_body_create(kal_pg_call *call, kal_uuid id, kal_uuid tenant, const json_t *body,
                             int64_t now_ms);
/* Appends the one that changes one; it answers a row when there was one. Shards must be told. */
void kal_segment_body_update(kal_pg_call *call, kal_uuid id, const json_t *body, int64_t now_ms);

#endif
