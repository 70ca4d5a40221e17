#include "store/migrate.h"

#include "base/str.h"
#include "store/migrations.h"

#include <libpq-fe.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_TEXT (2 * SHA256_DIGEST_LENGTH)

static void hash_of(const kal_migration *migration, char out[HASH_TEXT + 1])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)migration->text, strlen(migration->text), digest);
    kal_str_hex(digest, sizeof digest, out);
}

/* What failed and the first line of libpq's reason. */
static kal_err fail(PGconn *conn, const char *what, kal_buf *error)
{
    const char *text = PQerrorMessage(conn);
    kal_buf_printf(error, "%s: ", what);
    kal_buf_add(error, text, strcspn(text, "\n"));
    return PQstatus(conn) == CONNECTION_OK ? KAL_ERR_INTERNAL : KAL_ERR_UNAVAILABLE;
}

static bool run(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

static bool run_with(PGconn *conn, const char *sql, int n, const char *const *values)
{
    PGresult *result = PQexecParams(conn, sql, n, NULL, values, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

static kal_err create_table(PGconn *conn, kal_buf *error)
{
    static const char sql[] = "CREATE TABLE IF NOT EXISTS migration (number int PRIMARY KEY, "
                              "name text NOT NULL, hash text NOT NULL, "
                              "applied_at timestamptz NOT NULL DEFAULT clock_timestamp())";
    /* Two processes at once: IF NOT EXISTS does not see the other's table while it is made, and
     * the loser's second attempt does. */
    if (run(conn, sql) || run(conn, sql))
        return KAL_OK;
    return fail(conn, "the table of migrations cannot be made", error);
}

static const kal_migration *migration_of(int number)
{
    for (size_t i = 0; i < kal_migrations_count; i++)
        if (kal_migrations[i].number == number)
            return &kal_migrations[i];
    return NULL;
}

/* Compares what the database has with what the program has; *last is the highest applied. */
static kal_err check_applied(PGconn *conn, int *last, kal_buf *error)
{
    PGresult *rows = PQexec(conn, "SELECT number, name, hash FROM migration ORDER BY number");
    kal_err err = KAL_OK;
    *last = 0;
    if (PQresultStatus(rows) != PGRES_TUPLES_OK)
        err = fail(conn, "the applied migrations cannot be read", error);
    for (int r = 0; !err && r < PQntuples(rows); r++) {
        char hash[HASH_TEXT + 1];
        *last = atoi(PQgetvalue(rows, r, 0));
        const kal_migration *migration = migration_of(*last);
        if (migration)
            hash_of(migration, hash);
        if (!migration)
            kal_buf_printf(error, "the database is newer than this program: it has migration %s",
                           PQgetvalue(rows, r, 1));
        else if (strcmp(hash, PQgetvalue(rows, r, 2)) != 0)
            kal_buf_printf(error, "migration %s is not what this database was made with",
                           migration->name);
        if (!migration || strcmp(hash, PQgetvalue(rows, r, 2)) != 0)
            err = KAL_ERR_INTERNAL;
    }
    PQclear(rows);
    return err;
}

static bool create_deployment(PGconn *conn, int shards)
{
    char text[16];
    const char *const values[] = {text};
    snprintf(text, sizeof text, "%d", shards);
    return run_with(conn, "INSERT INTO deployment (shards) VALUES ($1)", 1, values) &&
           run_with(conn,
                    "INSERT INTO shard_lease (shard) SELECT s FROM generate_series(0, $1 - 1) s", 1,
                    values);
}

static bool apply(PGconn *conn, const kal_migration *migration, int shards)
{
    char number[16], hash[HASH_TEXT + 1];
    const char *const values[] = {number, migration->name, hash};
    snprintf(number, sizeof number, "%d", migration->number);
    hash_of(migration, hash);
    return run(conn, migration->text) &&
           (migration != &kal_migrations[0] || create_deployment(conn, shards)) &&
           run_with(conn, "INSERT INTO migration (number, name, hash) VALUES ($1, $2, $3)", 3,
                    values);
}

static const kal_migration *next_after(int last)
{
    for (size_t i = 0; i < kal_migrations_count; i++)
        if (kal_migrations[i].number > last)
            return &kal_migrations[i];
    return NULL;
}

/* Applies the next migration, if any, in one transaction under the table's lock. */
static kal_err step(PGconn *conn, int shards, bool *applied, kal_buf *error)
{
    int last;
    *applied = false;
    if (!run(conn, "BEGIN") || !run(conn, "LOCK TABLE migration IN ACCESS EXCLUSIVE MODE"))
        return fail(conn, "the migrations cannot be locked", error);
    kal_err err = check_applied(conn, &last, error);
    const kal_migration *next = err ? NULL : next_after(last);
    if (next && !apply(conn, next, shards))
        err = fail(conn, next->name, error);
    if (err) {
        run(conn, "ROLLBACK"); /* its failure would change nothing: the connection closes */
        return err;
    }
    if (!run(conn, "COMMIT"))
        return fail(conn, "the migrations cannot be committed", error);
    *applied = next != NULL;
    return KAL_OK;
}

static void ignore_notice(void *data, const char *message)
{
    (void)data; /* "relation exists, skipping" */
    (void)message;
}

kal_err kal_migrate(const char *conninfo, int shards, int *applied, kal_buf *error)
{
    int count = 0;
    bool more = true;
    PGconn *conn = PQconnectdb(conninfo);
    kal_err err = KAL_OK;

    PQsetNoticeProcessor(conn, ignore_notice, NULL);
    if (PQstatus(conn) != CONNECTION_OK)
        err = fail(conn, "the database cannot be reached", error);
    if (!err)
        err = create_table(conn, error);
    while (!err && more) {
        err = step(conn, shards, &more, error);
        count += more;
    }
    if (applied)
        *applied = count;
    PQfinish(conn);
    return err;
}
