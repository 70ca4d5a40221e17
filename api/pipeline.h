/* What happens to every request before its handler: framing, route, key, role, rate limit.
 * Thread: the request's. Blocks: never. */
#ifndef KAL_API_PIPELINE_H
#define KAL_API_PIPELINE_H

#include "api/request.h"

void kal_pipeline_run(kal_request *request);
/* Whether the caller has a role for the scope and a token left; else it has answered. For handlers
 * of open routes that find out themselves who calls. */
bool kal_pipeline_admit(kal_request *request, kal_scope scope);

#endif
