#include "store/cluster_fixture.h"

#include "base/alloc.h"
#include "store/migrate.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the above first. */
#include <cmocka.h>

#define LONGEST_NS UINT64_C(60000000000)

int kal_cluster_fixture_open(void **state)
{
    kal_cluster_fixture *f = kal_calloc(1, sizeof *f);
    kal_buf error = {0};

    f->dir = kal_temp_dir_new();
    f->cluster = kal_cluster_start(f->dir, &error);
    if (!f->cluster || kal_migrate(kal_cluster_conninfo(f->cluster), 4, NULL, &error) != KAL_OK)
        fail_msg("%s", error.data);
    f->sql = PQconnectdb(kal_cluster_conninfo(f->cluster));
    assert_int_equal(PQstatus(f->sql), CONNECTION_OK);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    *state = f;
    return 0;
}

int kal_cluster_fixture_close(void **state)
{
    kal_cluster_fixture *f = *state;
    kal_loop_finish(&f->loop);
    PQfinish(f->sql);
    kal_cluster_stop(f->cluster);
    kal_temp_dir_free(f->dir);
    kal_free(f);
    return 0;
}

const char *kal_ask(PGconn *conn, const char *sql)
{
    static char text[4096];
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    snprintf(text, sizeof text, "%s", PQntuples(result) ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return text;
}

void kal_loop_until(uv_loop_t *loop, const bool *flag)
{
    uint64_t end = uv_hrtime() + LONGEST_NS;
    uv_run(loop, UV_RUN_NOWAIT);
    while (!*flag) {
        /* UV_RUN_ONCE would go on to wait after a timer that has set the flag. */
        struct pollfd p = {.fd = uv_backend_fd(loop), .events = POLLIN};
        int timeout = uv_backend_timeout(loop);
        poll(&p, 1, timeout < 0 || timeout > 100 ? 100 : timeout);
        if (uv_hrtime() > end)
            fail_msg("what the test waits for does not come");
        uv_run(loop, UV_RUN_NOWAIT);
    }
}

void kal_loop_turn(uv_loop_t *loop)
{
    uv_run(loop, UV_RUN_NOWAIT);
}

void kal_loop_finish(uv_loop_t *loop)
{
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
}
