/* What a process gives up before it runs a tenant's code: descriptors, its uid, new privileges,
 * core dumps, and every system call but those that its pipe and its end need.
 * Invariant: after kal_jail_close nothing that the process can name leads out of it but one pipe.
 * Thread: a process of one thread. Blocks: never. */
#ifndef KAL_LUA_HOST_JAIL_H
#define KAL_LUA_HOST_JAIL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define KAL_JAIL_PIPE 3                   /* the number of the one descriptor that stays */
#define KAL_JAIL_ROOM ((size_t)160 << 20) /* heap beside the Lua state's: what values cross in */

/* First half: keeps `pipe` alone (as KAL_JAIL_PIPE), becomes nobody when started by root, and grows
 * the heap once by `memory` bytes beside KAL_JAIL_ROOM, since it cannot grow later. False when one
 * of it is refused: the process must end then. */
KAL_MUST_USE bool kal_jail_enter(int pipe, size_t memory);
/* Second half, when all is set up: the filter. Reading and writing the pipe, telling the time and
 * ending are left; asking for memory fails; anything else kills the process. A build with a
 * sanitizer forbids less, since the sanitizer asks for more. */
KAL_MUST_USE bool kal_jail_close(void);

#endif
