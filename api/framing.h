/* Whether a request says once how long its body is. h2o picks one of several headers and shows none
 * of them to handlers, so that it and a proxy before it may see two different requests.
 * Thread: the request's. Blocks: never. */
#ifndef KAL_API_FRAMING_H
#define KAL_API_FRAMING_H

#include "api/http.h"

#include <stdbool.h>

/* False with more than one Content-Length or Transfer-Encoding. Before the first answer. */
bool kal_framing_is_plain(h2o_req_t *http);

#endif
