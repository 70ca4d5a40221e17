/* Plugins that are in force together.
 * Invariant: immutable once it is made; holds a reference to each.
 * Thread: any; counted by atomics. Blocks: never. */
#ifndef KAL_LUA_HOST_PLUGIN_SET_H
#define KAL_LUA_HOST_PLUGIN_SET_H

#include "lua/host/host.h"
#include "lua/host/plugin.h"
#include "lua/host/plugins.h"

typedef struct kal_plugin_set {
    atomic_uint refs;
    size_t n;
    kal_plugin *items[];
} kal_plugin_set;

/* Refers to n plugins anew. */
kal_plugin_set *kal_plugin_set_new(kal_plugin *const *items, size_t n);
void kal_plugin_set_unref(kal_plugin_set *set);
/* The set in force; the caller unrefs. */
kal_plugin_set *kal_plugins_set(kal_plugins *plugins);
/* Puts a plugin in force in the place of what has its names; false with a sentence in
 * lua->reason. */
bool kal_lua_replace(kal_lua *lua, kal_plugin *plugin);
/* From here on what runs in the state, which serves nobody, is stopped when it does not end. */
void kal_lua_bound(kal_lua *lua);
/* Loads a set into a state that is there for nothing else: code that does not end is stopped. False
 * with what is wrong in error, and which plugin it is. */
bool kal_lua_try(kal_lua *lua, const kal_plugin_set *set, size_t *bad, kal_buf *error);

#endif
