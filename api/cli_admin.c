/* `migrate`, `tenant create`, `key create` and `audit verify`. */
#include "api/audit.h"
#include "api/cli.h"
#include "api/database.h"
#include "api/tenant.h"
#include "base/clock.h"
#include "store/migrate.h"

#include <stdio.h>
#include <string.h>

bool kal_cli_open(kal_cli *cli, kal_database *database, int *applied)
{
    kal_buf error = {0};
    int shards = (int)kal_config_int(cli->config, "SHARDS");
    bool ok = kal_database_open(cli->config, database, &error);

    if (ok && kal_migrate(database->conninfo, shards, applied, &error) != KAL_OK) {
        kal_database_close(database);
        ok = false;
    }
    if (!ok)
        kal_cli_fail(cli, error.data ? error.data : "the database is not there");
    kal_buf_deinit(&error);
    return ok;
}

int kal_cli_migrate(kal_cli *cli)
{
    kal_database database = {0};
    int applied = 0;
    char text[64];

    if (!kal_cli_open(cli, &database, &applied))
        return KAL_EXIT_FAILED;
    kal_database_close(&database);
    snprintf(text, sizeof(text), "%d migrations applied", applied);
    return kal_cli_print(cli, text, json_pack("{s:i}", "applied", applied));
}

typedef struct outcome {
    kal_err err;
    char sqlstate[6];
    char message[256];
    bool has;
    kal_uuid id;
    int64_t ms;
} outcome;

static void keep(outcome *o, const kal_pg_reply *reply)
{
    o->err = reply->err;
    memcpy(o->sqlstate, reply->sqlstate, sizeof(o->sqlstate));
    snprintf(o->message, sizeof(o->message), "%s",
             reply->message && *reply->message ? reply->message : kal_err_text(reply->err));
}

static void on_done(void *data, const kal_pg_reply *reply)
{
    keep(data, reply);
}

static void on_time(void *data, const kal_pg_reply *reply)
{
    outcome *o = data;

    keep(o, reply);
    o->has = reply->err == KAL_OK && kal_pg_count(reply->rows[0]) == 1 &&
             !kal_pg_null(reply->rows[0], 0, 0);
    if (o->has)
        o->ms = kal_pg_time(reply->rows[0], 0, 0);
}

static void on_id(void *data, const kal_pg_reply *reply)
{
    outcome *o = data;

    keep(o, reply);
    o->has = reply->err == KAL_OK && kal_pg_count(reply->rows[0]) == 1;
    if (o->has)
        o->id = kal_pg_uuid(reply->rows[0], 0, 0);
}

int64_t kal_cli_now(const char *conninfo)
{
    outcome o = {0};
    kal_pg_call *call = kal_pg_call_new();

    kal_pg_call_add(call, KAL_SQL_CLOCK_GET, NULL);
    kal_database_call(conninfo, call, on_time, &o);
    return o.has ? o.ms : kal_clock_real_ms();
}

int kal_cli_tenant_create(kal_cli *cli)
{
    kal_database database = {0};
    kal_new_tenant made;
    outcome o = {0};
    char id[KAL_UUID_TEXT + 1];

    if (strlen(cli->name) > 255 || !kal_str_utf8(kal_str_of(cli->name))) {
        fprintf(stderr, "kalcifer: a name has 1 to 255 bytes of UTF-8\n");
        return KAL_EXIT_MISUSED;
    }
    if (!kal_cli_open(cli, &database, NULL))
        return KAL_EXIT_FAILED;
    int64_t now_ms = kal_cli_now(database.conninfo);
    kal_pg_call *call = kal_tenant_create(kal_str_of(cli->name), now_ms, &made);
    kal_audit_tell(call, "cli", NULL, "create", now_ms);
    kal_database_call(database.conninfo, call, on_done, &o);
    kal_database_close(&database);
    if (strcmp(o.sqlstate, "23505") == 0)
        return kal_cli_fail(cli, "there is a tenant of this name already");
    if (o.err != KAL_OK)
        return kal_cli_fail(cli, o.message);
    kal_uuid_format(made.id, id);
    json_t *tenant = json_pack("{s:s, s:s, s:s}", "id", id, "name", cli->name, "api_key", made.key);
    char *text = json_dumps(tenant, JSON_COMPACT);
    /* JSON in either form: spec/flows.md section 1. */
    int status = kal_cli_print(cli, text, tenant);
    free(text);
    return status;
}

int kal_cli_tenant(kal_cli *cli, const char *conninfo, kal_uuid *id)
{
    outcome o = {0};
    kal_pg_call *call = kal_pg_call_new();

    if (cli->tenant)
        kal_pg_call_add_one(call, KAL_SQL_API_TENANT_FIND, kal_v_text(cli->tenant));
    else
        kal_pg_call_add(call, KAL_SQL_API_TENANT_ONLY, NULL);
    kal_database_call(conninfo, call, on_id, &o);
    *id = o.id;
    if (o.has)
        return KAL_EXIT_OK;
    if (o.err != KAL_OK)
        return kal_cli_fail(cli, o.message);
    if (cli->tenant)
        return kal_cli_fail(cli, "there is no such tenant");
    fprintf(stderr, "kalcifer: there is not one tenant alone: name it with --tenant\n");
    return KAL_EXIT_MISUSED;
}

