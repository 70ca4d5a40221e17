/* Descriptors on their way from the acceptor's thread to another.
 * Invariant: a descriptor put before kal_inbox_close is delivered or closed.
 * Thread: put and wake from any, the rest on the loop's. Blocks: never. */
#ifndef KAL_API_INBOX_H
#define KAL_API_INBOX_H

#include <stdint.h>
#include <uv.h>

typedef struct kal_inbox kal_inbox;

/* deliver runs for each descriptor; woken after each wake, with nothing to deliver too. */
kal_inbox *kal_inbox_new(uv_loop_t *loop, void (*deliver)(void *data, int fd, uint64_t address),
                         void (*woken)(void *data), void *data);
void kal_inbox_put(kal_inbox *inbox, int fd, uint64_t address);
void kal_inbox_wake(kal_inbox *inbox);
/* Delivers no more. */
void kal_inbox_close(kal_inbox *inbox);
/* Frees; the loop must have closed its handle. */
void kal_inbox_free(kal_inbox *inbox);

#endif
