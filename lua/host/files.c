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

/* Paths relative to the home. */
typedef struct file_list {
    char **items;
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

/* Reads a file (a path from the home, or absolute) into lua->file; false leaves errno. */
static bool read_file(kal_lua *lua, const char *path)
{
    char *full = path[0] == '/' ? kal_strdup(path) : join(lua->home, path);
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
    char *full = join(lua->home, path);
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

static void list_add(file_list *list, const char *path)
{
    if (list->len == list->cap) {
        list->cap = list->cap == 0 ? 32 : list->cap * 2;
        list->items = kal_realloc(list->items, list->cap * sizeof *list->items);
    }
    list->items[list->len++] = kal_strdup(path);
}

static void list_deinit(file_list *list)
{
    for (size_t i = 0; i < list->len; i++)
        kal_free(list->items[i]);
    kal_free(list->items);
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The node types below a folder, hidden names apart. */
static bool find_nodes(kal_lua *lua, file_list *list, const char *folder, int depth)
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
        path_kind kind = kind_of(lua, path);
        if (kind == PATH_FOLDER)
            ok = find_nodes(lua, list, path, depth + 1);
        else if (kind == PATH_FILE && is_lua(path))
            list_add(list, path);
        kal_free(path);
    }
    if (stream != NULL)
        closedir(stream);
    return ok;
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

static void push_info(lua_State *L, const char *path, const char *hash)
{
    lua_createtable(L, 0, 3);
    lua_pushliteral(L, "builtin");
    lua_setfield(L, -2, "origin");
    lua_pushstring(L, path);
    lua_setfield(L, -2, "path");
    lua_pushstring(L, hash);
    lua_setfield(L, -2, "hash");
}

/* Runs a file's chunk and registers what it returns. The file has been read. */
static void add_file(kal_lua *lua, void *job)
{
    const char *path = job;
    lua_State *L = lua->L;
    char hash[KAL_DIGEST_TEXT + 1];
    kal_digest_sha256((kal_str){lua->file.data, lua->file.len}, hash);
    kal_state_function(lua, "kal.registry", "add");
    if (compile(L, lua, path) != 0)
        lua_error(L);
    lua_call(L, 0, 1);
    push_info(L, path, hash);
    lua_call(L, 2, 2);
    if (lua_toboolean(L, -2))
        return;
    const char *why = lua_tostring(L, -1);
    luaL_error(L, "%s", why != NULL ? why : "the registry refused it");
}

/* A message names its file: most do by themselves. */
static bool load_file(kal_lua *lua, char *path)
{
    if (!read_file(lua, path))
        return fail(lua, path, strerror(errno));
    if (kal_state_enter(lua, add_file, path))
        return true;
    if (strstr(lua->reason.data, path) != NULL)
        return false;
    char *why = kal_strdup(lua->reason.data);
    fail(lua, path, why);
    kal_free(why);
    return false;
}

bool kal_files_load(kal_lua *lua)
{
    file_list list = {0};
    bool ok = find_nodes(lua, &list, "nodes", 0);
    if (list.len > 1)
        qsort(list.items, list.len, sizeof *list.items, compare_files);
    for (size_t i = 0; ok && i < list.len; i++)
        ok = load_file(lua, list.items[i]);
    list_deinit(&list);
    return ok;
}

void kal_files_push(kal_lua *lua, const char *path)
{
    if (!read_file(lua, path))
        luaL_error(lua->L, "%s: %s", path, strerror(errno));
    if (compile(lua->L, lua, path) != 0)
        lua_error(lua->L);
}
