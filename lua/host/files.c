#include "lua/host/files.h"

#include "lua/host/digest.h"

#include <dirent.h>
#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEEPEST 8 /* folders below nodes/ */
#define SPEC "_spec.lua"

typedef struct file {
    char *path;      /* relative to the home, or absolute */
    char *name;      /* of a provider or an interceptor; NULL for a node type */
    const char *add; /* the registry's function that takes it */
    const char *origin;
    bool replaces; /* what is there under its name already */
} file;

typedef struct file_list {
    file *items;
    size_t len, cap;
} file_list;

/* -- the file system -------------------------------------------------------------------------- */

static bool fail(kal_lua *lua, const char *path, const char *why)
{
    kal_buf_clear(&lua->reason);
    kal_buf_printf(&lua->reason, "%s: %s", path, why);
    return false;
}

static char *join(const char *folder, const char *name)
{
    kal_buf path = {0};
    kal_buf_printf(&path, "%s/%s", folder, name);
    char *copy = kal_strndup(path.data, path.len);
    kal_buf_deinit(&path);
    return copy;
}

static char *full_path(const kal_lua *lua, const char *path)
{
    return path[0] == '/' ? kal_strdup(path) : join(lua->home, path);
}

/* Reads home/path into lua->file; false leaves errno. */
static bool read_file(kal_lua *lua, const char *path)
{
    char *full = full_path(lua, path);
    FILE *stream = fopen(full, "re");
    kal_free(full);
    if (stream == NULL)
        return false;
    kal_buf_clear(&lua->file);
    char piece[8192];
    for (size_t got; (got = fread(piece, 1, sizeof piece, stream)) > 0;)
        kal_buf_add(&lua->file, piece, got);
    bool ok = !ferror(stream);
    int why = errno;
    fclose(stream);
    errno = why;
    return ok;
}

typedef enum path_kind { PATH_NONE, PATH_FILE, PATH_FOLDER } path_kind;

static path_kind kind_of(kal_lua *lua, const char *path)
{
    struct stat found;
    char *full = full_path(lua, path);
    int status = stat(full, &found);
    kal_free(full);
    if (status != 0)
        return PATH_NONE;
    return S_ISDIR(found.st_mode) ? PATH_FOLDER : S_ISREG(found.st_mode) ? PATH_FILE : PATH_NONE;
}

static bool is_lua(const char *name)
{
    size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".lua") == 0;
}

bool kal_files_is_spec(const char *path)
{
    size_t n = strlen(path);
    return n > strlen(SPEC) && strcmp(path + n - strlen(SPEC), SPEC) == 0;
}

static void list_add(file_list *list, file found)
{
    if (list->len == list->cap) {
        list->cap = list->cap == 0 ? 32 : list->cap * 2;
        list->items = kal_realloc(list->items, list->cap * sizeof *list->items);
    }
    list->items[list->len++] = found;
}

static void list_deinit(file_list *list)
{
    for (size_t i = 0; i < list->len; i++) {
        kal_free(list->items[i].path);
        kal_free(list->items[i].name);
    }
    kal_free(list->items);
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const file *)a)->path, ((const file *)b)->path);
}

typedef bool (*on_entry)(kal_lua *lua, file_list *list, const char *path, int depth);

/* Visits what a folder holds, hidden names apart. */
static bool visit(kal_lua *lua, file_list *list, const char *folder, int depth, on_entry each)
{
    if (depth > DEEPEST)
        return fail(lua, folder, "folders are nested too deep");
    char *full = join(lua->home, folder);
    DIR *stream = opendir(full);
    bool ok = stream != NULL || fail(lua, full, strerror(errno));
    kal_free(full);
    for (struct dirent *entry; ok && (entry = readdir(stream)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        char *path = join(folder, entry->d_name);
        ok = each(lua, list, path, depth + 1);
        kal_free(path);
    }
    if (stream != NULL)
        closedir(stream);
    return ok;
}

static bool find_nodes(kal_lua *lua, file_list *list, const char *path, int depth)
{
    path_kind kind = kind_of(lua, path);
    if (kind == PATH_FOLDER)
        return visit(lua, list, path, depth, find_nodes);
    if (kind == PATH_FILE && is_lua(path))
        list_add(list, (file){.path = kal_strdup(path), .add = "add", .origin = "builtin"});
    return true;
}

/* A plugin's folder may hold one file of each kind. */
static void find_in_plugin(kal_lua *lua, file_list *list, const char *folder)
{
    static const char *const KINDS[][2] = {
        {"node.lua", "add"},
        {"provider.lua", "add_provider"},
        {"interceptor.lua", "add_interceptor"},
    };
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
        file found = {.path = join(folder, KINDS[i][0]), .add = KINDS[i][1], .origin = "plugin"};
        if (kind_of(lua, found.path) != PATH_FILE) {
            kal_free(found.path);
            continue;
        }
        if (i > 0)
            found.name = kal_strdup(strrchr(folder, '/') + 1);
        list_add(list, found);
    }
}

static bool find_plugins(kal_lua *lua, file_list *list, const char *path, int depth)
{
    (void)depth;
    path_kind kind = kind_of(lua, path);
    if (kind == PATH_FOLDER)
        find_in_plugin(lua, list, path);
    else if (kind == PATH_FILE && is_lua(path) && !kal_files_is_spec(path))
        list_add(list, (file){.path = kal_strdup(path), .add = "add", .origin = "plugin"});
    return true;
}

