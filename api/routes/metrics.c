/* GET /metrics: Prometheus text, from the engine's counters and the API's own. */
#include "api/reply.h"
#include "api/routes/routes.h"

#include <inttypes.h>
#include <string.h>

typedef struct metric {
    const char *name, *type, *help;
    double value;
} metric;

static void write_engine(kal_buf *out, const kal_engine_status *s)
{
    const metric metrics[] = {
        {"kalcifer_shards", "gauge", "Shards of the deployment.", s->shards},
        {"kalcifer_shards_owned", "gauge", "Shards that this process holds.", s->owned},
        {"kalcifer_database_up", "gauge", "Whether the database is reachable.", s->database},
        {"kalcifer_active_flow_instances", "gauge", "Instances that run, wait or are paused.",
         (double)s->instances},
        {"kalcifer_waiting_tokens", "gauge", "Tokens that wait at a node.", (double)s->waiting},
        {"kalcifer_timers", "gauge", "Timers in memory.", (double)s->timers},
        {"kalcifer_works_queued", "gauge", "Works not begun.", (double)s->queued},
        {"kalcifer_event_dispatch_total", "counter", "Events taken in.", (double)s->events},
        {"kalcifer_flow_starts_total", "counter", "Instances started.", (double)s->starts},
        {"kalcifer_flow_completions_total", "counter", "Instances completed.",
         (double)s->completions},
        {"kalcifer_flow_failures_total", "counter", "Instances failed.", (double)s->failures},
        {"kalcifer_flow_exits_total", "counter", "Instances exited.", (double)s->exits},
        {"kalcifer_journal_flushes_total", "counter", "Flushes committed.", (double)s->flushes},
        {"kalcifer_journal_rows_total", "counter", "Rows in committed flushes.",
         (double)s->flushed_rows},
        {"kalcifer_journal_flush_failures_total", "counter", "Flushes that failed.",
         (double)s->flush_failures},
        {"kalcifer_journal_flush_seconds_total", "counter", "Time spent in flushes.",
         (double)s->flush_ns / 1e9},
        {"kalcifer_crash_recoveries_total", "counter", "Shards taken over from another run.",
         (double)s->recoveries},
        {"kalcifer_lua_memory_bytes", "gauge", "Memory of the Lua states.", (double)s->lua_bytes},
    };

    for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
        kal_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.17g\n", metrics[i].name,
                       metrics[i].help, metrics[i].name, metrics[i].type, metrics[i].name,
                       metrics[i].value);
}

/* `name="value"`, escaped as the format asks. */
static void write_label(kal_buf *out, const char *name, kal_str value)
{
    kal_buf_printf(out, "%s=\"", name);
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '\\' || value.p[i] == '"' || value.p[i] == '\n')
            kal_buf_putc(out, '\\');
        kal_buf_putc(out, value.p[i] == '\n' ? 'n' : value.p[i]);
    }
    kal_buf_putc(out, '"');
}

typedef struct labelled {
    const char *name, *help;
    const char *first, *second; /* labels */
    kal_tally *counts;
} labelled;

static void write_labelled(kal_buf *out, const labelled *m)
{
    kal_str first, second;
    uint64_t count;

    kal_buf_printf(out, "# HELP %s %s\n# TYPE %s counter\n", m->name, m->help, m->name);
    for (size_t i = 0; kal_tally_at(m->counts, i, &first, &second, &count); i++) {
        kal_buf_printf(out, "%s{", m->name);
        write_label(out, m->first, first);
        if (m->second) {
            kal_buf_putc(out, ',');
            write_label(out, m->second, second);
        }
        kal_buf_printf(out, "} %" PRIu64 "\n", count);
    }
}

static void write_tallies(kal_buf *out, kal_engine *engine)
{
    const labelled metrics[] = {
        {"kalcifer_node_executions_total", "Node executions by type.", "node_type", NULL,
         kal_tally_new()},
        {"kalcifer_channel_sends_total", "Deliveries sent by channel and provider.", "channel",
         "provider", kal_tally_new()},
    };

    kal_engine_add_tallies(engine, metrics[0].counts, metrics[1].counts);
    for (size_t i = 0; i < 2; i++) {
        write_labelled(out, &metrics[i]);
        kal_tally_free(metrics[i].counts);
    }
}

typedef struct code_metric {
    const char *name, *type, *help;
    double (*value)(const kal_cell_usage *usage);
    kal_buf *out;
} code_metric;

static double code_calls(const kal_cell_usage *usage)
{
    return (double)usage->calls;
}

static double code_failures(const kal_cell_usage *usage)
{
    return (double)usage->failures;
}

