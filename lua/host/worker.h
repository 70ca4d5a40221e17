/* A cell's worker: a process that runs one tenant's code, call after call, and can do nothing else.
 * Thread: the process has one. Blocks: always, on its pipe. */
#ifndef KAL_LUA_HOST_WORKER_H
#define KAL_LUA_HOST_WORKER_H

#include "base/str.h"

#include <stddef.h>

/* Goes into the jail with the pipe and answers calls (lua/host/frame.h) until it closes. `sandbox`
 * is the text of lua/kal/sandbox.lua, `memory` the most that the Lua state may hold, in bytes. */
_Noreturn void kal_worker_main(int pipe, kal_str sandbox, size_t memory);

#endif
