/* `node list`, `node new` and `node test`: node types, and the kit for who writes plugins. */
#include "api/cli.h"
#include "api/dirs.h"
#include "api/templates.h"
#include "base/alloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEEPEST 8 /* folders below the plugins' */
#define LONGEST 64
#define PLACEHOLDER "my_node"

kal_lua *kal_cli_lua(kal_cli *cli)
{
    kal_buf error = {0};
    char *home = kal_dirs_home(cli->config, &error);

    if (home && !cli->plugins)
        cli->plugins =
            kal_plugins_new(home, kal_config_text(cli->config, "KALCIFER_PLUGIN_PATH"), &error);
    kal_lua *lua = cli->plugins ? kal_lua_new(home, cli->plugins, &error) : NULL;
    if (!lua)
        kal_cli_fail(cli, error.data);
    else if (kal_config_bool(cli->config, "ENABLE_CUSTOM_CODE"))
        kal_lua_allow_code(lua);
    kal_free(home);
    kal_buf_deinit(&error);
    return lua;
}

static int fail_at(const kal_cli *cli, const char *what, const char *path, const char *why)
{
    kal_buf error = {0};

    kal_buf_printf(&error, "%s%s: %s", what, path, why);
    kal_cli_fail(cli, error.data);
    kal_buf_deinit(&error);
    return KAL_EXIT_FAILED;
}

/* The folder of plugins; NULL when it has told why not. The caller frees it. */
static char *plugins_of(const kal_cli *cli)
{
    kal_buf error = {0}, path = {0};
    char *home = cli->dir ? NULL : kal_dirs_home(cli->config, &error);

    if (!cli->dir && !home)
        kal_cli_fail(cli, error.data);
    else
        kal_buf_printf(&path, "%s%s", cli->dir ? cli->dir : home, cli->dir ? "" : "/plugins");
    char *copy = path.len ? kal_strdup(path.data) : NULL;
    kal_free(home);
    kal_buf_deinit(&error);
    kal_buf_deinit(&path);
    return copy;
}

/* ---- list ---- */

static const char *member(const json_t *type, const char *name)
{
    const char *text = json_string_value(json_object_get(type, name));
    return text ? text : "";
}

int kal_cli_node_list(kal_cli *cli)
{
    kal_lua *lua = kal_cli_lua(cli);
    json_t *types = lua ? kal_lua_types(lua) : NULL;
    const json_t *type;
    kal_buf text = {0};
    size_t i;

    kal_lua_free(lua);
    if (!types)
        return KAL_EXIT_FAILED;
    kal_buf_printf(&text, "%-20s %-9s %-7s %-7s %s", "TYPE", "CATEGORY", "ORIGIN", "VERSION",
                   "SUMMARY");
    json_array_foreach(types, i, type) kal_buf_printf(
        &text, "\n%-20s %-9s %-7s %-7s %s", member(type, "type"), member(type, "category"),
        member(type, "origin"), member(type, "version"), member(type, "summary"));
    int status = kal_cli_print(cli, text.data, types);
    kal_buf_deinit(&text);
    return status;
}

/* ---- new ---- */

static bool is_snake_case(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return n == strlen(name) && n <= LONGEST && name[0] >= 'a' && name[0] <= 'z';
}

/* The template under the new name. */
static void fill(kal_buf *out, kal_template template, const char *name)
{
    const char *at = kal_template_text(template), *found;

    for (; (found = strstr(at, PLACEHOLDER)); at = found + strlen(PLACEHOLDER)) {
        kal_buf_add(out, at, (size_t)(found - at));
        kal_buf_puts(out, name);
    }
    kal_buf_puts(out, at);
}

/* Writes a file that must not be there yet; false leaves errno. */
static bool write_new(const char *path, const kal_buf *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return false;
    bool ok = write(fd, text->data, text->len) == (ssize_t)text->len;
    int why = errno;
    ok = close(fd) == 0 && ok;
    if (!ok) {
        unlink(path);
        errno = why;
    }
    return ok;
}

static int write_plugin(const kal_cli *cli, const char *folder)
{
    json_t *files = json_array();
    kal_buf path = {0}, text = {0}, told = {0};
    int status = KAL_EXIT_OK;

    for (int i = 0; status == KAL_EXIT_OK && i < KAL_TEMPLATE_COUNT; i++) {
        kal_buf_clear(&path);
        kal_buf_clear(&text);
        kal_buf_printf(&path, "%s/%s.lua", folder, kal_template_name((kal_template)i));
        fill(&text, (kal_template)i, cli->name);
        if (!write_new(path.data, &text))
            status = fail_at(cli, "cannot write ", path.data, strerror(errno));
        json_array_append_new(files, json_string(path.data));
        kal_buf_printf(&told, "wrote %s\n", path.data);
    }
    kal_buf_printf(&told, "kalcifer node test %s runs its spec", folder);
    if (status == KAL_EXIT_OK)
        status = kal_cli_print(cli, told.data, json_pack("{s:O}", "files", files));
    json_decref(files);
    kal_buf_deinit(&path);
    kal_buf_deinit(&text);
    kal_buf_deinit(&told);
    return status;
}