static double code_kills(const kal_cell_usage *usage)
{
    return (double)usage->kills;
}

static double code_cpu(const kal_cell_usage *usage)
{
    return (double)usage->cpu_ns / 1e9;
}

static double code_memory(const kal_cell_usage *usage)
{
    return (double)usage->memory;
}

static double code_off(const kal_cell_usage *usage)
{
    return usage->off;
}

static void write_code_of(void *data, kal_uuid tenant, const kal_cell_usage *usage)
{
    const code_metric *m = data;
    char id[KAL_UUID_TEXT + 1];

    kal_uuid_format(tenant, id);
    kal_buf_printf(m->out, "%s{tenant_id=\"%s\"} %.17g\n", m->name, id, m->value(usage));
}

/* By tenant, of those whose code has run. */
static void write_code(kal_buf *out, kal_engine *engine)
{
    code_metric metrics[] = {
        {"kalcifer_code_calls_total", "counter", "Calls of tenants' code.", code_calls, out},
        {"kalcifer_code_failures_total", "counter", "Those that failed.", code_failures, out},
        {"kalcifer_code_kills_total", "counter", "Those that had to be killed.", code_kills, out},
        {"kalcifer_code_cpu_seconds_total", "counter", "CPU time of them.", code_cpu, out},
        {"kalcifer_code_memory_bytes", "gauge", "The most that one has ended with.", code_memory,
         out},
        {"kalcifer_code_switched_off", "gauge", "Whether the tenant's code is switched off.",
         code_off, out},
    };

    for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
        kal_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", metrics[i].name, metrics[i].help,
                       metrics[i].name, metrics[i].type);
        kal_cell_book_each(kal_engine_cell_book(engine), write_code_of, &metrics[i]);
    }
}

static uint64_t sum(const kal_api *api, size_t route, size_t slot)
{
    uint64_t total = 0;

    for (int i = 0; i < KAL_API_THREADS; i++) {
        const kal_api_thread *thread = atomic_load(&api->thread[i]);
        if (thread)
            total += kal_stats_get(thread->stats, route, slot);
    }
    return total;
}

static void write_http(kal_buf *out, const kal_api *api)
{
    size_t count;
    const kal_route *routes = kal_routes(&count);

    kal_buf_puts(out, "# HELP kalcifer_http_requests_total Answers by route and status.\n"
                      "# TYPE kalcifer_http_requests_total counter\n");
    for (size_t r = 0; r <= count; r++)
        for (size_t slot = 0; kal_stats_status(slot) != 0; slot++) {
            uint64_t n = sum(api, r, slot);
            if (n > 0)
                kal_buf_printf(out,
                               "kalcifer_http_requests_total{method=\"%s\",route=\"%s\","
                               "status=\"%d\"} %" PRIu64 "\n",
                               r < count ? routes[r].method : "",
                               r < count ? routes[r].pattern : "none", kal_stats_status(slot), n);
        }
    kal_buf_printf(out,
                   "# HELP kalcifer_http_connections Connections open now.\n"
                   "# TYPE kalcifer_http_connections gauge\nkalcifer_http_connections %" PRId64
                   "\n",
                   kal_acceptor_count(api->acceptor));
}

/* METRICS_HOST names the one address that may read. */
static bool may_read(const kal_request *request)
{
    const char *only = kal_config_text(request->thread->api->config, "METRICS_HOST");
    struct sockaddr_storage peer;
    char host[NI_MAXHOST];

    if (!*only)
        return true;
    h2o_conn_t *conn = request->http->conn;
    socklen_t len = conn->callbacks->get_peername(conn, (struct sockaddr *)&peer);
    return len > 0 &&
           getnameinfo((struct sockaddr *)&peer, len, host, sizeof(host), NULL, 0,
                       NI_NUMERICHOST) == 0 &&
           strcmp(host, only) == 0;
}

void kal_route_metrics(kal_request *request)
{
    kal_engine_status status;
    kal_buf out = {0};

    if (!may_read(request)) {
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
        return;
    }
    kal_engine_get_status(request->thread->engine, &status);
    kal_buf_printf(&out,
                   "# HELP kalcifer_build_info The running version.\n"
                   "# TYPE kalcifer_build_info gauge\n"
                   "kalcifer_build_info{version=\"%s\"} 1\n",
                   request->thread->api->version);
    write_engine(&out, &status);
    write_tallies(&out, request->thread->engine);
    write_code(&out, request->thread->engine);
    write_http(&out, request->thread->api);
    kal_reply_typed(request, 200, "text/plain; version=0.0.4; charset=utf-8", out.data, out.len);
    kal_buf_deinit(&out);
}
