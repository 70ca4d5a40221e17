#include "store/cluster.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/initdb.h"
#include "store/server.h"

#include <errno.h>
#include <libpq-fe.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READY_MS 60000     /* to answer, */
#define RECOVERY_MS 600000 /* or while it tells that it recovers */
#define PING_EVERY_MS 20
#define VACATE_MS 15000 /* for one that is dying to leave the folder */
#define VACATE_EVERY_MS 100
#define CHECK_EVERY_MS 1000
#define BACKOFF_LEAST_MS 1000
#define BACKOFF_MOST_MS 10000
#define SOCKET_PATH_MOST 107
#define SOCKET_NAME "/.s.PGSQL.5432"

struct kal_cluster {
    kal_user user;
    char *home, *socket_dir, *conninfo;
    kal_server *server;
    uv_timer_t *timer; /* its own piece of memory: it closes after the cluster is gone */
    uint64_t backoff_ms, retry_ms, started_ms;
};

static char *join(const char *folder, const char *name)
{
    kal_buf path = {0};
    kal_buf_printf(&path, "%s/%s", folder, name);
    return path.data;
}

static bool fail(kal_buf *error, const char *path)
{
    kal_buf_printf(error, "%s: %s", path, strerror(errno));
    return false;
}

static bool make_dir(const char *path, kal_buf *error)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST || fail(error, path);
}

/* The socket's folder is the only guard of the server, so it must be its user's alone. The one
 * under /tmp might have been put there by somebody else. */
static bool make_socket_dir(const kal_cluster *cluster, kal_buf *error)
{
    const char *path = cluster->socket_dir;
    struct stat st;
    if (mkdir(path, 0700) == 0) {
        if (cluster->user.change && chown(path, cluster->user.uid, cluster->user.gid) != 0)
            return fail(error, path);
    } else if (errno != EEXIST) {
        return fail(error, path);
    }
    if (lstat(path, &st) != 0)
        return fail(error, path);
    if (S_ISDIR(st.st_mode) && st.st_uid == cluster->user.uid && (st.st_mode & 0777) == 0700)
        return true;
    kal_buf_printf(error, "%s is not a folder of PostgreSQL's user alone (mode 0700)", path);
    return false;
}

static char *choose_socket_dir(const char *data_dir)
{
    char *path = join(data_dir, "run");
    if (strlen(path) + strlen(SOCKET_NAME) <= SOCKET_PATH_MOST)
        return path;
    kal_free(path);
    kal_buf name = {0};
    kal_buf_printf(&name, "/tmp/kalcifer-%016llx",
                   (unsigned long long)kal_str_hash(kal_str_of(data_dir)));
    return name.data;
}

/* Lets PostgreSQL's user pass through the data directory of root. */
static bool open_data_dir(const kal_user *user, const char *data_dir, kal_buf *error)
{
    struct stat st;
    if (!user->change)
        return true;
    if (stat(data_dir, &st) != 0 || chmod(data_dir, (st.st_mode & 07777) | 0011) != 0)
        return fail(error, data_dir);
    return true;
}

static char *make_conninfo(const char *socket_dir)
{
    kal_buf conninfo = {0};
    kal_buf_puts(&conninfo, "host='");
    for (const char *p = socket_dir; *p; p++) {
        if (*p == '\'' || *p == '\\')
            kal_buf_putc(&conninfo, '\\');
        kal_buf_putc(&conninfo, *p);
    }
    kal_buf_puts(&conninfo, "' port=5432 user=" KAL_CLUSTER_USER " dbname=kalcifer");
    return conninfo.data;
}

/* The same server's maintenance database; later keywords win. */
static void maintenance(const kal_cluster *cluster, kal_buf *out)
{
    kal_buf_printf(out, "%s dbname=postgres connect_timeout=5", cluster->conninfo);
}

/* Waits until the server answers; false when it died or took too long. */
static bool wait_ready(kal_cluster *cluster)
{
    kal_buf conninfo = {0};
    uint64_t begin = kal_clock_mono_ns();
    bool ready = false;
    maintenance(cluster, &conninfo);
    while (!ready && kal_server_alive(cluster->server)) {
        uint64_t ms = (kal_clock_mono_ns() - begin) / 1000000;
        if (ms > RECOVERY_MS || (ms > READY_MS && !kal_server_is_starting(cluster->server)))
            break;
        ready = PQping(conninfo.data) == PQPING_OK;
        if (!ready)
            usleep(PING_EVERY_MS * 1000);
    }
    kal_buf_deinit(&conninfo);
    return ready;
}

