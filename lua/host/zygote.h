/* The process that makes cells' workers. It is this program run anew, with an empty environment and
 * no descriptor but its channels, so that no secret of the engine's is in its memory or a worker's.
 * Its children are its own to reap; when the engine is gone, so are they and it.
 * Invariant: requests on a channel are answered in their order.
 * Thread: started by the main thread before others; a channel belongs to one thread.
 * Blocks: kal_zygote_start and _stop, briefly. */
#ifndef KAL_LUA_HOST_ZYGOTE_H
#define KAL_LUA_HOST_ZYGOTE_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct kal_zygote kal_zygote;

/* A worker as its cell gets it: both descriptors are the taker's to close. */
typedef struct kal_spawned {
    int pid, pidfd;
    int pipe; /* not blocking */
} kal_spawned;

/* NULL with one line in error. `home` is where lua/kal/sandbox.lua lies. */
kal_zygote *kal_zygote_start(const char *home, int channels, kal_buf *error);
/* Ends it and every worker that is left; NULL is fine. */
void kal_zygote_stop(kal_zygote *zygote);
/* A channel's descriptor, not blocking, for polling; it stays the zygote's. */
int kal_zygote_channel(const kal_zygote *zygote, int index);

/* Asks for a worker whose Lua state may hold so many bytes. False when the channel is closed. */
KAL_MUST_USE bool kal_zygote_ask(int channel, size_t memory);
/* Takes an answer: 1, and *out; 0: none is there yet; -1: that worker could not be made;
 * -2: the zygote is gone. */
int kal_zygote_take(int channel, kal_spawned *out);

/* Whether this run of the program is to be a zygote, and its main function then. */
bool kal_zygote_is_one(int argc, char *const *argv);
int kal_zygote_main(int argc, char *const *argv);

#endif
