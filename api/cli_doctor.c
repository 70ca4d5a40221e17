/* `kalcifer doctor`: what the server needs, and what to do where it is missing. */
#include "api/acceptor.h"
#include "api/cli.h"
#include "api/database.h"
#include "api/dirs.h"
#include "api/system.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "lua/host/host.h"
#include "lua/host/plugins.h"
#include "store/initdb.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILES_LEAST 4096
#define YEAR_2024_MS 1704067200000
#define YEAR_2100_MS 4102444800000

typedef struct report {
    kal_cli *cli;
    json_t *checks;
    kal_buf text;
    bool failed;
} report;

/* One line: what was looked at, what was found, and what to do when it is wrong. */
static void add(report *r, const char *name, bool ok, const char *found, const char *advice)
{
    json_t *check = json_pack("{s:s, s:b, s:s}", "name", name, "ok", ok, "found", found);

    if (!ok)
        json_object_set_new(check, "advice", json_string(advice));
    json_array_append_new(r->checks, check);
    kal_buf_printf(&r->text, "%s%-5s %-12s %s", r->text.len ? "\n" : "", ok ? "ok" : "WRONG", name,
                   found);
    if (!ok)
        kal_buf_printf(&r->text, "\n                   %s", advice);
    r->failed |= !ok;
}

static char *check_data(report *r)
{
    kal_buf error = {0};
    char *dir = kal_dirs_data(r->cli->config, &error);
    bool ok = dir && access(dir, R_OK | W_OK | X_OK) == 0;

    add(r, "data", ok, dir ? dir : error.data,
        "choose a directory that this user may write: --data or KALCIFER_DATA_DIR");
    kal_buf_deinit(&error);
    return dir;
}

static void check_plugins(report *r, const char *home)
{
    kal_buf error = {0}, text = {0};
    kal_plugins *plugins =
        kal_plugins_new(home, kal_config_text(r->cli->config, "KALCIFER_PLUGIN_PATH"), &error);
    json_t *problems = plugins ? kal_plugins_problems(plugins) : NULL, *why;
    const char *name;

    json_object_foreach(problems, name, why)
        kal_buf_printf(&text, "%s%s: %s", text.len ? "; " : "", name, json_string_value(why));
    if (plugins && text.len == 0)
        kal_buf_printf(&text, "%zu load", kal_plugins_count(plugins));
    add(r, "plugins", plugins && json_object_size(problems) == 0, plugins ? text.data : error.data,
        "mend what is named, or take it away; a server that runs keeps the last good one");
    json_decref(problems);
    kal_plugins_free(plugins);
    kal_buf_deinit(&text);
    kal_buf_deinit(&error);
}

static void check_lua(report *r)
{
    kal_buf error = {0};
    char *home = kal_dirs_home(r->cli->config, &error), text[PATH_MAX + 64];
    kal_lua *lua = home ? kal_lua_new(home, NULL, &error) : NULL;

    if (lua) {
        json_t *types = kal_lua_types(lua);
        snprintf(text, sizeof(text), "LuaJIT runs, %zu node types from %s", json_array_size(types),
                 home);
        json_decref(types);
    }
    add(r, "nodes", lua != NULL, lua ? text : error.data,
        "set KALCIFER_HOME to the folder with lua/, nodes/ and plugins/, or mend the file named");
    if (lua)
        check_plugins(r, home);
    kal_lua_free(lua);
    kal_free(home);
    kal_buf_deinit(&error);
}

/* The programs that the private cluster would run. */
static bool check_programs(report *r, const char *data_dir)
{
    kal_buf home = {0}, error = {0};
    kal_user user;
    char *folder = NULL;

    kal_buf_printf(&home, "%s/postgres", data_dir ? data_dir : "");
    if (kal_user_find(home.data, &user))
        folder = kal_initdb_programs(&user, home.data, &error);
    else
        kal_buf_puts(&error, "there is no user postgres");
    bool ok = folder != NULL;
    add(r, "binaries", ok, ok ? folder : error.data,
        "install PostgreSQL 15 or later, or set DATABASE_URL");
    kal_free(folder);
    kal_buf_deinit(&home);
    kal_buf_deinit(&error);
    return ok;
}

