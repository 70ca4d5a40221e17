/* The end of a flow's change: every shard knows it before the caller does.
 * Thread: the request's. Blocks: never. */
#ifndef KAL_API_ROUTES_LIFECYCLE_H
#define KAL_API_ROUTES_LIFECYCLE_H

#include "api/request.h"

/* Tells the engine that the flow changed, then answers 200 {"data": json} (copied). */
void kal_lifecycle_changed(kal_request *request, kal_str json);

#endif
