/* The listening socket, on the first thread's loop: counts connections, refuses those over the
 * caps, hands descriptors to the threads in turn.
 * Invariant: an accepted connection is counted until kal_acceptor_closed.
 * Thread: made by main; polls on one loop; kal_acceptor_closed from any. Blocks: never. */
#ifndef KAL_API_ACCEPTOR_H
#define KAL_API_ACCEPTOR_H

#include "base/buf.h"
#include "base/config.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

typedef struct kal_acceptor kal_acceptor;

/* Binds and listens; NULL with one clear line in error. */
kal_acceptor *kal_acceptor_new(const kal_config *config, const char *host, int port,
                               kal_buf *error);
/* Frees; the loop must have closed its handles. */
void kal_acceptor_free(kal_acceptor *acceptor);
/* Begins to accept: hand(data, fd, address) takes the descriptor over; address names the counter.
 */
void kal_acceptor_start(kal_acceptor *acceptor, uv_loop_t *loop,
                        void (*hand)(void *data, int fd, uint64_t address), void *data);
/* Closes the listening socket; on the loop's thread, once or more. */
void kal_acceptor_stop(kal_acceptor *acceptor);
/* A connection has ended. */
void kal_acceptor_closed(kal_acceptor *acceptor, uint64_t address);
/* Connections open now. */
int64_t kal_acceptor_count(kal_acceptor *acceptor);

#endif