/* No server would start with two types of one name. */
static int check_free(kal_cli *cli)
{
    kal_lua *lua = kal_cli_lua(cli);
    json_t *found = lua ? kal_lua_describe(lua, kal_str_of(cli->name), (kal_str){0}, NULL) : NULL;
    int status = lua && !found ? KAL_EXIT_OK : KAL_EXIT_FAILED;

    if (found)
        fail_at(cli, "", cli->name, "there is a node type of this name already");
    json_decref(found);
    kal_lua_free(lua);
    return status;
}

int kal_cli_node_new(kal_cli *cli)
{
    if (!is_snake_case(cli->name)) {
        fail_at(cli, "", cli->name, "a name is lower-case letters, digits and _, such as my_gate");
        return KAL_EXIT_MISUSED;
    }
    char *plugins = plugins_of(cli);
    int status = plugins ? check_free(cli) : KAL_EXIT_FAILED;
    kal_buf folder = {0};
    if (status == KAL_EXIT_OK) {
        kal_buf_printf(&folder, "%s/%s", plugins, cli->name);
        if ((mkdir(plugins, 0755) < 0 && errno != EEXIST) || mkdir(folder.data, 0755) < 0)
            status = fail_at(cli, "cannot make ", folder.data, strerror(errno));
        else
            status = write_plugin(cli, folder.data);
    }
    kal_buf_deinit(&folder);
    kal_free(plugins);
    return status;
}

/* ---- test ---- */

typedef struct session {
    kal_cli *cli;
    json_t *files;
    size_t passed, failed;
    kal_buf text;
} session;

static void tell(session *s, const char *path, const json_t *tests, const char *error)
{
    const json_t *test;
    size_t i;

    kal_buf_printf(&s->text, "%s\n", path);
    json_array_foreach(tests, i, test)
    {
        bool ok = json_is_true(json_object_get(test, "ok"));
        s->passed += ok;
        s->failed += !ok;
        kal_buf_printf(&s->text, "  %-6s %s\n", ok ? "ok" : "FAILED", member(test, "name"));
        if (!ok)
            kal_buf_printf(&s->text, "         %s\n", member(test, "error"));
    }
    if (error)
        kal_buf_printf(&s->text, "  FAILED %s\n", error);
    s->failed += error != NULL;
}

/* Each spec gets a state of its own, so that none sees what another has loaded. */
static bool run_spec(session *s, const char *path)
{
    kal_buf error = {0};
    kal_lua *lua = kal_cli_lua(s->cli);
    if (!lua)
        return false;
    json_t *report = kal_lua_spec(lua, path, &error);
    const char *why = report ? NULL : error.data;
    json_t *tests = json_object_get(report, "tests");
    tell(s, path, tests, why);
    json_array_append_new(
        s->files, json_pack("{s:s, s:O*, s:s*}", "file", path, "tests", tests, "error", why));
    json_decref(report);
    kal_lua_free(lua);
    kal_buf_deinit(&error);
    return true;
}

static bool visit(session *s, const char *path, int depth);

static bool visit_folder(session *s, const char *folder, int depth)
{
    struct dirent **entries;
    int n = depth < DEEPEST ? scandir(folder, &entries, NULL, alphasort) : 0;
    bool ok = n >= 0;

    if (!ok)
        fail_at(s->cli, "cannot read ", folder, strerror(errno));
    for (int i = 0; i < n; i++) {
        kal_buf path = {0};
        kal_buf_printf(&path, "%s/%s", folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            ok = ok && visit(s, path.data, depth + 1);
        kal_buf_deinit(&path);
        free(entries[i]);
    }
    if (n >= 0 && depth < DEEPEST)
        free(entries);
    return ok;
}

/* Runs the specs at a path; false when it has told why that cannot go on. */
static bool visit(session *s, const char *path, int depth)
{
    struct stat found;

    if (stat(path, &found) < 0)
        return fail_at(s->cli, "", path, strerror(errno)), false;
    if (S_ISDIR(found.st_mode))
        return visit_folder(s, path, depth);
    if (kal_lua_is_spec(path) && S_ISREG(found.st_mode))
        return run_spec(s, path);
    if (depth == 0)
        fail_at(s->cli, "", path, "a spec is named NAME_spec.lua");
    return depth > 0;
}

static int report(session *s, const char *where)
{
    if (s->passed + s->failed == 0)
        return fail_at(s->cli, "", where, "there is no test");
    kal_buf_printf(&s->text, "%zu passed, %zu failed", s->passed, s->failed);
    int status = kal_cli_print(s->cli, s->text.data,
                               json_pack("{s:I, s:I, s:O}", "passed", (json_int_t)s->passed,
                                         "failed", (json_int_t)s->failed, "files", s->files));
    return s->failed ? KAL_EXIT_FAILED : status;
}

int kal_cli_node_test(kal_cli *cli)
{
    session s = {.cli = cli, .files = json_array()};
    char *where = cli->name ? kal_strdup(cli->name) : plugins_of(cli);
    char *real = where ? realpath(where, NULL) : NULL;
    int status = KAL_EXIT_FAILED;

    if (where && !real)
        fail_at(cli, "", where, strerror(errno));
    else if (where && visit(&s, real, 0))
        status = report(&s, where);
    free(real);
    kal_free(where);
    json_decref(s.files);
    kal_buf_deinit(&s.text);
    return status;
}
