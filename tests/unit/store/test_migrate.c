/* What is lost when this fails: a database is left half made, made twice, or changed unnoticed. */
#include "store/cluster_fixture.h"
#include "store/migrate.h"
#include "store/migrations.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka needs the above first. */
#include <cmocka.h>

/* Another database of the fixture's server, empty. */
static void fresh_database(kal_cluster_fixture *f, const char *name, char conninfo[300])
{
    char sql[64];
    snprintf(sql, sizeof sql, "CREATE DATABASE %s", name);
    kal_ask(f->sql, sql);
    snprintf(conninfo, 300, "%s dbname=%s", kal_cluster_conninfo(f->cluster), name);
}

static void test_a_second_run_changes_nothing(void **state)
{
    kal_cluster_fixture *f = *state;
    kal_buf error = {0};
    int applied = -1;
    assert_int_equal(kal_migrate(kal_cluster_conninfo(f->cluster), 9, &applied, &error), KAL_OK);
    assert_int_equal(applied, 0);
    assert_string_equal(kal_ask(f->sql, "SELECT shards FROM deployment"), "4");
    assert_string_equal(kal_ask(f->sql, "SELECT string_agg(shard::text, ',' ORDER BY shard)"
                                        " FROM shard_lease"),
                        "0,1,2,3");
}

static void test_two_at_once_agree(void **state)
{
    kal_cluster_fixture *f = *state;
    char conninfo[300];
    pid_t children[2];
    fresh_database(f, "twice", conninfo);
    for (int i = 0; i < 2; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            kal_buf error = {0};
            kal_err err = kal_migrate(conninfo, 4, NULL, &error);
            if (err)
                fprintf(stderr, "%s\n", error.data);
            _exit(err ? 1 : 0);
        }
    }
    for (int i = 0; i < 2; i++) {
        int status = -1;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    PGconn *sql = PQconnectdb(conninfo);
    assert_int_equal(atoi(kal_ask(sql, "SELECT count(*) FROM migration")), kal_migrations_count);
    assert_string_equal(kal_ask(sql, "SELECT count(*) FROM shard_lease"), "4");
    PQfinish(sql);
}

static void test_an_edited_migration_is_named(void **state)
{
    kal_cluster_fixture *f = *state;
    kal_buf error = {0};
    kal_ask(f->sql, "UPDATE migration SET hash = 'x' || hash WHERE number = 1");
    assert_int_equal(kal_migrate(kal_cluster_conninfo(f->cluster), 4, NULL, &error),
                     KAL_ERR_INTERNAL);
    kal_ask(f->sql, "UPDATE migration SET hash = substr(hash, 2) WHERE number = 1");
    assert_non_null(strstr(error.data, kal_migrations[0].name));
    kal_buf_deinit(&error);
}

static void test_a_newer_database_is_left_alone(void **state)
{
    kal_cluster_fixture *f = *state;
    kal_buf error = {0};
    kal_ask(f->sql, "INSERT INTO migration (number, name, hash) VALUES (9999, 'later', '')");
    assert_int_equal(kal_migrate(kal_cluster_conninfo(f->cluster), 4, NULL, &error),
                     KAL_ERR_INTERNAL);
    kal_ask(f->sql, "DELETE FROM migration WHERE number = 9999");
    assert_non_null(strstr(error.data, "newer"));
    kal_buf_deinit(&error);
}

static void test_one_that_fails_leaves_no_trace(void **state)
{
    kal_cluster_fixture *f = *state;
    kal_buf error = {0};
    char conninfo[300];
    fresh_database(f, "broken", conninfo);
    PGconn *sql = PQconnectdb(conninfo);
    kal_ask(sql, "CREATE TABLE conversion (in_the_way int)");
    assert_int_equal(kal_migrate(conninfo, 4, NULL, &error), KAL_ERR_INTERNAL);
    assert_non_null(strstr(error.data, kal_migrations[0].name));
    assert_string_equal(kal_ask(sql, "SELECT to_regclass('deployment')"), "");
    assert_string_equal(kal_ask(sql, "SELECT count(*) FROM migration"), "0");
    PQfinish(sql);
    kal_buf_deinit(&error);
}

static void test_no_server_is_told(void **state)
{
    kal_buf error = {0};
    (void)state;
    assert_int_equal(kal_migrate("host=/nonexistent", 4, NULL, &error), KAL_ERR_UNAVAILABLE);
    assert_null(strchr(error.data, '\n'));
    kal_buf_deinit(&error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_second_run_changes_nothing),
        cmocka_unit_test(test_two_at_once_agree),
        cmocka_unit_test(test_an_edited_migration_is_named),
        cmocka_unit_test(test_a_newer_database_is_left_alone),
        cmocka_unit_test(test_one_that_fails_leaves_no_trace),
        cmocka_unit_test(test_no_server_is_told),
    };
    return cmocka_run_group_tests(tests, kal_cluster_fixture_open, kal_cluster_fixture_close);
}
