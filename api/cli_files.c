/* `export` and `apply`: a tenant's segments, flows and journeys as files, and back. */
#include "api/audit.h"
#include "api/cli.h"
#include "api/database.h"
#include "api/dirs.h"
#include "api/files/folder.h"
#include "api/files/inventory.h"
#include "api/files/plan.h"
#include "base/alloc.h"

#include <stdio.h>

/* What the tenant has; a status other than KAL_EXIT_OK when it has told why not. */
static int load(kal_cli *cli, const char *conninfo, kal_uuid *tenant, kal_items *items)
{
    kal_buf error = {0};
    int status = kal_cli_tenant(cli, conninfo, tenant);

    if (status == KAL_EXIT_OK && !kal_inventory_load(conninfo, *tenant, items, &error))
        status = kal_cli_fail(cli, error.data);
    kal_buf_deinit(&error);
    return status;
}

static void add_lines(kal_buf *out, const char *word, const json_t *files)
{
    for (size_t i = 0; i < json_array_size(files); i++)
        kal_buf_printf(out, "%-7s %s\n", word, json_string_value(json_array_get(files, i)));
}

static int write_files(kal_cli *cli, const kal_items *items)
{
    kal_buf error = {0}, text = {0};
    json_t *written = json_array(), *removed = json_array();
    int status;

    if (kal_folder_write(cli->name ? cli->name : ".", items, written, removed, &error)) {
        add_lines(&text, "wrote", written);
        add_lines(&text, "removed", removed);
        kal_buf_printf(&text, "%zu of %zu files written, %zu removed", json_array_size(written),
                       items->n, json_array_size(removed));
        status = kal_cli_print(cli, text.data,
                               json_pack("{s:O, s:O}", "written", written, "removed", removed));
    } else {
        status = kal_cli_fail(cli, error.data);
    }
    json_decref(written);
    json_decref(removed);
    kal_buf_deinit(&error);
    kal_buf_deinit(&text);
    return status;
}

int kal_cli_export(kal_cli *cli)
{
    kal_database database = {0};
    kal_items items = {0};
    kal_uuid tenant;

    if (!kal_cli_open(cli, &database, NULL))
        return KAL_EXIT_FAILED;
    int status = load(cli, database.conninfo, &tenant, &items);
    kal_database_close(&database);
    if (status == KAL_EXIT_OK)
        status = write_files(cli, &items);
    kal_items_deinit(&items);
    return status;
}

static kal_lua *new_lua(kal_cli *cli)
{
    kal_buf error = {0};
    char *home = kal_dirs_home(cli->config, &error);
    kal_lua *lua = home ? kal_lua_new(home, NULL, &error) : NULL;

    if (!lua)
        kal_cli_fail(cli, error.data);
    kal_free(home);
    kal_buf_deinit(&error);
    return lua;
}

typedef struct outcome {
    const kal_plan *plan;
    kal_buf problem;
} outcome;

static void on_applied(void *data, const kal_pg_reply *reply)
{
    outcome *o = data;

    if (reply->err != KAL_OK)
        kal_buf_printf(&o->problem, "nothing was applied: %s",
                       reply->message && *reply->message ? reply->message
                                                         : kal_err_text(reply->err));
    for (size_t i = 0; reply->err == KAL_OK && i < o->plan->n; i++) {
        const kal_plan_row *row = &o->plan->rows[i];
        if (row->guard && kal_pg_count(reply->rows[row->guard]) == 0)
            kal_buf_printf(&o->problem, "%s%s has changed meanwhile and was left alone",
                           o->problem.len ? "; " : "", row->wanted->file);
    }
}

static int refuse(kal_cli *cli, const kal_plan *plan)
{
    const json_t *problem;
    size_t i;

    if (cli->json)
        return kal_cli_print(cli, NULL, kal_plan_json(plan, cli->dry_run)), KAL_EXIT_FAILED;
    json_array_foreach(plan->problems, i, problem)
        fprintf(stderr, "%s: %s\n", json_string_value(json_object_get(problem, "file")),
                json_string_value(json_object_get(problem, "problem")));
    return kal_cli_fail(cli, "nothing was applied");
}

static int carry_out(kal_cli *cli, const char *conninfo, kal_uuid tenant, kal_plan *plan,
                     int64_t now)
{
    outcome o = {.plan = plan};
    kal_buf text = {0};

    if (json_array_size(plan->problems) > 0)
        return refuse(cli, plan);
    kal_pg_call *call = cli->dry_run ? NULL : kal_plan_call(plan, tenant, now);
    if (call) {
        kal_audit_tell(call, "cli", NULL, "apply", now);
        kal_database_tenant_call(conninfo, call, on_applied, &o);
    }
    kal_plan_text(plan, cli->dry_run, &text);
    int status = o.problem.len ? kal_cli_fail(cli, o.problem.data)
                               : kal_cli_print(cli, text.data, kal_plan_json(plan, cli->dry_run));
    kal_buf_deinit(&o.problem);
    kal_buf_deinit(&text);
    return status;
}

static int apply(kal_cli *cli, const char *conninfo, kal_items *wanted, json_t *problems)
{
    kal_items there = {0};
    kal_uuid tenant;
    kal_lua *lua = new_lua(cli);
    int status = lua ? load(cli, conninfo, &tenant, &there) : KAL_EXIT_FAILED;

    if (status == KAL_EXIT_OK) {
        int64_t now = kal_cli_now(conninfo);
        kal_plan *plan = kal_plan_new(wanted, &there, json_incref(problems), lua, now);
        status = carry_out(cli, conninfo, tenant, plan, now);
        kal_plan_free(plan);
    }
    kal_lua_free(lua);
    kal_items_deinit(&there);
    return status;
}

int kal_cli_apply(kal_cli *cli)
{
    kal_database database = {0};
    kal_items wanted = {0};
    kal_buf error = {0};
    json_t *problems = json_array();
    int status = KAL_EXIT_FAILED;

    if (!kal_folder_read(cli->name, &wanted, problems, &error)) {
        kal_cli_fail(cli, error.data);
    } else if (kal_cli_open(cli, &database, NULL)) {
        status = apply(cli, database.conninfo, &wanted, problems);
        kal_database_close(&database);
    }
    kal_items_deinit(&wanted);
    kal_buf_deinit(&error);
    json_decref(problems);
    return status;
}
