/* Ends a connection without cutting its answer off. A socket closed over unread bytes resets the
 * connection, and a client that still sends its body then never reads why it was refused: so the
 * answer goes out first, what still comes is thrown away, in bounds, and then the socket closes.
 * Thread: the request's. Blocks: never. */
#ifndef KAL_API_LINGER_H
#define KAL_API_LINGER_H

#include "api/http.h"

/* For an answer of a handler, before it begins: it ends the connection. */
void kal_linger(h2o_req_t *http);
/* For a filter, before it adds an ostream of its own; the request must not be persistent. */
void kal_linger_add(h2o_req_t *http, h2o_ostream_t **slot);

#endif