static void on_ping(void *data, const kal_pg_reply *reply)
{
    char *text = data;
    kal_str version = {NULL, 0};

    if (reply->err == KAL_OK && reply->count > 0)
        version = kal_pg_str(reply->rows[0], 0, 0);
    snprintf(text, 256, "%s%.*s%s", version.p ? "PostgreSQL " : "", (int)version.n,
             version.p ? version.p : "",
             version.p                           ? " answers"
             : reply->message && *reply->message ? reply->message
                                                 : kal_err_text(reply->err));
}

static void check_answer(report *r, const char *conninfo)
{
    char text[256] = "no answer";
    kal_pg_call *call = kal_pg_call_new();

    kal_pg_call_add(call, KAL_SQL_API_PING, NULL);
    kal_database_call(conninfo, call, on_ping, text);
    add(r, "postgresql", strncmp(text, "PostgreSQL ", 11) == 0, text,
        "check DATABASE_URL (an address or a socket) and that the server runs; `kalcifer migrate` "
        "brings a new database up to date");
}

static void check_database(report *r, const char *data_dir)
{
    kal_database database = {0};
    kal_buf error = {0};

    if (*kal_config_text(r->cli->config, "DATABASE_URL")) {
        check_answer(r, kal_config_text(r->cli->config, "DATABASE_URL"));
        return;
    }
    if (!check_programs(r, data_dir) || !data_dir || !kal_database_runs(data_dir))
        return;
    if (kal_database_open(r->cli->config, &database, &error)) {
        check_answer(r, database.conninfo);
        kal_database_close(&database);
    } else {
        add(r, "postgresql", false, error.data, "see the server's log in the data directory");
    }
    kal_buf_deinit(&error);
}

static void check_port(report *r)
{
    const kal_config *config = r->cli->config;
    kal_buf error = {0};
    char text[320];
    kal_acceptor *acceptor = kal_acceptor_new(config, kal_config_text(config, "HOST"),
                                              (int)kal_config_int(config, "PORT"), &error);

    snprintf(text, sizeof(text), "%s port %d is free", kal_config_text(config, "HOST"),
             (int)kal_config_int(config, "PORT"));
    add(r, "port", acceptor != NULL, acceptor ? text : error.data,
        "if that is not a kalcifer of yours, choose another with --listen or PORT");
    kal_acceptor_free(acceptor);
    kal_buf_deinit(&error);
}

static void check_clock(report *r)
{
    int64_t now = kal_clock_real_ms();
    char text[KAL_TIME_TEXT + 1];

    kal_clock_format(now, text);
    add(r, "clock", now > YEAR_2024_MS && now < YEAR_2100_MS, text,
        "set the system's clock: timers follow it");
}

static void check_files(report *r)
{
    char text[64];
    long most = kal_system_files();

    snprintf(text, sizeof(text), "%ld open files allowed", most);
    add(r, "files", most >= FILES_LEAST, text, "raise the hard limit: ulimit -Hn 65536");
}

int kal_cli_doctor(kal_cli *cli)
{
    report r = {.cli = cli, .checks = json_array()};

    char *data_dir = check_data(&r);
    check_lua(&r);
    check_database(&r, data_dir);
    check_port(&r);
    check_clock(&r);
    check_files(&r);
    kal_cli_print(cli, r.text.data, json_pack("{s:b, s:o}", "ok", !r.failed, "checks", r.checks));
    kal_buf_deinit(&r.text);
    kal_free(data_dir);
    return r.failed ? KAL_EXIT_FAILED : KAL_EXIT_OK;
}
