#include "lua/host/state.h"

#include "base/log.h"
#include "lua/host/files.h"
#include "lua/host/native.h"
#include "lua/host/plugin_set.h"
#include "lua/host/reason.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRY = 1 }; /* where the stack keeps the entry function, made once */

static int entry(lua_State *L)
{
    kal_lua *lua = lua_touserdata(L, lua_upvalueindex(1));
    lua->work(lua, lua->job);
    return 0;
}

/* Only the first line: further ones list paths that were searched. */
static void keep_reason(kal_lua *lua)
{
    kal_str text = {"an error that is no text", 24};
    if (lua_type(lua->L, -1) == LUA_TSTRING)
        text.p = lua_tolstring(lua->L, -1, &text.n);
    const char *line_end = memchr(text.p, '\n', text.n);
    if (line_end != NULL)
        text.n = (size_t)(line_end - text.p);
    kal_reason_clean(&lua->reason, text, lua->home);
}

bool kal_state_enter(kal_lua *lua, kal_state_work work, void *job)
{
    lua->work = work;
    lua->job = job;
    lua_pushvalue(lua->L, ENTRY);
    if (lua_pcall(lua->L, 0, 0, 0) == 0)
        return true;
    keep_reason(lua);
    lua_pop(lua->L, 1);
    return false;
}

void kal_state_must(kal_lua *lua, kal_state_work work, void *job)
{
    if (kal_state_enter(lua, work, job))
        return;
    kal_log(KAL_LOG_ERROR, "lua_out_of_memory", "error", lua->reason.data, NULL);
    abort();
}

/* luaL_ref counts from 1 for what is not nil, so 0 is free to mean none. */
kal_lua_ref kal_state_ref(kal_lua *lua)
{
    return luaL_ref(lua->L, LUA_REGISTRYINDEX);
}

void kal_state_push(kal_lua *lua, kal_lua_ref ref)
{
    lua_rawgeti(lua->L, LUA_REGISTRYINDEX, ref);
}

void kal_lua_unref(kal_lua *lua, kal_lua_ref ref)
{
    if (ref > KAL_LUA_NONE)
        luaL_unref(lua->L, LUA_REGISTRYINDEX, ref);
}

/* -- opening ---------------------------------------------------------------------------------- */

/* Trusted code: all libraries, the JIT on. The first unref makes the registry's list of free
 * references, so that later ones allocate nothing. */
static void open_libraries(kal_lua *lua, void *job)
{
    (void)job;
    lua_State *L = lua->L;
    luaL_openlibs(L);
    lua->values = kal_value_open(L);
    lua_pushboolean(L, 1);
    luaL_unref(L, LUA_REGISTRYINDEX, luaL_ref(L, LUA_REGISTRYINDEX));
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    lua_pushcfunction(L, kal_native_open);
    lua_setfield(L, -2, "kal.native");
    kal_files_install(lua);
}

static void require(lua_State *L, const char *name)
{
    lua_getglobal(L, "require");
    lua_pushstring(L, name);
    lua_call(L, 1, 1);
}

void kal_state_function(kal_lua *lua, const char *module, const char *name)
{
    require(lua->L, module);
    lua_getfield(lua->L, -1, name);
    lua_remove(lua->L, -2);
}

static kal_lua_ref function_of(kal_lua *lua, const char *module, const char *name)
{
    lua_getfield(lua->L, -1, name);
    if (!lua_isfunction(lua->L, -1))
        luaL_error(lua->L, "%s has no function %s", module, name);
    return kal_state_ref(lua);
}

static void open_kal(kal_lua *lua, void *job)
{
    (void)job;
    require(lua->L, "kal.registry");
    lua->types = function_of(lua, "kal.registry", "types");
    lua->describe = function_of(lua, "kal.registry", "describe");
    lua->node = function_of(lua, "kal.registry", "node");
    lua->provider = function_of(lua, "kal.registry", "provider");
    lua->adopt = function_of(lua, "kal.registry", "adopt");
    lua->keep = function_of(lua, "kal.registry", "keep");
    lua->kept = function_of(lua, "kal.registry", "kept");
    require(lua->L, "kal.runner");
    lua->run = function_of(lua, "kal.runner", "run");
    require(lua->L, "kal.expr");
    lua->truth = function_of(lua, "kal.expr", "truth");
    lua->check = function_of(lua, "kal.expr", "check");
    require(lua->L, "kal.segment");
    lua->segment_check = function_of(lua, "kal.segment", "check");
    lua->segment_compile = function_of(lua, "kal.segment", "compile");
    lua->segments_load = function_of(lua, "kal.segment", "load");
}

static int refuse_global(lua_State *L)
{
    return luaL_error(L, "modules write no globals, '%s' is new",
                      lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?");
}

static void lock_globals(kal_lua *lua, void *job)
{
    (void)job;
    lua_State *L = lua->L;
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, refuse_global);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
}

static bool load(kal_lua *lua)
{
    return kal_state_enter(lua, open_libraries, NULL) && kal_state_enter(lua, open_kal, NULL) &&
           kal_files_load(lua) && kal_state_enter(lua, lock_globals, NULL);
}

static char *home_of(const char *home)
{
    size_t n = strlen(home);
    while (n > 1 && home[n - 1] == '/')
        n--;
    return kal_strndup(home, n);
}

/* Before the first protected call there is memory or there is nothing to be done. */
static int pin_entry(lua_State *L)
{
    lua_pushlightuserdata(L, lua_touserdata(L, 1));
    lua_pushcclosure(L, entry, 1);
    return 1;
}

static bool open_state(kal_lua *lua)
{
    lua->L = luaL_newstate();
    if (lua->L == NULL)
        return false;
    lua_pushcfunction(lua->L, pin_entry);
    lua_pushlightuserdata(lua->L, lua);
    return lua_pcall(lua->L, 1, 1, 0) == 0;
}

kal_lua *kal_lua_new(const char *home, kal_plugins *plugins, kal_buf *error)
{
    kal_lua *lua = kal_calloc(1, sizeof *lua);
    lua->home = home_of(home);
    lua->plugins = plugins;
    if (!open_state(lua)) {
        kal_buf_puts(error, "there is no memory for a Lua state");
    } else if (!load(lua)) {
        kal_buf_add(error, lua->reason.data, lua->reason.len);
    } else {
        (void)kal_lua_adopt(lua);
        return lua;
    }
    kal_lua_free(lua);
    return NULL;
}

void kal_lua_free(kal_lua *lua)
{
    if (lua == NULL)
        return;
    if (lua->L != NULL)
        lua_close(lua->L);
    json_decref(lua->event);
    kal_plugin_set_unref(lua->adopted);
    kal_buf_deinit(&lua->reason);
    kal_buf_deinit(&lua->file);
    kal_free(lua->home);
    kal_free(lua);
}

size_t kal_lua_memory(const kal_lua *lua)
{
    return (size_t)lua_gc(lua->L, LUA_GCCOUNT, 0) * 1024 + (size_t)lua_gc(lua->L, LUA_GCCOUNTB, 0);
}