/* -- Lua -------------------------------------------------------------------------------------- */

/* Compiles lua->file (text, never bytecode) under its relative path, which messages show. */
static int compile(lua_State *L, const kal_lua *lua, const char *path)
{
    lua_pushfstring(L, "@%s", path);
    const char *name = lua_tostring(L, -1);
    const char *text = lua->file.len > 0 ? lua->file.data : "";
    int status = luaL_loadbufferx(L, text, lua->file.len, name, "t");
    lua_remove(L, -2);
    return status;
}

/* A loader of `package.loaders`: the chunk of home/lua/NAME.lua, or why there is none. */
static int find_module(lua_State *L)
{
    kal_lua *lua = lua_touserdata(L, lua_upvalueindex(1));
    const char *file_name = luaL_gsub(L, luaL_checkstring(L, 1), ".", "/");
    const char *path = lua_pushfstring(L, "lua/%s.lua", file_name);
    if (!read_file(lua, path)) {
        lua_pushfstring(L, "\n\tno file '%s'", path);
        return 1;
    }
    return compile(L, lua, path) == 0 ? 1 : lua_error(L);
}

void kal_files_install(kal_lua *lua)
{
    lua_State *L = lua->L;
    lua_getglobal(L, "package");
    lua_pushfstring(L, "%s/lua/?.lua", lua->home);
    lua_setfield(L, -2, "path");
    lua_getfield(L, -1, "loaders");
    lua_pushlightuserdata(L, lua);
    lua_pushcclosure(L, find_module, 1);
    lua_rawseti(L, -2, 2); /* in the place of the loader that walks package.path */
}

static void push_info(lua_State *L, const file *from, const char *hash)
{
    lua_createtable(L, 0, 4);
    lua_pushboolean(L, from->replaces);
    lua_setfield(L, -2, "replaces");
    lua_pushstring(L, from->origin);
    lua_setfield(L, -2, "origin");
    lua_pushstring(L, from->path);
    lua_setfield(L, -2, "path");
    lua_pushstring(L, hash);
    lua_setfield(L, -2, "hash");
}

static void push_registry(lua_State *L, const char *function)
{
    lua_getglobal(L, "require");
    lua_pushliteral(L, "kal.registry");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, function);
}

/* Runs a file's chunk and registers what it returns. The file has been read. */
static void add_file(kal_lua *lua, void *job)
{
    const file *from = job;
    lua_State *L = lua->L;
    char hash[KAL_DIGEST_TEXT + 1];
    kal_digest_sha256((kal_str){lua->file.data, lua->file.len}, hash);
    push_registry(L, from->add);
    if (from->name != NULL)
        lua_pushstring(L, from->name);
    if (compile(L, lua, from->path) != 0)
        lua_error(L);
    lua_call(L, 0, 1);
    push_info(L, from, hash);
    lua_call(L, from->name != NULL ? 3 : 2, 2);
    if (lua_toboolean(L, -2))
        return;
    const char *why = lua_tostring(L, -1);
    luaL_error(L, "%s", why != NULL ? why : "the registry refused it");
}

/* A message names its file: most do by themselves. */
static bool load_file(kal_lua *lua, file *from)
{
    if (!read_file(lua, from->path))
        return fail(lua, from->path, strerror(errno));
    if (kal_state_enter(lua, add_file, from))
        return true;
    if (strstr(lua->reason.data, from->path) != NULL)
        return false;
    char *why = kal_strdup(lua->reason.data);
    fail(lua, from->path, why);
    kal_free(why);
    return false;
}

bool kal_files_load(kal_lua *lua)
{
    file_list list = {0};
    bool ok = visit(lua, &list, "nodes", 0, find_nodes);
    if (ok && kind_of(lua, "plugins") == PATH_FOLDER)
        ok = visit(lua, &list, "plugins", 0, find_plugins);
    if (list.len > 1)
        qsort(list.items, list.len, sizeof *list.items, compare_files);
    for (size_t i = 0; ok && i < list.len; i++)
        ok = load_file(lua, &list.items[i]);
    list_deinit(&list);
    return ok;
}

bool kal_files_load_beside(kal_lua *lua, const char *spec)
{
    file_list list = {0};
    const char *slash = strrchr(spec, '/');
    char *folder = slash != NULL ? kal_strndup(spec, (size_t)(slash - spec)) : kal_strdup(".");
    find_in_plugin(lua, &list, folder);
    if (list.len == 0) {
        kal_buf path = {0};
        kal_buf_printf(&path, "%.*s.lua", (int)(strlen(spec) - strlen(SPEC)), spec);
        if (kind_of(lua, path.data) == PATH_FILE)
            list_add(&list,
                     (file){.path = kal_strdup(path.data), .add = "add", .origin = "plugin"});
        kal_buf_deinit(&path);
    }
    bool ok = true;
    for (size_t i = 0; ok && i < list.len; i++) {
        list.items[i].replaces = true;
        ok = load_file(lua, &list.items[i]);
    }
    list_deinit(&list);
    kal_free(folder);
    return ok;
}

void kal_files_push(kal_lua *lua, const char *path)
{
    if (!read_file(lua, path))
        luaL_error(lua->L, "%s: %s", path, strerror(errno));
    if (compile(lua->L, lua, path) != 0)
        lua_error(lua->L);
}
