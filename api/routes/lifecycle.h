/* The end of a flow's change: every shard knows it before the caller does.
 * Thread: the request's. Blocks: never. */
#ifndef KAL_API_ROUTES_LIFECYCLE_H
#define KAL_API_ROUTES_LIFECYCLE_H

#include "api/request.h"

/* Appends a statement that moves the flow, of its id and the journey time. */
void kal_lifecycle_move(kal_pg_call *call, kal_sql sql, const kal_request *request, kal_uuid flow);
/* Appends the statement that shows what the request moves, when it has moved: the flow, or the
 * journey around it that the path named. */
void kal_lifecycle_show(kal_pg_call *call, const kal_request *request, kal_uuid flow);
/* Tells the engine that the flow changed, then answers 200 {"data": json} (copied), or 204
 * when there is no json. */
void kal_lifecycle_changed(kal_request *request, kal_str json);
/* Tells the engine only, for a flow that may have changed. */
void kal_lifecycle_tell(kal_request *request);
/* kal_reply_failed for a statement that changes a flow; tells the engine when it may be done all
 * the same. */
bool kal_lifecycle_failed(kal_request *request, const kal_pg_reply *reply);

#endif
