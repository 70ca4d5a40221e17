/* Nodes made ready, and run. */
#include "base/log.h"
#include "lua/host/reason.h"
#include "lua/host/state.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

#define LATEST_MS 253402300799999.0 /* the end of the year 9999 */

/* Kept in the Lua registry: the event of lua->event, the result that the last run may replace. */
#define EVENT_KEY "kal.event"
#define OLDER_KEY "kal.older"

struct kal_lua_node {
    kal_lua_ref ref;
    char *id;
};

typedef struct node_job {
    kal_str id, type, hash;
    const json_t *config;
    kal_lua_ref ref;
} node_job;

static void create(kal_lua *lua, void *job)
{
    node_job *node = job;
    lua_State *L = lua->L;
    kal_state_push(lua, lua->node);
    lua_pushlstring(L, node->type.p, node->type.n);
    lua_pushlstring(L, node->id.p, node->id.n);
    kal_value_push(L, lua->values, node->config);
    if (node->hash.p != NULL)
        lua_pushlstring(L, node->hash.p, node->hash.n);
    else
        lua_pushnil(L);
    lua_call(L, 4, 1);
    if (lua_isnil(L, -1))
        luaL_error(L, "the type is unknown");
    node->ref = kal_state_ref(lua);
}

kal_lua_node *kal_lua_node_new(kal_lua *lua, kal_str id, kal_str type, kal_str hash,
                               const json_t *config)
{
    node_job job = {.id = id, .type = type, .hash = hash, .config = config};
    if (!kal_state_enter(lua, create, &job)) {
        kal_log(KAL_LOG_ERROR, "node_not_made", "error", lua->reason.data, NULL);
        return NULL;
    }
    kal_lua_node *node = kal_alloc(sizeof *node);
    *node = (kal_lua_node){.ref = job.ref, .id = kal_strndup(id.p, id.n)};
    return node;
}

void kal_lua_node_free(kal_lua *lua, kal_lua_node *node)
{
    if (node == NULL)
        return;
    kal_lua_unref(lua, node->ref);
    kal_free(node->id);
    kal_free(node);
}

/* -- outcomes: kind, result, branch, reason, until_ms, absolute, state, effects at 1 to 8 -------
 */

enum { KIND = 1, RESULT, BRANCH, REASON, UNTIL_MS, ABSOLUTE, STATE, EFFECTS, VALUES = EFFECTS };

typedef struct run_job {
    const kal_lua_call *call;
    kal_arena *arena;
    kal_outcome *out;
    bool ran; /* the node gave its outcome: its result may be in the context */
} run_job;

static kal_str keep(kal_arena *arena, kal_str text)
{
    return (kal_str){kal_arena_strndup(arena, text.p, text.n), text.n};
}

static kal_str keep_buf(kal_arena *arena, const kal_buf *text)
{
    return keep(arena, (kal_str){text->data, text->len});
}

static kal_outcome_kind kind_at(lua_State *L)
{
    static const char *const KINDS[] = {
        [KAL_OUTCOME_COMPLETE] = "complete",
        [KAL_OUTCOME_WAIT] = "wait",
        [KAL_OUTCOME_EXIT] = "exit",
        [KAL_OUTCOME_FAIL] = "fail",
    };
    const char *kind = lua_type(L, KIND) == LUA_TSTRING ? lua_tostring(L, KIND) : "";
    for (int i = 0; i < (int)(sizeof KINDS / sizeof *KINDS); i++)
        if (strcmp(kind, KINDS[i]) == 0)
            return (kal_outcome_kind)i;
    return (kal_outcome_kind)luaL_error(L, "the node gave an unknown kind of outcome");
}

/* A text that an outcome may have: p NULL when it has none. */
static kal_str text_at(lua_State *L, int index, const char *name)
{
    kal_str text = {0};
    if (lua_isnil(L, index))
        return text;
    if (lua_type(L, index) != LUA_TSTRING)
        luaL_error(L, "the outcome's %s is a %s", name, luaL_typename(L, index));
    text.p = lua_tolstring(L, index, &text.n);
    if (!kal_str_utf8(text))
        luaL_error(L, "the outcome's %s is not valid UTF-8", name);
    return text;
}

static int64_t until_at(lua_State *L)
{
    if (lua_isnil(L, UNTIL_MS))
        return -1;
    lua_Number until = lua_type(L, UNTIL_MS) == LUA_TNUMBER ? lua_tonumber(L, UNTIL_MS) : -1;
    if (!(until >= 0 && until <= LATEST_MS))
        luaL_error(L, "the outcome's until_ms is no time");
    return (int64_t)until;
}

static json_t *json_at(kal_lua *lua, int index, const char *name)
{
    if (lua_isnil(lua->L, index))
        return NULL;
    json_t *value = kal_value_to_json(lua->L, lua->values, index);
    if (value == NULL)
        luaL_error(lua->L, "the outcome's %s cannot be kept: %s", name, lua->values->error);
    return value;
}