int kal_cli_key_create(kal_cli *cli)
{
    kal_database database = {0};
    outcome o = {0};
    kal_new_key key = {.expires_ms = INT64_MAX};

    if (!cli->tenant || !cli->role || !kal_role_parse(kal_str_of(cli->role))) {
        fprintf(stderr, "kalcifer: key create needs --tenant and --role viewer, editor or admin\n");
        return KAL_EXIT_MISUSED;
    }
    if (!kal_cli_open(cli, &database, NULL))
        return KAL_EXIT_FAILED;
    int status = kal_cli_tenant(cli, database.conninfo, &key.tenant);
    if (status == KAL_EXIT_OK) {
        int64_t now_ms = kal_cli_now(database.conninfo);
        kal_pg_call *call = kal_pg_call_new();
        key.name = kal_str_of(cli->name ? cli->name : cli->role);
        key.role = kal_str_of(cli->role);
        kal_tenant_add_key(call, &key, now_ms);
        kal_audit_tell(call, "cli", NULL, "create", now_ms);
        kal_database_call(database.conninfo, call, on_done, &o);
    }
    kal_database_close(&database);
    if (status != KAL_EXIT_OK)
        return status;
    if (o.err != KAL_OK)
        return kal_cli_fail(cli, o.message);
    return kal_cli_print(cli, key.key,
                         json_pack("{s:s, s:s}", "api_key", key.key, "role", cli->role));
}

typedef struct verdict {
    outcome outcome;
    int64_t rows;
    json_t *broken; /* array of {tenant_id, number, problem} */
} verdict;

static void on_verified(void *data, const kal_pg_reply *reply)
{
    verdict *v = data;
    char tenant[KAL_UUID_TEXT + 1];

    keep(&v->outcome, reply);
    for (size_t i = 0; reply->err == KAL_OK && i < kal_pg_count(reply->rows[1]); i++) {
        kal_str problem = kal_pg_str(reply->rows[1], i, 2);
        kal_uuid_format(kal_pg_uuid(reply->rows[1], i, 0), tenant);
        json_array_append_new(v->broken,
                              json_pack("{s:s, s:I, s:s%}", "tenant_id", tenant, "number",
                                        (json_int_t)kal_pg_int(reply->rows[1], i, 1), "problem",
                                        problem.p, problem.n));
    }
    if (reply->err == KAL_OK)
        v->rows = kal_pg_int(reply->rows[0], 0, 0);
}

static int tell_verdict(kal_cli *cli, verdict *v)
{
    kal_buf text = {0};
    size_t i;
    json_t *link;

    if (json_array_size(v->broken) == 0)
        kal_buf_printf(&text, "%lld rows, every chain is whole", (long long)v->rows);
    json_array_foreach(v->broken, i, link)
        kal_buf_printf(&text, "%stenant %s, row %lld: %s", i ? "\n" : "",
                       json_string_value(json_object_get(link, "tenant_id")),
                       (long long)json_integer_value(json_object_get(link, "number")),
                       json_string_value(json_object_get(link, "problem")));
    bool whole = json_array_size(v->broken) == 0;
    int status = kal_cli_print(cli, text.data,
                               json_pack("{s:b, s:I, s:O}", "whole", whole, "rows",
                                         (json_int_t)v->rows, "broken", v->broken));
    kal_buf_deinit(&text);
    return whole ? status : KAL_EXIT_FAILED;
}

int kal_cli_audit_verify(kal_cli *cli)
{
    kal_database database = {0};
    verdict v = {.broken = json_array()};
    kal_uuid tenant;
    int status = KAL_EXIT_FAILED;

    if (!kal_cli_open(cli, &database, NULL))
        goto done;
    status = cli->tenant ? kal_cli_tenant(cli, database.conninfo, &tenant) : KAL_EXIT_OK;
    if (status == KAL_EXIT_OK) {
        kal_value which = cli->tenant ? kal_v_uuid(tenant) : kal_v_null(KAL_UUID);
        kal_pg_call *call = kal_pg_call_new();
        kal_pg_call_add_one(call, KAL_SQL_AUDIT_COUNT, which);
        kal_pg_call_add_one(call, KAL_SQL_AUDIT_VERIFY, which);
        kal_database_call(database.conninfo, call, on_verified, &v);
    }
    kal_database_close(&database);
    if (status == KAL_EXIT_OK)
        status =
            v.outcome.err == KAL_OK ? tell_verdict(cli, &v) : kal_cli_fail(cli, v.outcome.message);
done:
    json_decref(v.broken);
    return status;
}
