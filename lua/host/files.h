/* The Lua files of a home: where `require` finds kal.*, and the built-in node types.
 * Thread: the state's owner. Blocks: reads files. */
#ifndef KAL_LUA_HOST_FILES_H
#define KAL_LUA_HOST_FILES_H

#include "lua/host/state.h"

/* Makes `require` look for Lua modules in home/lua alone. May raise. */
void kal_files_install(kal_lua *lua);
/* Loads nodes/ into kal.registry; false with a sentence in lua->reason. */
bool kal_files_load(kal_lua *lua);
/* Pushes the chunk of a file (a path from the home, or absolute); raises when it cannot be read or
 * compiled. */
void kal_files_push(kal_lua *lua, const char *path);

#endif
