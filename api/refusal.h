/* What h2o refuses before a handler sees it (a body over the limit) is answered in the API's form.
 * Not so a request line or headers that it cannot parse: that answer passes no filter.
 * Thread: an engine thread. Blocks: never. */
#ifndef KAL_API_REFUSAL_H
#define KAL_API_REFUSAL_H

#include "api/http.h"

/* Registers the filter on a host's fallback path, which h2o's own errors go through. */
void kal_refusal_register(h2o_hostconf_t *host);

#endif
