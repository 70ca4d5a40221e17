/* Specs of plugins, run in a state that serves nobody. */
#include "lua/host/files.h"
#include "lua/host/plugin_set.h"
#include "lua/host/state.h"

#include <lauxlib.h>
#include <string.h>

typedef struct spec_job {
    const char *path;
    json_t *answer;
} spec_job;

/* The name of the folder that the spec lies in. */
static void push_plugin(lua_State *L, const char *path)
{
    const char *end = strrchr(path, '/'), *begin = end;
    while (begin != NULL && begin > path && begin[-1] != '/')
        begin--;
    lua_pushlstring(L, begin != NULL ? begin : "", begin != NULL ? (size_t)(end - begin) : 0);
}

static void run_spec(kal_lua *lua, void *job)
{
    spec_job *spec = job;
    lua_State *L = lua->L;
    kal_state_function(lua, "kal.kit", "run");
    kal_files_push(lua, spec->path);
    push_plugin(L, spec->path);
    lua_call(L, 2, 1);
    spec->answer = kal_value_to_json(L, lua->values, -1);
    if (spec->answer == NULL)
        luaL_error(L, "%s", lua->values->error);
}

/* What lies in the home is named from there. */
static const char *from_home(const kal_lua *lua, const char *path)
{
    size_t n = strlen(lua->home);
    return strncmp(path, lua->home, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

/* A copy of the path up to its n-th slash from the end, which is cut off. */
static char *above(const char *path, int n)
{
    size_t len = strlen(path);
    while (n > 0 && len > 0)
        n -= path[--len] == '/';
    return kal_strndup(path, len);
}

/* Puts the plugin beside the spec in force: the folder that it lies in, else the file NAME.lua. */
static bool load_beside(kal_lua *lua, const char *spec, kal_buf *error)
{
    char *folder = above(spec, 1), *over = above(spec, 2);
    kal_buf name = {0};
    kal_buf_printf(&name, "%.*s.lua", (int)(strlen(spec) - strlen("_spec.lua")), spec);
    kal_plugin *plugin = kal_plugin_read(over, folder + strlen(over) + 1, error);
    if (plugin == NULL && !error->len)
        plugin = kal_plugin_read(folder, name.data + strlen(folder) + 1, error);
    bool ok = !error->len && (plugin == NULL || kal_lua_replace(lua, plugin));
    if (!ok && !error->len)
        kal_buf_add(error, lua->reason.data, lua->reason.len);
    kal_plugin_unref(plugin);
    kal_buf_deinit(&name);
    kal_free(folder);
    kal_free(over);
    return ok;
}

bool kal_lua_is_spec(const char *path)
{
    return kal_plugin_is_spec(path);
}

json_t *kal_lua_spec(kal_lua *lua, const char *path, kal_buf *error)
{
    spec_job spec = {.path = from_home(lua, path)};
    kal_lua_bound(lua);
    if (!load_beside(lua, path, error))
        return NULL;
    if (!kal_state_enter(lua, run_spec, &spec))
        kal_buf_add(error, lua->reason.data, lua->reason.len);
    return spec.answer;
}
