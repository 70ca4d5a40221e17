/* What is lost when this fails: the database does not come back by itself, or a second server
 * runs on the same files. */
#include "store/cluster.h"
#include "store/cluster_fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka needs the above first. */
#include <cmocka.h>

/* The server's process id by its pid file; 0 when it has none. */
static pid_t server_pid(const char *dir)
{
    char path[128];
    long pid = 0;
    snprintf(path, sizeof path, "%s/postgres/postmaster.pid", dir);
    FILE *file = fopen(path, "r");
    if (file && fscanf(file, "%ld", &pid) != 1)
        pid = 0;
    if (file)
        fclose(file);
    return (pid_t)pid;
}

static kal_cluster *start(const char *dir)
{
    kal_buf error = {0};
    kal_cluster *cluster = kal_cluster_start(dir, &error);
    if (!cluster)
        fail_msg("%s", error.data);
    return cluster;
}

static int make_dir(void **state)
{
    *state = kal_temp_dir_new();
    return 0;
}

static int remove_dir(void **state)
{
    kal_temp_dir_free(*state);
    return 0;
}

static void test_a_server_outlives_its_engine_and_is_adopted(void **state)
{
    const char *dir = *state;
    int status = -1;
    pid_t engine = fork();
    if (engine == 0) {
        kal_buf error = {0};
        _exit(kal_cluster_start(dir, &error) ? 0 : 1);
    }
    assert_int_equal(waitpid(engine, &status, 0), engine);
    assert_int_equal(status, 0);
    pid_t server = server_pid(dir);

    kal_cluster *cluster = start(dir);
    assert_int_equal(server_pid(dir), server);
    kal_cluster_stop(cluster);
    assert_int_equal(server_pid(dir), 0);
}

