/* `kalcifer serve`: from the lock on the data directory to the last flush. */
#include "api/cli.h"
#include "api/database.h"
#include "api/dirs.h"
#include "api/server.h"
#include "api/system.h"
#include "base/alloc.h"
#include "base/log.h"
#include "lua/host/plugins.h"
#include "lua/host/watch.h"
#include "store/migrate.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define DRAIN_TURN_MS 20
#define DRAIN_MS 10000
#define STOP_SECONDS 30 /* for each, the engine and the cluster: more than they take at most */

typedef struct serve {
    kal_cli *cli;
    char *data_dir, *home;
    int lock;
    kal_uuid node;
    const char *conninfo;
    kal_cluster *cluster;
    kal_clock *clock;
    kal_zygote *zygote;
    kal_api *api;
    kal_plugins *plugins;
    kal_watch *watch;
    kal_engine *engine;
    uv_loop_t loop;
    uv_signal_t term, interrupt;
    uv_timer_t drain;
    int drained_ms;
} serve;

/* Before there are threads, secrets or connections, and before root is given up: what it makes
 * gives up more. */
static bool start_zygote(serve *s, kal_buf *error)
{
    const kal_config *config = s->cli->config;

    if (!kal_config_bool(config, "ENABLE_CUSTOM_CODE"))
        return true;
    s->zygote = kal_zygote_start(s->home, kal_system_threads(config), error);
    return s->zygote != NULL;
}

static bool prepare(serve *s, kal_buf *error)
{
    const kal_config *config = s->cli->config;
    kal_log_level level;

    if (kal_log_parse_level(kal_config_text(config, "LOG_LEVEL"), &level))
        kal_log_set_level(level);
    signal(SIGPIPE, SIG_IGN);
    kal_system_raise_files();
    s->home = kal_dirs_home(config, error);
    if (!s->home || !start_zygote(s, error))
        return false;
    s->data_dir = kal_dirs_data(config, error);
    if (!s->data_dir || !kal_system_become(s->cli->user, s->data_dir, error))
        return false;
    s->lock = kal_dirs_lock(s->data_dir, error);
    return s->lock >= 0 && kal_dirs_node(s->data_dir, &s->node, error);
}

static bool open_database(serve *s, kal_buf *error)
{
    const kal_config *config = s->cli->config;

    s->conninfo = kal_config_text(config, "DATABASE_URL");
    if (!*s->conninfo) {
        s->cluster = kal_cluster_start(s->data_dir, error);
        if (!s->cluster)
            return false;
        s->conninfo = kal_cluster_conninfo(s->cluster);
    }
    return kal_migrate(s->conninfo, (int)kal_config_int(config, "SHARDS"), NULL, error) == KAL_OK;
}

typedef struct stored {
    bool has;
    int64_t ms;
} stored;

static void on_stored(void *data, const kal_pg_reply *reply)
{
    stored *s = data;

    if (reply->err != KAL_OK || reply->count == 0 || kal_pg_count(reply->rows[0]) == 0)
        return;
    s->has = !kal_pg_null(reply->rows[0], 0, 0);
    s->ms = kal_pg_time(reply->rows[0], 0, 0);
}

/* The later of the stored and the given instant; it is stored from now on. */
static bool start_clock(serve *s, kal_buf *error)
{
    const char *given = s->cli->virtual_clock;
    stored kept = {0};
    int64_t start;

    if (!given) {
        s->clock = kal_clock_new_real();
        return true;
    }
    if (!kal_clock_parse(kal_str_of(given), &start)) {
        kal_buf_printf(error, "--virtual-clock: %s is no ISO-8601 instant", given);
        return false;
    }
    kal_pg_call *call = kal_pg_call_new();
    kal_pg_call_add_one(call, KAL_SQL_CLOCK_SAVE, kal_v_time(start));
    kal_database_call(s->conninfo, call, on_stored, &kept);
    if (!kept.has) {
        kal_buf_puts(error, "cannot keep the virtual clock's time in the database");
        return false;
    }
    s->clock = kal_clock_new_virtual(kept.ms);
    return true;
}

static bool start_engine(serve *s, kal_buf *error)
{
    const kal_config *config = s->cli->config;

    s->plugins = kal_plugins_new(s->home, kal_config_text(config, "KALCIFER_PLUGIN_PATH"), error);
    if (!s->plugins)
        return false;
    kal_engine_options options = {.config = config,
                                  .conninfo = s->conninfo,
                                  .data_dir = s->data_dir,
                                  .home = s->home,
                                  .plugins = s->plugins,
                                  .clock = s->clock,
                                  .node = s->node,
                                  .threads = kal_system_threads(config),
                                  .zygote = s->zygote,
                                  .on_thread_start = kal_api_thread_start,
                                  .on_thread_stop = kal_api_thread_stop,
                                  .data = s->api};

    s->engine = kal_engine_start(&options, error);
    return s->engine != NULL;
}

