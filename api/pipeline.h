/* What happens to every request before its handler: framing, route, key, role, rate limit.
 * Thread: the request's. Blocks: never. */
#ifndef KAL_API_PIPELINE_H
#define KAL_API_PIPELINE_H

#include "api/request.h"

void kal_pipeline_run(kal_request *request);

#endif
