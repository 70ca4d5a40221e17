/* Segments: their definitions checked, compiled and asked about customers. */
#include "base/log.h"
#include "lua/host/state.h"

#include <lauxlib.h>

typedef struct segment_job {
    const json_t *value; /* a definition, a customer, or definitions by id */
    kal_str tenant;
    kal_lua_ref segment;
    int64_t now_ms;
    json_t *problems;
    bool matches;
} segment_job;

static void check(kal_lua *lua, void *job)
{
    segment_job *ask = job;
    kal_state_push(lua, lua->segment_check);
    kal_value_push(lua->L, lua->values, ask->value);
    lua_call(lua->L, 1, 1);
    ask->problems = kal_value_to_json(lua->L, lua->values, -1);
    if (ask->problems == NULL)
        luaL_error(lua->L, "%s", lua->values->error);
}

json_t *kal_lua_segment_check(kal_lua *lua, const json_t *definition, kal_buf *error)
{
    segment_job job = {.value = definition};
    if (!kal_state_enter(lua, check, &job))
        kal_buf_add(error, lua->reason.data, lua->reason.len);
    return job.problems;
}

static void compile(kal_lua *lua, void *job)
{
    segment_job *ask = job;
    kal_state_push(lua, lua->segment_compile);
    kal_value_push(lua->L, lua->values, ask->value);
    lua_call(lua->L, 1, 1);
    ask->segment = kal_state_ref(lua);
}

kal_lua_ref kal_lua_segment_new(kal_lua *lua, const json_t *definition)
{
    segment_job job = {.value = definition, .segment = KAL_LUA_NONE};
    if (!kal_state_enter(lua, compile, &job))
        kal_log(KAL_LOG_ERROR, "segment_not_made", "error", lua->reason.data, NULL);
    return job.segment;
}

static void match(kal_lua *lua, void *job)
{
    segment_job *ask = job;
    kal_state_push(lua, ask->segment);
    kal_value_push(lua->L, lua->values, ask->value);
    lua_pushnumber(lua->L, (lua_Number)ask->now_ms);
    lua_call(lua->L, 2, 1);
    ask->matches = lua_toboolean(lua->L, -1);
}

bool kal_lua_segment_matches(kal_lua *lua, kal_lua_ref segment, const json_t *customer,
                             int64_t now_ms)
{
    segment_job job = {.value = customer, .segment = segment, .now_ms = now_ms};
    if (segment == KAL_LUA_NONE)
        return false;
    if (!kal_state_enter(lua, match, &job))
        kal_log(KAL_LOG_ERROR, "segment_failed", "error", lua->reason.data, NULL);
    return job.matches;
}

static void load(kal_lua *lua, void *job)
{
    const segment_job *ask = job;
    kal_state_push(lua, lua->segments_load);
    lua_pushlstring(lua->L, ask->tenant.p, ask->tenant.n);
    kal_value_push(lua->L, lua->values, ask->value);
    lua_call(lua->L, 2, 0);
}

void kal_lua_segments_load(kal_lua *lua, kal_str tenant, const json_t *definitions)
{
    segment_job job = {.value = definitions, .tenant = tenant};
    if (!kal_state_enter(lua, load, &job))
        kal_log(KAL_LOG_ERROR, "segments_not_loaded", "error", lua->reason.data, NULL);
}