static bool create_database(const kal_cluster *cluster, kal_buf *error)
{
    kal_buf conninfo = {0};
    maintenance(cluster, &conninfo);
    PGconn *conn = PQconnectdb(conninfo.data);
    PGresult *found = PQexec(conn, "SELECT FROM pg_database WHERE datname = 'kalcifer'");
    bool done = PQresultStatus(found) == PGRES_TUPLES_OK;
    if (done && PQntuples(found) == 0) {
        PGresult *created = PQexec(conn, "CREATE DATABASE kalcifer");
        done = PQresultStatus(created) == PGRES_COMMAND_OK;
        PQclear(created);
    }
    if (!done) {
        const char *text = PQerrorMessage(conn);
        kal_buf_puts(error, "the database cannot be created: ");
        kal_buf_add(error, text, strcspn(text, "\n"));
    }
    PQclear(found);
    PQfinish(conn);
    kal_buf_deinit(&conninfo);
    return done;
}

/* The server that has just ended found another one's lock or shared memory: one that is dead, but
 * not reaped, or whose children are still ending. */
static bool found_another(const kal_cluster *cluster)
{
    kal_buf words = {0};
    kal_server_last_words(cluster->server, &words);
    bool found = words.len && (strstr(words.data, "lock file \"postmaster.pid\"") ||
                               strstr(words.data, "shared memory block"));
    kal_buf_deinit(&words);
    return found;
}

/* Starts a server and waits until it answers. */
static bool start_server(kal_cluster *cluster, kal_buf *error)
{
    uint64_t end = kal_clock_mono_ns() + UINT64_C(1000000) * VACATE_MS;
    for (;;) {
        if (!kal_server_spawn(cluster->server, error))
            return false;
        if (wait_ready(cluster))
            return true;
        if (!found_another(cluster) || kal_clock_mono_ns() > end)
            return false;
        usleep(VACATE_EVERY_MS * 1000);
    }
}

/* Adopts the server that runs, which may be starting or stopping still, or starts one. */
static bool bring_up(kal_cluster *cluster, kal_buf *error)
{
    bool adopted = kal_server_adopt(cluster->server);
    if (adopted && wait_ready(cluster)) {
        kal_log(KAL_LOG_INFO, "postgres_adopted", "folder", cluster->home, NULL);
        return create_database(cluster, error);
    }
    if (adopted && kal_server_alive(cluster->server)) {
        kal_buf_puts(error, "the PostgreSQL that runs in the data directory does not answer");
        return false;
    }
    if (start_server(cluster, error) && create_database(cluster, error))
        return true;
    if (!error->len) {
        kal_buf_puts(error, "PostgreSQL did not start: ");
        kal_server_last_words(cluster->server, error);
    }
    kal_server_stop(cluster->server);
    return false;
}

/* What every process must find alike. */
static bool locate(kal_cluster *cluster, const char *data_dir, kal_buf *error)
{
    cluster->home = join(data_dir, "postgres");
    cluster->socket_dir = choose_socket_dir(data_dir);
    cluster->conninfo = make_conninfo(cluster->socket_dir);
    if (kal_user_find(cluster->home, &cluster->user))
        return true;
    kal_buf_puts(error, "PostgreSQL does not run as root, and there is no user postgres");
    return false;
}

static bool prepare(kal_cluster *cluster, const char *data_dir, kal_buf *error)
{
    char *log_dir = join(data_dir, "log"), *log = join(log_dir, "postgres.log");
    char *programs = NULL;

    if (locate(cluster, data_dir, error) && open_data_dir(&cluster->user, data_dir, error) &&
        make_dir(log_dir, error) && make_socket_dir(cluster, error))
        programs = kal_initdb_programs(&cluster->user, cluster->home, error);
    if (programs && kal_initdb(&cluster->user, programs, cluster->home, error)) {
        kal_server_options options = {&cluster->user, programs, cluster->home, cluster->socket_dir,
                                      log};
        cluster->server = kal_server_new(&options);
    }
    kal_free(programs);
    kal_free(log);
    kal_free(log_dir);
    return cluster->server != NULL;
}