static void on_plugins(void *data)
{
    serve *s = data;

    kal_engine_plugins_changed(s->engine);
}

static void on_drain_turn(uv_timer_t *timer)
{
    serve *s = timer->data;

    s->drained_ms += DRAIN_TURN_MS;
    if ((kal_api_in_flight(s->api) == 0 && kal_api_connections(s->api) == 0) ||
        s->drained_ms >= DRAIN_MS)
        uv_stop(&s->loop);
}

/* The first signal drains; the handlers go, so that a second one ends the process at once. */
static void on_signal(uv_signal_t *handle, int number)
{
    serve *s = handle->data;

    kal_log(KAL_LOG_INFO, "stopping", "signal", number == SIGTERM ? "SIGTERM" : "SIGINT", NULL);
    uv_signal_stop(&s->term);
    uv_signal_stop(&s->interrupt);
    alarm(STOP_SECONDS);
    if (s->cluster)
        kal_cluster_unsupervise(s->cluster);
    kal_api_drain(s->api);
    uv_timer_start(&s->drain, on_drain_turn, 0, DRAIN_TURN_MS);
}

static void start_loop(serve *s)
{
    uv_loop_init(&s->loop);
    uv_signal_init(&s->loop, &s->term);
    uv_signal_init(&s->loop, &s->interrupt);
    uv_timer_init(&s->loop, &s->drain);
    s->term.data = s->interrupt.data = s->drain.data = s;
    uv_signal_start(&s->term, on_signal, SIGTERM);
    uv_signal_start(&s->interrupt, on_signal, SIGINT);
    if (s->cluster)
        kal_cluster_supervise(s->cluster, &s->loop);
    s->watch = kal_watch_new(&s->loop, s->plugins, on_plugins, s);
}

/* False when the database kept the engine from an orderly end. */
static bool run(serve *s)
{
    uv_run(&s->loop, UV_RUN_DEFAULT);
    kal_watch_free(s->watch);
    bool drained = kal_engine_stop(s->engine);
    uv_close((uv_handle_t *)&s->term, NULL);
    uv_close((uv_handle_t *)&s->interrupt, NULL);
    uv_close((uv_handle_t *)&s->drain, NULL);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    uv_loop_close(&s->loop);
    return drained;
}

/* A server that does not answer would not stop either: the next start adopts it. */
static bool leave_database(serve *s, bool answers)
{
    alarm(STOP_SECONDS);
    if (!s->cluster || answers)
        return kal_cluster_stop(s->cluster) && answers;
    kal_cluster_free(s->cluster);
    return false;
}

static void log_start(const serve *s)
{
    const kal_config *config = s->cli->config;
    char address[320];

    snprintf(address, sizeof(address), "%s:%d", kal_config_text(config, "HOST"),
             (int)kal_config_int(config, "PORT"));
    kal_log(KAL_LOG_INFO, "started", "version", s->cli->version, "address", address, "data",
            s->data_dir, "database", s->cluster ? "private" : "DATABASE_URL", NULL);
}

int kal_cli_serve(kal_cli *cli)
{
    const kal_config *config = cli->config;
    serve s = {.cli = cli, .lock = -1};
    kal_buf error = {0};
    bool started = false, ended = true;

    if (!prepare(&s, &error))
        goto done;
    s.api = kal_api_new(config, kal_config_text(config, "HOST"),
                        (int)kal_config_int(config, "PORT"), cli->version, &error);
    if (!s.api || !open_database(&s, &error) || !start_clock(&s, &error) ||
        !start_engine(&s, &error))
        goto done;
    start_loop(&s);
    log_start(&s);
    started = true;
    ended = run(&s);
done:
    if (!started)
        kal_cli_fail(cli, error.data ? error.data : "the server could not start");
    kal_api_free(s.api);
    kal_plugins_free(s.plugins);
    kal_clock_free(s.clock);
    kal_zygote_stop(s.zygote);
    ended = leave_database(&s, ended);
    if (s.lock >= 0)
        close(s.lock);
    kal_free(s.data_dir);
    kal_free(s.home);
    kal_buf_deinit(&error);
    if (!started || !ended)
        return KAL_EXIT_FAILED;
    kal_log(KAL_LOG_INFO, "stopped", NULL);
    return KAL_EXIT_OK;
}
