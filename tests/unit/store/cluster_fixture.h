/* A real PostgreSQL in a temporary directory, migrated, for one test program.
 * Thread: main. Blocks: yes. */
#ifndef KAL_TEST_CLUSTER_FIXTURE_H
#define KAL_TEST_CLUSTER_FIXTURE_H

#include "store/cluster.h"
#include "store/pg.h"
#include "temp_dir.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <uv.h>

typedef struct kal_cluster_fixture {
    char *dir;
    kal_cluster *cluster;
    PGconn *sql; /* a plain connection to look with */
    uv_loop_t loop;
} kal_cluster_fixture;

/* For cmocka's group setup and teardown; *state is the fixture. */
int kal_cluster_fixture_open(void **state);
int kal_cluster_fixture_close(void **state);

/* Runs a statement and answers the first row's first column as text ("" without rows or for null);
 * the text lives until the next call. Fails the test when the statement fails. */
const char *kal_ask(PGconn *conn, const char *sql);
/* Turns the loop until *flag; fails the test after a minute. */
void kal_loop_until(uv_loop_t *loop, const bool *flag);
/* Turns the loop once if it has work, without waiting. */
void kal_loop_turn(uv_loop_t *loop);
/* Turns the loop until all handles are closed, and closes it. */
void kal_loop_finish(uv_loop_t *loop);

#endif
