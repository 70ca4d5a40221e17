/* The API's OpenAPI 3.1 document: routes from the table, schemas from api/schemas, error codes from
 * base/err.h, node configs from the types.
 * Invariant: every row of the table is one operation; nothing is described in two places.
 * Thread: any. Blocks: never. */
#ifndef KAL_API_OPENAPI_H
#define KAL_API_OPENAPI_H

#include "api/router.h"
#include "base/json.h"

/* The document; `types` as of kal_lua_types. The caller decrefs. */
json_t *kal_openapi_new(const kal_route *routes, size_t count, const json_t *types,
                        const char *version);

#endif
