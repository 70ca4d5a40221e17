/* What the operations of the document refer to.
 * Thread: any. Blocks: never. */
#ifndef KAL_API_OPENAPI_PARTS_H
#define KAL_API_OPENAPI_PARTS_H

#include "api/schemas.h"
#include "base/json.h"

/* {"$ref": "#/components/schemas/NAME"}; the caller decrefs. */
json_t *kal_openapi_ref(kal_schema schema);
/* A schema's own value; the caller decrefs. */
json_t *kal_openapi_schema(kal_schema schema);
/* The answer that all errors of a status have in common: {"$ref": "#/components/responses/404"}. */
json_t *kal_openapi_error(int status);
/* {"X-Request-Id": …}, which every answer carries. */
json_t *kal_openapi_headers(void);
/* All that is referred to. The caller decrefs. */
json_t *kal_openapi_components(const json_t *types);

#endif
