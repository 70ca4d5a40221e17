/* What is asked about tenants' code before a cell runs it: nothing of it runs here. */
#include "lua/host/state.h"

#include <lauxlib.h>

typedef struct code_job {
    kal_str source;
    const json_t *said;
    json_t *plugin;
} code_job;

static void allow(kal_lua *lua, void *job)
{
    (void)job;
    lua_getglobal(lua->L, "require");
    lua_pushliteral(lua->L, "kal.native");
    lua_call(lua->L, 1, 1);
    lua_pushboolean(lua->L, 1);
    lua_setfield(lua->L, -2, "code_allowed");
}

void kal_lua_allow_code(kal_lua *lua)
{
    kal_state_must(lua, allow, NULL);
}

static void find_problem(kal_lua *lua, void *job)
{
    const code_job *code = job;
    lua_State *L = lua->L;
    kal_state_function(lua, "kal.code", "problem");
    lua_pushlstring(L, code->source.p, code->source.n);
    lua_call(L, 1, 1);
    if (!lua_isnil(L, -1))
        lua_error(L);
}

bool kal_lua_code_ok(kal_lua *lua, kal_str source, kal_buf *problem)
{
    bool ok = kal_state_enter(lua, find_problem, &(code_job){.source = source});
    if (!ok)
        kal_buf_add(problem, lua->reason.data, lua->reason.len);
    return ok;
}

static void make_plugin(kal_lua *lua, void *job)
{
    code_job *code = job;
    lua_State *L = lua->L;
    kal_state_function(lua, "kal.registry", "own_plugin");
    kal_value_push(L, lua->values, code->said);
    lua_pushlstring(L, code->source.p, code->source.n);
    lua_call(L, 2, 2);
    if (lua_isnil(L, -2))
        lua_error(L);
    code->plugin = kal_value_to_json(L, lua->values, -2);
    if (code->plugin == NULL)
        luaL_error(L, "%s", lua->values->error);
}

json_t *kal_lua_own_plugin(kal_lua *lua, const json_t *said, kal_str source, kal_buf *error)
{
    code_job code = {.source = source, .said = said};
    if (!kal_state_enter(lua, make_plugin, &code))
        kal_buf_add(error, lua->reason.data, lua->reason.len);
    return code.plugin;
}

static void forget(kal_lua *lua, void *job)
{
    lua_State *L = lua->L;
    kal_state_function(lua, "kal.registry", "forget_own");
    kal_value_push(L, lua->values, job);
    lua_call(L, 1, 0);
}

void kal_lua_forget_own(kal_lua *lua, const json_t *own)
{
    if (json_object_size(own))
        kal_state_must(lua, forget, (void *)own);
}
