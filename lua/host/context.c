/* Contexts of instances: tables that live from the load of a burst to its end. */
#include "lua/host/state.h"

#include <lauxlib.h>

typedef struct context_job {
    kal_lua_ref ref;
    const json_t *members, *accumulated;
    const char *key;
    const json_t *value;
    kal_buf *out;
} context_job;

static json_t *parse_object(kal_str text)
{
    char error[160];
    if (text.n == 0)
        return json_object();
    json_t *object = kal_json_parse(text, error);
    if (object != NULL && !json_is_object(object)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static void create(kal_lua *lua, void *job)
{
    context_job *context = job;
    kal_value_push(lua->L, lua->values, context->members);
    kal_value_push(lua->L, lua->values, context->accumulated);
    lua_setfield(lua->L, -2, "accumulated");
    context->ref = kal_state_ref(lua);
}

kal_err kal_lua_context_new(kal_lua *lua, kal_str context, kal_str accumulated, kal_lua_ref *out)
{
    context_job job = {.members = parse_object(context), .accumulated = parse_object(accumulated)};
    kal_err err = KAL_ERR_MALFORMED_JSON;
    *out = KAL_LUA_NONE;
    if (job.members != NULL && job.accumulated != NULL)
        err = kal_state_enter(lua, create, &job) ? KAL_OK : KAL_ERR_INTERNAL;
    if (err == KAL_OK)
        *out = job.ref;
    json_decref((json_t *)job.members);
    json_decref((json_t *)job.accumulated);
    return err;
}

static void set(kal_lua *lua, void *job)
{
    const context_job *context = job;
    kal_state_push(lua, context->ref);
    lua_pushstring(lua->L, context->key);
    kal_value_push(lua->L, lua->values, context->value);
    lua_rawset(lua->L, -3);
}

void kal_lua_context_set(kal_lua *lua, kal_lua_ref context, const char *key, const json_t *value)
{
    context_job job = {.ref = context, .key = key, .value = value};
    kal_state_must(lua, set, &job);
}

static void write_accumulated(kal_lua *lua, void *job)
{
    const context_job *context = job;
    kal_state_push(lua, context->ref);
    lua_getfield(lua->L, -1, "accumulated");
    if (!lua_istable(lua->L, -1))
        luaL_error(lua->L, "accumulated is no table");
    if (!kal_value_write(lua->L, lua->values, -1, 0))
        luaL_error(lua->L, "%s", lua->values->error);
    kal_buf_add(context->out, lua->values->out.data, lua->values->out.len);
}

kal_err kal_lua_context_accumulated(kal_lua *lua, kal_lua_ref context, kal_buf *out)
{
    context_job job = {.ref = context, .out = out};
    return kal_state_enter(lua, write_accumulated, &job) ? KAL_OK : KAL_ERR_INTERNAL;
}
