/* The Lua module kal.native: what Lua code needs from C (JSON, hashes, zones, times).
 * Thread: the state's owner. Blocks: never. */
#ifndef KAL_LUA_HOST_NATIVE_H
#define KAL_LUA_HOST_NATIVE_H

#include <lua.h>

/* Pushes the module's table: a lua_CFunction for package.preload["kal.native"]. */
int kal_native_open(lua_State *L);

#endif