kal_cluster *kal_cluster_start(const char *data_dir, kal_buf *error)
{
    char folder[PATH_MAX];
    if (!realpath(data_dir, folder)) {
        fail(error, data_dir);
        return NULL;
    }
    kal_cluster *cluster = kal_calloc(1, sizeof *cluster);
    if (prepare(cluster, folder, error) && bring_up(cluster, error))
        return cluster;
    kal_cluster_free(cluster);
    return NULL;
}

static bool answers(const kal_cluster *cluster)
{
    kal_buf conninfo = {0};
    kal_buf_printf(&conninfo, "%s connect_timeout=5", cluster->conninfo);
    PGconn *conn = PQconnectdb(conninfo.data);
    bool connected = PQstatus(conn) == CONNECTION_OK;
    PQfinish(conn);
    kal_buf_deinit(&conninfo);
    return connected;
}

kal_cluster *kal_cluster_adopt(const char *data_dir)
{
    char folder[PATH_MAX];
    kal_buf unused = {0};
    kal_cluster *cluster = kal_calloc(1, sizeof *cluster);
    bool there = realpath(data_dir, folder) && locate(cluster, folder, &unused) &&
                 make_socket_dir(cluster, &unused) && answers(cluster);
    kal_buf_deinit(&unused);
    if (there)
        return cluster;
    kal_cluster_free(cluster);
    return NULL;
}

const char *kal_cluster_conninfo(const kal_cluster *cluster)
{
    return cluster->conninfo;
}

/* Starts the server again, at most one time in backoff_ms, which grows while it keeps dying; one
 * that somebody else has started is as good. */
static void restart(kal_cluster *cluster, uint64_t now)
{
    kal_buf words = {0};
    if (now < cluster->retry_ms || kal_server_adopt(cluster->server))
        return;
    if (now - cluster->started_ms > 2 * BACKOFF_MOST_MS) /* it had lived */
        cluster->backoff_ms = BACKOFF_LEAST_MS;
    kal_server_last_words(cluster->server, &words);
    kal_log(KAL_LOG_ERROR, "postgres_died", "last_words", words.data, NULL);
    kal_buf_clear(&words);
    if (!kal_server_spawn(cluster->server, &words))
        kal_log(KAL_LOG_ERROR, "postgres_start_failed", "message", words.data, NULL);
    cluster->started_ms = now;
    cluster->retry_ms = now + cluster->backoff_ms;
    cluster->backoff_ms *= 2;
    if (cluster->backoff_ms > BACKOFF_MOST_MS)
        cluster->backoff_ms = BACKOFF_MOST_MS;
    kal_buf_deinit(&words);
}

static void on_check(uv_timer_t *timer)
{
    kal_cluster *cluster = timer->data;
    if (!kal_server_alive(cluster->server))
        restart(cluster, uv_now(timer->loop));
}

void kal_cluster_supervise(kal_cluster *cluster, uv_loop_t *loop)
{
    cluster->backoff_ms = BACKOFF_LEAST_MS;
    cluster->started_ms = uv_now(loop);
    cluster->timer = kal_calloc(1, sizeof *cluster->timer);
    cluster->timer->data = cluster;
    uv_timer_init(loop, cluster->timer);
    uv_timer_start(cluster->timer, on_check, CHECK_EVERY_MS, CHECK_EVERY_MS);
}

static void on_timer_closed(uv_handle_t *handle)
{
    kal_free(handle);
}

void kal_cluster_unsupervise(kal_cluster *cluster)
{
    if (cluster->timer)
        uv_close((uv_handle_t *)cluster->timer, on_timer_closed);
    cluster->timer = NULL;
}

bool kal_cluster_stop(kal_cluster *cluster)
{
    if (!cluster)
        return true;
    bool stopped = kal_server_stop(cluster->server);
    kal_cluster_free(cluster);
    return stopped;
}

void kal_cluster_free(kal_cluster *cluster)
{
    if (!cluster)
        return;
    kal_cluster_unsupervise(cluster);
    kal_server_free(cluster->server);
    kal_free(cluster->home);
    kal_free(cluster->socket_dir);
    kal_free(cluster->conninfo);
    kal_free(cluster);
}
