#include "api/database.h"

#include "api/dirs.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "store/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CONNECT_MS 15000
#define WAIT_NS 60000000000ULL /* for another process's cluster */
#define WAIT_EVERY_MS 100

bool kal_database_runs(const char *data_dir)
{
    char path[PATH_MAX], text[32] = "";

    snprintf(path, sizeof(path), "%s/postgres/postmaster.pid", data_dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    long pid = n > 0 ? strtol(text, NULL, 10) : 0;
    return pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

/* Who has the lock starts the cluster; the others wait for it, or for the lock. */
static void open_cluster(kal_database *database, const char *data_dir, kal_buf *error)
{
    uint64_t end = kal_clock_mono_ns() + WAIT_NS;

    while ((database->lock = kal_dirs_lock(data_dir, error)) < 0) {
        database->cluster = kal_cluster_adopt(data_dir);
        if (database->cluster)
            return;
        if (kal_clock_mono_ns() > end) {
            kal_buf_puts(error, ", and its PostgreSQL does not answer");
            return;
        }
        kal_buf_clear(error);
        usleep(WAIT_EVERY_MS * 1000);
    }
    database->was_running = kal_database_runs(data_dir);
    database->cluster = kal_cluster_start(data_dir, error);
}

bool kal_database_open(const kal_config *config, kal_database *database, kal_buf *error)
{
    const char *url = kal_config_text(config, "DATABASE_URL");

    database->lock = -1;
    if (*url) {
        database->conninfo = url;
        return true;
    }
    char *data_dir = kal_dirs_data(config, error);
    if (!data_dir)
        return false;
    open_cluster(database, data_dir, error);
    kal_free(data_dir);
    if (!database->cluster) {
        kal_database_close(database);
        return false;
    }
    database->conninfo = kal_cluster_conninfo(database->cluster);
    return true;
}

void kal_database_close(kal_database *database)
{
    if (database->cluster && database->lock >= 0 && !database->was_running)
        kal_cluster_stop(database->cluster);
    else if (database->cluster)
        kal_cluster_free(database->cluster);
    if (database->lock >= 0)
        close(database->lock);
    database->cluster = NULL;
    database->lock = -1;
}

typedef struct run {
    uv_loop_t loop;
    uv_timer_t timer;
    kal_pg *pg;
    kal_pg_call *call;
    kal_pg_cb cb;
    void *data;
} run;

static void on_reply(void *data, const kal_pg_reply *reply)
{
    run *r = data;

    r->cb(r->data, reply);
    uv_stop(&r->loop);
}

static void send_call(run *r)
{
    kal_pg_call *call = r->call;

    r->call = NULL;
    if (call)
        kal_pg_send(r->pg, call, on_reply, r);
}

static void on_state(void *data, bool up)
{
    if (up)
        send_call(data);
}

/* Not connected in time: the call fails with UNAVAILABLE. */
static void on_timer(uv_timer_t *timer)
{
    send_call(timer->data);
}

static void run_as(const char *role, const char *conninfo, kal_pg_call *call, kal_pg_cb cb,
                   void *data)
{
    run r = {.call = call, .cb = cb, .data = data};
    kal_pg_options options = {.conninfo = conninfo, .role = role, .on_state = on_state, .data = &r};

    uv_loop_init(&r.loop);
    uv_timer_init(&r.loop, &r.timer);
    r.timer.data = &r;
    uv_timer_start(&r.timer, on_timer, CONNECT_MS, 0);
    r.pg = kal_pg_new(&r.loop, &options);
    uv_run(&r.loop, UV_RUN_DEFAULT);
    kal_pg_free(r.pg);
    uv_close((uv_handle_t *)&r.timer, NULL);
    uv_run(&r.loop, UV_RUN_DEFAULT);
    uv_loop_close(&r.loop);
}

void kal_database_call(const char *conninfo, kal_pg_call *call, kal_pg_cb cb, void *data)
{
    run_as(NULL, conninfo, call, cb, data);
}

void kal_database_tenant_call(const char *conninfo, kal_pg_call *call, kal_pg_cb cb, void *data)
{
    run_as(KAL_POOL_TENANT_ROLE, conninfo, call, cb, data);
}
