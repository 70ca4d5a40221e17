/* Plugins in a state: those in force, and the code that versions were published with. */
#include "base/log.h"
#include "lua/host/plugin_set.h"
#include "lua/host/reason.h"
#include "lua/host/state.h"

#include <lauxlib.h>
#include <luajit.h>
#include <string.h>

#define INSTRUCTIONS_MOST 50000000 /* about a second */

typedef struct adoption {
    const kal_plugin_set *set;
    size_t bad;
} adoption;

static void set_text(lua_State *L, const char *key, const char *text, size_t n)
{
    lua_pushlstring(L, text, n);
    lua_setfield(L, -2, key);
}

static void push_plugin(lua_State *L, const kal_plugin *plugin)
{
    lua_createtable(L, 0, 4);
    set_text(L, "name", plugin->name, strlen(plugin->name));
    set_text(L, "path", plugin->path, strlen(plugin->path));
    set_text(L, "hash", plugin->hash, KAL_DIGEST_TEXT);
    set_text(L, "artefact", plugin->artefact.data, plugin->artefact.len);
}

static void adopt(kal_lua *lua, void *job)
{
    adoption *a = job;
    lua_State *L = lua->L;
    kal_state_push(lua, lua->adopt);
    lua_createtable(L, (int)a->set->n, 0);
    for (size_t i = 0; i < a->set->n; i++) {
        push_plugin(L, a->set->items[i]);
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_call(L, 1, 3);
    if (lua_toboolean(L, -3))
        return;
    a->bad = (size_t)lua_tointeger(L, -1) - 1;
    const char *why = lua_tostring(L, -2);
    luaL_error(L, "%s", why != NULL ? why : "the registry refused it");
}

bool kal_lua_adopt(kal_lua *lua)
{
    if (lua->plugins == NULL)
        return false;
    kal_plugin_set *set = kal_plugins_set(lua->plugins), *before = lua->adopted;
    adoption a = {.set = set};
    bool changes = set != before && kal_state_enter(lua, adopt, &a);
    if (!changes && set != before)
        kal_log(KAL_LOG_ERROR, "plugins_not_adopted", "error", lua->reason.data, NULL);
    kal_plugin_set_unref(changes ? before : set);
    lua->adopted = changes ? set : before;
    lua->adoptions += changes;
    return changes;
}

static void replace(kal_lua *lua, void *job)
{
    lua_State *L = lua->L;
    kal_state_function(lua, "kal.registry", "replace");
    push_plugin(L, job);
    lua_call(L, 1, 2);
    if (!lua_toboolean(L, -2))
        lua_error(L);
}

bool kal_lua_replace(kal_lua *lua, kal_plugin *plugin)
{
    return kal_state_enter(lua, replace, plugin);
}

uint64_t kal_lua_adoptions(const kal_lua *lua)
{
    return lua->adoptions;
}

static void give_up(lua_State *L, lua_Debug *at)
{
    (void)at;
    luaL_error(L, "it does not end");
}

void kal_lua_bound(kal_lua *lua)
{
    luaJIT_setmode(lua->L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF); /* the hook sees all then */
    lua_sethook(lua->L, give_up, LUA_MASKCOUNT, INSTRUCTIONS_MOST);
}

bool kal_lua_try(kal_lua *lua, const kal_plugin_set *set, size_t *bad, kal_buf *error)
{
    adoption a = {.set = set};
    kal_lua_bound(lua);
    if (kal_state_enter(lua, adopt, &a))
        return true;
    *bad = a.bad;
    kal_buf_add(error, lua->reason.data, lua->reason.len);
    return false;
}

/* -- artefacts -------------------------------------------------------------------------------- */

json_t *kal_lua_artefacts(const kal_lua *lua, const json_t *pins)
{
    const kal_plugin_set *set = lua->adopted;
    json_t *artefacts = json_object(), *hash;
    const char *type;
    json_object_foreach((json_t *)pins, type, hash)
    {
        for (size_t i = 0; set != NULL && i < set->n; i++)
            if (strcmp(set->items[i]->hash, json_string_value(hash)) == 0)
                json_object_set_new(
                    artefacts, set->items[i]->hash,
                    json_stringn(set->items[i]->artefact.data, set->items[i]->artefact.len));
    }
    return artefacts;
}

typedef struct keeping {
    kal_str hash, artefact;
} keeping;

static void keep(kal_lua *lua, void *job)
{
    const keeping *k = job;
    lua_State *L = lua->L;
    kal_state_push(lua, lua->keep);
    lua_pushlstring(L, k->hash.p, k->hash.n);
    lua_pushlstring(L, k->artefact.p, k->artefact.n);
    lua_call(L, 2, 2);
    if (lua_toboolean(L, -2))
        return;
    const char *why = lua_tostring(L, -1);
    luaL_error(L, "%s", why != NULL ? why : "the registry refused it");
}

void kal_lua_keep(kal_lua *lua, kal_str hash, kal_str artefact)
{
    keeping k = {hash, artefact};
    if (!kal_state_enter(lua, keep, &k))
        kal_log(KAL_LOG_ERROR, "artefact_not_loaded", "error", lua->reason.data, NULL);
}

static void ask_kept(kal_lua *lua, void *job)
{
    json_t **kept = job;
    kal_state_push(lua, lua->kept);
    lua_call(lua->L, 0, 1);
    *kept = kal_value_to_json(lua->L, lua->values, -1);
}

json_t *kal_lua_kept(kal_lua *lua)
{
    json_t *kept = NULL;
    kal_state_must(lua, ask_kept, &kept);
    return kept;
}