static void test_only_its_own_user_reaches_the_server(void **state)
{
    const char *dir = *state;
    char path[128];
    struct stat st;
    kal_cluster *cluster = start(dir);
    snprintf(path, sizeof path, "%s/run", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    PGconn *sql = PQconnectdb(kal_cluster_conninfo(cluster));
    assert_string_equal(kal_ask(sql, "SHOW listen_addresses"), "");
    assert_string_equal(kal_ask(sql, "SHOW fsync"), "on");
    assert_string_equal(kal_ask(sql, "SHOW server_encoding"), "UTF8");
    assert_string_equal(kal_ask(sql, "SHOW timezone"), "UTC");
    PQfinish(sql);
    kal_cluster_stop(cluster);
}

static void test_what_was_stored_is_there_after_a_stop(void **state)
{
    const char *dir = *state;
    kal_cluster *cluster = start(dir);
    PGconn *sql = PQconnectdb(kal_cluster_conninfo(cluster));
    kal_ask(sql, "CREATE TABLE kept AS SELECT 7 AS n");
    PQfinish(sql);
    kal_cluster_stop(cluster);
    cluster = start(dir);
    sql = PQconnectdb(kal_cluster_conninfo(cluster));
    assert_string_equal(kal_ask(sql, "SELECT n FROM kept"), "7");
    PQfinish(sql);
    kal_cluster_stop(cluster);
}

/* Waits until the server's log holds the text; false after a minute. */
static bool await_log(const char *dir, const char *text)
{
    char path[128], line[1024];
    snprintf(path, sizeof path, "%s/log/postgres.log", dir);
    bool found = false;
    for (int turn = 0; !found && turn < 6000; turn++, usleep(10000)) {
        FILE *file = fopen(path, "r");
        while (file && !found && fgets(line, sizeof line, file))
            found = strstr(line, text) != NULL;
        if (file)
            fclose(file);
    }
    return found;
}

/* A dead server keeps its process id until its parent has noticed, and so its lock. */
static void test_a_server_that_nobody_has_reaped_is_waited_for(void **state)
{
    const char *dir = *state;
    int status = -1, started[2];
    char byte;
    assert_int_equal(pipe(started), 0);
    pid_t engine = fork();
    if (engine == 0) {
        kal_buf error = {0};
        if (!kal_cluster_start(dir, &error) || write(started[1], "", 1) != 1)
            _exit(1);
        bool told = await_log(dir, "lock file \"postmaster.pid\" already exists");
        _exit(told && waitpid(server_pid(dir), NULL, 0) > 0 ? 0 : 1);
    }
    assert_int_equal(read(started[0], &byte, 1), 1);
    assert_int_equal(kill(server_pid(dir), SIGKILL), 0);

    kal_cluster *cluster = start(dir);
    assert_int_equal(waitpid(engine, &status, 0), engine);
    assert_int_equal(status, 0);
    kal_cluster_stop(cluster);
    close(started[0]);
    close(started[1]);
}

/* Kills the server and turns the loop until another one answers. */
static void kill_and_wait(uv_loop_t *loop, const char *dir, const kal_cluster *cluster)
{
    pid_t before = server_pid(dir);
    assert_int_equal(kill(before, SIGKILL), 0);
    while (server_pid(dir) == before || PQping(kal_cluster_conninfo(cluster)) != PQPING_OK)
        uv_run(loop, UV_RUN_ONCE);
}

static void test_a_server_that_dies_comes_back(void **state)
{
    const char *dir = *state;
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    kal_cluster *cluster = start(dir);
    kal_cluster_supervise(cluster, &loop);
    kill_and_wait(&loop, dir, cluster);
    kal_cluster_unsupervise(cluster);
    kal_loop_finish(&loop);
    kal_cluster_stop(cluster);
    assert_int_equal(server_pid(dir), 0);
}

static void test_an_adopted_server_that_dies_comes_back(void **state)
{
    const char *dir = *state;
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    kal_cluster *first = start(dir), *second = start(dir);
    kal_cluster_supervise(second, &loop);
    kill_and_wait(&loop, dir, second);
    kal_cluster_unsupervise(second);
    kal_loop_finish(&loop);
    kal_cluster_free(first);
    kal_cluster_stop(second);
    assert_int_equal(server_pid(dir), 0);
}

static void test_a_server_that_somebody_else_started_is_adopted(void **state)
{
    const char *dir = *state;
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    kal_cluster *cluster = start(dir);
    kal_cluster_supervise(cluster, &loop);
    pid_t before = server_pid(dir);
    assert_int_equal(kill(before, SIGKILL), 0);
    assert_int_equal(waitpid(before, NULL, 0), before);
    kal_cluster *other = start(dir);
    uv_run(&loop, UV_RUN_ONCE); /* the supervisor's turn */
    kal_cluster_unsupervise(cluster);
    kal_loop_finish(&loop);
    kal_cluster_free(other);
    kal_cluster_stop(cluster);
    assert_int_equal(server_pid(dir), 0);
}

static void test_only_a_server_that_answers_is_adopted(void **state)
{
    const char *dir = *state;
    char path[128];
    struct stat st;
    assert_null(kal_cluster_adopt(dir));
    snprintf(path, sizeof path, "%s/postgres", dir);
    assert_int_not_equal(stat(path, &st), 0);
    kal_cluster *cluster = start(dir), *adopted = kal_cluster_adopt(dir);
    assert_non_null(adopted);
    kal_cluster_free(adopted);
    kal_cluster_stop(cluster);
    assert_null(kal_cluster_adopt(dir));
}

static void test_an_initdb_that_was_killed_does_not_matter(void **state)
{
    const char *dir = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/postgres.new", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/postgres.new/PG_VERSION", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("15\n", file);
    fclose(file);
    kal_cluster_stop(start(dir));
}

static void test_a_long_path_gets_a_short_socket(void **state)
{
    const char *dir = *state;
    char path[300];
    snprintf(path, sizeof path, "%s/%0120d", dir, 1);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(chmod(dir, 0755), 0);
    kal_cluster *cluster = start(path);
    char socket_dir[128] = "";
    assert_int_equal(sscanf(kal_cluster_conninfo(cluster), "host='%127[^']", socket_dir), 1);
    assert_true(strlen(socket_dir) < 60);
    kal_cluster_stop(cluster);
    kal_temp_dir_remove(socket_dir);
}

static void test_a_version_that_is_not_here_is_told(void **state)
{
    const char *dir = *state;
    char path[128];
    kal_buf error = {0};
    snprintf(path, sizeof path, "%s/postgres", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/postgres/PG_VERSION", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("8\n", file);
    fclose(file);
    assert_null(kal_cluster_start(dir, &error));
    assert_non_null(strstr(error.data, "PostgreSQL 8"));
    kal_buf_deinit(&error);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(test_a_server_outlives_its_engine_and_is_adopted),
        IN_DIR(test_only_its_own_user_reaches_the_server),
        IN_DIR(test_what_was_stored_is_there_after_a_stop),
        IN_DIR(test_a_server_that_nobody_has_reaped_is_waited_for),
        IN_DIR(test_a_server_that_dies_comes_back),
        IN_DIR(test_an_adopted_server_that_dies_comes_back),
        IN_DIR(test_a_server_that_somebody_else_started_is_adopted),
        IN_DIR(test_only_a_server_that_answers_is_adopted),
        IN_DIR(test_an_initdb_that_was_killed_does_not_matter),
        IN_DIR(test_a_long_path_gets_a_short_socket),
        IN_DIR(test_a_version_that_is_not_here_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
