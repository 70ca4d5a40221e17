/* The Lua files of a home: where `require` finds kal.*, and the node types and plugins.
 * Thread: the state's owner. Blocks: reads files. */
#ifndef KAL_LUA_HOST_FILES_H
#define KAL_LUA_HOST_FILES_H

#include "lua/host/state.h"

/* Makes `require` look for Lua modules in home/lua alone. May raise. */
void kal_files_install(kal_lua *lua);
/* Loads nodes/ and plugins/ into kal.registry; false with a sentence in lua->reason. */
bool kal_files_load(kal_lua *lua);
/* The file tests the one beside it: no plugin itself. */
bool kal_files_is_spec(const char *path);
/* Loads the plugin that a spec lies beside (a path from the home, or absolute), in the place of
 * what is there under its names; false with a sentence in lua->reason. */
bool kal_files_load_beside(kal_lua *lua, const char *spec);
/* Pushes a file's chunk; raises when it cannot be read or compiled. */
void kal_files_push(kal_lua *lua, const char *path);

#endif
