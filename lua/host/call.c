/* The questions the engine asks the Lua side: types, one node's description, truths, deliveries. */
#include "base/log.h"
#include "lua/host/state.h"

#include <lauxlib.h>

typedef struct question {
    kal_lua_ref function;
    kal_str name, hash;
    const json_t *value, *event;
    kal_lua_ref context;
    int64_t now_ms;
    json_t *answer;
    bool truth;
} question;

static void push_text(kal_lua *lua, kal_str text)
{
    if (text.p != NULL)
        lua_pushlstring(lua->L, text.p, text.n);
    else
        lua_pushnil(lua->L);
}

/* Takes the value on top as the answer. */
static void take_answer(kal_lua *lua, question *ask)
{
    ask->answer = kal_value_to_json(lua->L, lua->values, -1);
    if (ask->answer == NULL)
        luaL_error(lua->L, "%s", lua->values->error);
}

/* Takes `value` or `nil, err`: raises the error. */
static void expect_value(kal_lua *lua)
{
    lua_State *L = lua->L;
    if (!lua_isnil(L, -2)) {
        lua_pop(L, 1);
        return;
    }
    const char *error = lua_tostring(L, -1);
    luaL_error(L, "%s", error != NULL ? error : "it gave nothing");
}

static void ask_types(kal_lua *lua, void *job)
{
    kal_state_push(lua, lua->types);
    lua_call(lua->L, 0, 1);
    take_answer(lua, job);
}

json_t *kal_lua_types(kal_lua *lua)
{
    question ask = {0};
    if (!kal_state_enter(lua, ask_types, &ask))
        kal_log(KAL_LOG_ERROR, "node_types_failed", "error", lua->reason.data, NULL);
    return ask.answer;
}

static void ask_describe(kal_lua *lua, void *job)
{
    question *ask = job;
    kal_state_push(lua, lua->describe);
    push_text(lua, ask->name);
    kal_value_push(lua->L, lua->values, ask->value);
    push_text(lua, ask->hash);
    lua_call(lua->L, 3, 1);
    if (!lua_isnil(lua->L, -1))
        take_answer(lua, ask);
}

/* A description that fails is a problem of the node, which keeps its flow from being published. */
static json_t *broken_description(const char *reason)
{
    return json_pack("{s:s, s:s, s:[s+]}", "category", "action", "version", "", "problems",
                     "/: ", reason);
}

json_t *kal_lua_describe(kal_lua *lua, kal_str type, kal_str hash, const json_t *config)
{
    question ask = {.name = type, .hash = hash, .value = config};
    if (!kal_state_enter(lua, ask_describe, &ask))
        return broken_description(lua->reason.data);
    return ask.answer;
}

static void ask_truth(kal_lua *lua, void *job)
{
    question *ask = job;
    lua_State *L = lua->L;
    kal_state_push(lua, lua->truth);
    push_text(lua, ask->name);
    kal_state_push(lua, ask->context);
    kal_value_push(L, lua->values, ask->event);
    lua_pushnumber(L, (lua_Number)ask->now_ms);
    lua_call(L, 4, 2);
    expect_value(lua);
    ask->truth = lua_toboolean(L, -1);
}

static void tell(const kal_lua *lua, kal_buf *error)
{
    kal_buf_add(error, lua->reason.data, lua->reason.len);
}

kal_err kal_lua_truth(kal_lua *lua, kal_str expression, kal_lua_ref context, const json_t *event,
                      int64_t now_ms, bool *out, kal_buf *error)
{
    question ask = {.name = expression, .context = context, .event = event, .now_ms = now_ms};
    bool ok = kal_state_enter(lua, ask_truth, &ask);
    *out = ok && ask.truth;
    if (ok)
        return KAL_OK;
    tell(lua, error);
    return KAL_ERR_VALIDATION_FAILED;
}

static void ask_check(kal_lua *lua, void *job)
{
    const question *ask = job;
    kal_state_push(lua, lua->check);
    push_text(lua, ask->name);
    lua_call(lua->L, 1, 2);
    expect_value(lua);
}

bool kal_lua_expression_ok(kal_lua *lua, kal_str expression, kal_buf *error)
{
    question ask = {.name = expression};
    bool ok = kal_state_enter(lua, ask_check, &ask);
    if (!ok)
        tell(lua, error);
    return ok;
}

static void ask_send(kal_lua *lua, void *job)
{
    question *ask = job;
    lua_State *L = lua->L;
    kal_state_push(lua, lua->provider);
    push_text(lua, ask->name);
    lua_call(L, 1, 1);
    if (!lua_istable(L, -1))
        luaL_error(L, "there is no such provider");
    lua_getfield(L, -1, "send");
    kal_value_push(L, lua->values, ask->value);
    lua_call(L, 1, 2);
    expect_value(lua);
    if (!lua_istable(L, -1))
        luaL_error(L, "the provider gave a %s for a table", luaL_typename(L, -1));
    take_answer(lua, ask);
}

json_t *kal_lua_provider_send(kal_lua *lua, kal_str provider, const json_t *delivery,
                              kal_buf *error)
{
    question ask = {.name = provider, .value = delivery};
    if (!kal_state_enter(lua, ask_send, &ask))
        tell(lua, error);
    return ask.answer;
}