static json_t *effects_at(kal_lua *lua)
{
    json_t *effects = json_at(lua, EFFECTS, "effects");
    bool ok = effects == NULL || json_is_array(effects);
    for (size_t i = 0; ok && i < json_array_size(effects); i++)
        ok = kal_json_get_str(json_array_get(effects, i), "kind").p != NULL;
    if (ok)
        return effects;
    json_decref(effects);
    luaL_error(lua->L, "the outcome's effects are no list of tables with a kind");
    return NULL;
}

/* One level is left for `accumulated`, which the result goes into. */
static kal_str result_at(kal_lua *lua, kal_arena *arena)
{
    if (lua_isnil(lua->L, RESULT))
        return (kal_str){0};
    if (!kal_value_write(lua->L, lua->values, RESULT, 1))
        luaL_error(lua->L, "the outcome's result cannot be kept: %s", lua->values->error);
    return keep_buf(arena, &lua->values->out);
}

static kal_str reason_at(kal_lua *lua, kal_arena *arena)
{
    kal_str text = text_at(lua->L, REASON, "reason");
    if (text.p == NULL)
        return text;
    kal_reason_clean(&lua->reason, text, lua->home);
    return keep_buf(arena, &lua->reason);
}

static void take_outcome(kal_lua *lua, run_job *run)
{
    lua_State *L = lua->L;
    kal_outcome *out = run->out;
    out->kind = kind_at(L);
    out->result = result_at(lua, run->arena);
    out->reason = reason_at(lua, run->arena);
    kal_str branch = text_at(L, BRANCH, "branch");
    if (branch.p != NULL)
        out->branch = keep(run->arena, branch);
    out->until_ms = until_at(L);
    out->absolute = lua_toboolean(L, ABSOLUTE);
    out->state = json_at(lua, STATE, "state");
    out->effects = effects_at(lua);
}

/* A burst shows one event to many nodes. */
static void push_event(kal_lua *lua, const json_t *event)
{
    if (event != lua->event) {
        kal_value_push(lua->L, lua->values, event);
        lua_setfield(lua->L, LUA_REGISTRYINDEX, EVENT_KEY);
        json_decref(lua->event);
        lua->event = json_incref((json_t *)event);
    }
    lua_getfield(lua->L, LUA_REGISTRYINDEX, EVENT_KEY);
}

/* Pushes `accumulated`; false when the call has none. */
static bool push_results(kal_lua *lua, const kal_lua_call *call)
{
    kal_state_push(lua, call->context);
    if (!lua_istable(lua->L, -1))
        return false;
    lua_getfield(lua->L, -1, "accumulated");
    return lua_istable(lua->L, -1);
}

static void note_older(kal_lua *lua, const kal_lua_call *call)
{
    int top = lua_gettop(lua->L);
    if (push_results(lua, call))
        lua_getfield(lua->L, -1, call->node->id);
    else
        lua_pushnil(lua->L);
    lua_setfield(lua->L, LUA_REGISTRYINDEX, OLDER_KEY);
    lua_settop(lua->L, top);
}

static void run_node(kal_lua *lua, void *job)
{
    run_job *run = job;
    const kal_lua_call *call = run->call;
    lua_State *L = lua->L;
    if (call->node == NULL) {
        luaL_error(L, "the node's type is not installed");
        return; /* not reached */
    }
    note_older(lua, call);
    kal_state_push(lua, lua->run);
    kal_state_push(lua, call->node->ref);
    kal_state_push(lua, call->context);
    lua_pushnumber(L, (lua_Number)call->now_ms);
    lua_pushstring(L, call->trigger); /* NULL is nil */
    push_event(lua, call->event);
    kal_value_push(L, lua->values, call->state);
    kal_value_push(L, lua->values, call->known);
    run->ran = true;
    lua_call(L, 7, VALUES);
    take_outcome(lua, run);
}

/* What cannot be kept must not stay in the context either. */
static void forget(kal_lua *lua, void *job)
{
    const kal_lua_call *call = job;
    if (!push_results(lua, call))
        return;
    lua_getfield(lua->L, LUA_REGISTRYINDEX, OLDER_KEY);
    lua_setfield(lua->L, -2, call->node->id);
}

void kal_lua_forget(kal_lua *lua, const kal_lua_call *call)
{
    kal_state_must(lua, forget, (void *)call);
}

void kal_lua_run(kal_lua *lua, const kal_lua_call *call, kal_arena *arena, kal_outcome *out)
{
    run_job job = {.call = call, .arena = arena, .out = out};
    *out = (kal_outcome){.until_ms = -1};
    if (kal_state_enter(lua, run_node, &job))
        return;
    json_decref(out->state);
    json_decref(out->effects);
    *out = (kal_outcome){
        .kind = KAL_OUTCOME_FAIL, .until_ms = -1, .reason = keep_buf(arena, &lua->reason)};
    if (job.ran)
        kal_lua_forget(lua, call);
}
