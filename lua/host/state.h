/* The inside of a kal_lua, shared by the files of this folder.
 * Invariant: Lua is entered from C through kal_state_enter alone.
 * Thread: the state's owner. */
#ifndef KAL_LUA_HOST_STATE_H
#define KAL_LUA_HOST_STATE_H

#include "lua/host/host.h"
#include "lua/host/value.h"

#include <lua.h>

/* Work done inside a protected call; what it raises becomes lua->reason. */
typedef void (*kal_state_work)(kal_lua *lua, void *job);

struct kal_lua {
    lua_State *L;
    char *home;
    kal_values *values;
    /* the Lua side's functions */
    kal_lua_ref types, describe, node, provider, adopt, keep, kept, run, truth, check;
    kal_lua_ref segment_check, segment_compile, segments_load;
    kal_state_work work; /* of the protected call that begins */
    void *job;
    json_t *event;  /* that Lua has seen last, and keeps */
    kal_buf reason; /* of the last protected call that failed */
    kal_buf file;   /* the Lua file being read */
    kal_plugins *plugins;
    struct kal_plugin_set *adopted; /* of the plugins; NULL: none yet */
    uint64_t adoptions;
};

/* Runs the work protected; false when it raised. */
bool kal_state_enter(kal_lua *lua, kal_state_work work, void *job);
/* Runs work that can raise only when memory is out; aborts then, as kal_alloc does. */
void kal_state_must(kal_lua *lua, kal_state_work work, void *job);
/* Takes the value on top of the stack away and keeps it alive. May raise. */
kal_lua_ref kal_state_ref(kal_lua *lua);
void kal_state_push(kal_lua *lua, kal_lua_ref ref);
/* Pushes a function of a module of kal.*, which is required when it has not been. May raise. */
void kal_state_function(kal_lua *lua, const char *module, const char *name);

#endif
