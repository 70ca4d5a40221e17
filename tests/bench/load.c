/* load: sends requests over keep-alive connections and measures the answers.
 * Bodies are head + item × batch (joined by --join) + tail; in them {n} stands for a number that
 * grows with every item and {c} for it modulo --modulo, each as ten digits, so that a request is
 * rendered by patching digits. Closed loop, or with --rate at fixed instants: latency counts from
 * the instant a request was meant to leave, waiting for a free connection included.
 * Prints one JSON object. Each thread has its own loop and its share of the connections. */
#include "blueprint.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#define TICK_NS 250000
#define MAX_FAILURES 1000
#define MAX_THREADS 16

typedef struct options {
    const char *host, *path, *key, *type, *head, *item, *join, *tail, *require;
    int port, connections, threads, batch;
    double seconds, warmup, rate;
    uint64_t requests, first, modulo; /* requests 0: until the time is over */
} options;

typedef struct worker worker;

typedef struct conn {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    worker *worker;
    char *request, *reply;
    size_t have, cap, need; /* bytes of the answer; need 0: its head is not complete */
    uint64_t intended_ns;
    bool busy, writing;
    struct conn *next_idle;
} conn;

struct worker {
    pthread_t thread;
    uv_loop_t loop;
    uv_timer_t warm, end;
    uv_poll_t tick;
    int tick_fd, n_conns;
    conn *conns, *idle, **idle_last; /* in turn, so that none is idle until the server closes it */
    uint32_t *latencies;             /* microseconds */
    size_t n, cap;
    uint64_t errors, failures, done, began_ns, last_ns, due_ns, unsent;
    bool measuring, over;
};

static options opt = {.host = "127.0.0.1",
                      .path = "/",
                      .type = "application/json",
                      .head = "",
                      .item = "",
                      .join = "",
                      .tail = "",
                      .port = 4500,
                      .connections = 64,
                      .threads = 1,
                      .batch = 1,
                      .seconds = 5};
static kal_blueprint plan; /* head of the request and body */
static struct sockaddr_in target;
static atomic_uint_fast64_t sent;

/* ---- the request ---- */

static void build_request(void)
{
    char head[1024];

    kal_blueprint_template(&plan, opt.head, 0);
    for (int i = 0; i < opt.batch; i++) {
        if (i > 0)
            kal_blueprint_text(&plan, opt.join, strlen(opt.join));
        kal_blueprint_template(&plan, opt.item, (uint64_t)i);
    }
    kal_blueprint_template(&plan, opt.tail, 0);
    int n =
        snprintf(head, sizeof(head),
                 "POST %s HTTP/1.1\r\nHost: %s:%d\r\nContent-Type: %s\r\n%s%s%s"
                 "Content-Length: %zu\r\n\r\n",
                 opt.path, opt.host, opt.port, opt.type, opt.key ? "Authorization: Bearer " : "",
                 opt.key ? opt.key : "", opt.key ? "\r\n" : "", plan.len);
    if (n < 0 || (size_t)n >= sizeof(head))
        kal_die("load", "the path or the key is too long");
    kal_blueprint_prepend(&plan, head, (size_t)n);
}

/* ---- sending ---- */

static void next(conn *c);
static void connect_conn(conn *c);

static void on_reconnect(uv_handle_t *handle)
{
    connect_conn(handle->data);
}

static void fail(conn *c, const char *why)
{
    worker *w = c->worker;

    if (w->over)
        return;
    if (w->errors + w->failures == 0)
        fprintf(stderr, "load: %s\n", why);
    if (w->measuring)
        w->errors++;
    if (++w->failures > MAX_FAILURES)
        kal_die("load", "too many connections failed");
    c->busy = c->writing = false;
    if (!uv_is_closing((uv_handle_t *)&c->tcp))
        uv_close((uv_handle_t *)&c->tcp, on_reconnect);
}

static void on_written(uv_write_t *req, int status)
{
    conn *c = req->data;

    if (!c->writing)
        return;
    c->writing = false;
    if (status < 0)
        fail(c, uv_strerror(status));
    else if (!c->busy)
        next(c);
}

static void send_request(conn *c, uint64_t intended_ns)
{
    uint64_t base = atomic_fetch_add_explicit(&sent, (uint64_t)opt.batch, memory_order_relaxed);

    if (opt.requests && base / (uint64_t)opt.batch >= opt.requests)
        return;
    kal_blueprint_patch(&plan, c->request, opt.first + base, opt.modulo);
    c->have = c->need = 0;
    c->busy = c->writing = true;
    c->intended_ns = intended_ns;
    uv_buf_t buf = uv_buf_init(c->request, (unsigned)plan.len);
    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &buf, 1, on_written) < 0)
        fail(c, "write failed");
}

/* Fixed rate: whatever is due leaves on the connections that are free. */
static void pump(worker *w)
{
    uint64_t now = uv_hrtime();
    double gap = 1e9 * opt.threads / opt.rate;

    while (!w->over && w->idle && w->due_ns <= now) {
        conn *c = w->idle;
        w->idle = c->next_idle;
        if (!w->idle)
            w->idle_last = &w->idle;
        send_request(c, w->due_ns);
        w->due_ns += (uint64_t)gap;
    }
}

/* The connection is free. */
static void next(conn *c)
{
    worker *w = c->worker;

    if (w->over)
        return;
    if (opt.rate > 0) {
        c->next_idle = NULL;
        *w->idle_last = c;
        w->idle_last = &c->next_idle;
        pump(w);
    } else {
        send_request(c, uv_hrtime());
    }
}

/* ---- answers ---- */

static void count(conn *c, bool ok)
{
    worker *w = c->worker;
    uint64_t now = uv_hrtime();

    if (!w->measuring)
        return;
    w->last_ns = now;
    if (!ok) {
        if (w->errors++ == 0)
            fprintf(stderr, "load: unexpected answer: %.*s\n", (int)(c->have < 600 ? c->have : 600),
                    c->reply);
        return;
    }
    w->done++;
    w->latencies = kal_grow(w->latencies, w->n + 1, &w->cap, sizeof(uint32_t));
    w->latencies[w->n++] = (uint32_t)((now - c->intended_ns) / 1000);
}

static bool is_good(const conn *c)
{
    return c->have > 12 && c->reply[9] == '2' &&
           (!opt.require || memmem(c->reply, c->have, opt.require, strlen(opt.require)));
}

/* The answer's whole length once its head is there; 0: not yet. */
static size_t whole_length(conn *c)
{
    c->reply[c->have] = '\0';
    const char *end = strstr(c->reply, "\r\n\r\n");
    const char *length = end ? strcasestr(c->reply, "\r\ncontent-length:") : NULL;

    if (!end)
        return 0;
    if (!length || length > end) {
        fprintf(stderr, "%.*s\n", (int)(end - c->reply), c->reply);
        kal_die("load", "an answer without Content-Length");
    }
    return (size_t)(end + 4 - c->reply) + strtoul(length + 17, NULL, 10);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    conn *c = stream->data;

    (void)buf;
    if (n < 0) {
        fail(c, c->busy ? "the server closed the connection" : uv_strerror((int)n));
        return;
    }
    c->have += (size_t)n;
    if (c->need == 0)
        c->need = whole_length(c);
    if (c->need == 0 || c->have < c->need || !c->busy)
        return;
    count(c, is_good(c));
    c->busy = false;
    if (!c->writing)
        next(c);
}

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    conn *c = handle->data;
    size_t want = c->need > c->have ? c->need - c->have : 4096;

    (void)hint;
    c->reply = kal_grow(c->reply, c->have + want + 1, &c->cap, 1);
    *buf = uv_buf_init(c->reply + c->have, (unsigned)(c->cap - c->have - 1));
}

static void on_connected(uv_connect_t *req, int status)
{
    conn *c = req->data;

    if (status < 0) {
        fail(c, uv_strerror(status));
        return;
    }
    uv_tcp_nodelay(&c->tcp, 1);
    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
    next(c);
}

static void connect_conn(conn *c)
{
    if (c->worker->over)
        return;
    uv_tcp_init(&c->worker->loop, &c->tcp);
    c->tcp.data = c->connect.data = c->write.data = c;
    uv_tcp_connect(&c->connect, &c->tcp, (const struct sockaddr *)&target, on_connected);
}

/* ---- workers ---- */

static void on_end(uv_timer_t *timer)
{
    worker *w = timer->data;
    uint64_t now = uv_hrtime();

    w->over = true;
    w->last_ns = now;
    if (opt.rate > 0 && w->due_ns < now)
        w->unsent = (uint64_t)((double)(now - w->due_ns) * opt.rate / opt.threads / 1e9);
    uv_stop(&w->loop);
}

static void on_warm(uv_timer_t *timer)
{
    worker *w = timer->data;

    w->measuring = true;
    w->began_ns = w->last_ns = uv_hrtime();
}

/* With --requests: over when the last answer is there. */
static void check_done(worker *w)
{
    if (!opt.requests || atomic_load(&sent) / (uint64_t)opt.batch < opt.requests)
        return;
    for (int i = 0; i < w->n_conns; i++)
        if (w->conns[i].busy)
            return;
    w->over = true;
    uv_stop(&w->loop);
}

static void on_tick(uv_poll_t *poll, int status, int events)
{
    worker *w = poll->data;
    uint64_t ticks;

    (void)status, (void)events;
    if (read(w->tick_fd, &ticks, sizeof(ticks)) < 0 && errno != EAGAIN)
        kal_die("load", "timerfd");
    if (opt.rate > 0)
        pump(w);
    check_done(w);
}

static void start_tick(worker *w)
{
    struct itimerspec every = {{0, TICK_NS}, {0, TICK_NS}};

    if (opt.rate <= 0)
        every.it_interval.tv_nsec = every.it_value.tv_nsec = 4 * TICK_NS;
    w->tick_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    timerfd_settime(w->tick_fd, 0, &every, NULL);
    uv_poll_init(&w->loop, &w->tick, w->tick_fd);
    w->tick.data = w;
    uv_poll_start(&w->tick, UV_READABLE, on_tick);
}

static void *run(void *data)
{
    worker *w = data;

    uv_loop_init(&w->loop);
    uv_timer_init(&w->loop, &w->warm);
    uv_timer_init(&w->loop, &w->end);
    w->warm.data = w->end.data = w;
    w->due_ns = uv_hrtime();
    if (opt.warmup > 0)
        uv_timer_start(&w->warm, on_warm, (uint64_t)(opt.warmup * 1000), 0);
    else
        on_warm(&w->warm);
    uv_timer_start(&w->end, on_end, (uint64_t)((opt.warmup + opt.seconds) * 1000), 0);
    if (opt.rate > 0 || opt.requests)
        start_tick(w);
    for (int i = 0; i < w->n_conns; i++) {
        w->conns[i].worker = w;
        w->conns[i].request = malloc(plan.len + 1);
        memcpy(w->conns[i].request, plan.text, plan.len + 1);
        connect_conn(&w->conns[i]);
    }
    uv_run(&w->loop, UV_RUN_DEFAULT);
    return NULL;
}

/* ---- the report ---- */

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static double at(const uint32_t *sorted, size_t n, double share)
{
    return n ? sorted[(size_t)((double)(n - 1) * share)] / 1000.0 : 0;
}

static int report(const worker *workers)
{
    uint64_t errors = 0, unsent = 0, began = UINT64_MAX, last = 0;
    uint32_t *all = NULL;
    size_t n = 0, cap = 0;

    for (int i = 0; i < opt.threads; i++) {
        const worker *w = &workers[i];
        all = kal_grow(all, n + w->n + 1, &cap, sizeof(uint32_t));
        if (w->n)
            memcpy(all + n, w->latencies, w->n * sizeof(uint32_t));
        n += w->n;
        errors += w->errors;
        unsent += w->unsent;
        began = w->began_ns < began ? w->began_ns : began;
        last = w->last_ns > last ? w->last_ns : last;
    }
    if (n)
        qsort(all, n, sizeof(uint32_t), by_value);
    double seconds = last > began ? (double)(last - began) / 1e9 : 0;
    double rate = seconds > 0 ? (double)n / seconds : 0;
    printf("{\"seconds\":%.3f,\"requests\":%zu,\"errors\":%" PRIu64 ",\"unsent\":%" PRIu64
           ",\"per_second\":%.1f,\"items_per_second\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
           "\"max_ms\":%.3f}\n",
           seconds, n, errors, unsent, rate, rate * opt.batch, at(all, n, 0.5), at(all, n, 0.99),
           at(all, n, 1));
    free(all);
    return n > 0 && errors == 0 ? 0 : 1;
}

/* ---- the command line ---- */

typedef struct setting {
    const char *name;
    const char **text;
    int *whole;
    double *number;
    uint64_t *count;
} setting;

/* clang-format off */
static const setting settings[] = {
    {"--host", &opt.host, NULL, NULL, NULL}, {"--path", &opt.path, NULL, NULL, NULL},
    {"--key", &opt.key, NULL, NULL, NULL}, {"--type", &opt.type, NULL, NULL, NULL},
    {"--head", &opt.head, NULL, NULL, NULL}, {"--item", &opt.item, NULL, NULL, NULL},
    {"--join", &opt.join, NULL, NULL, NULL}, {"--tail", &opt.tail, NULL, NULL, NULL},
    {"--require", &opt.require, NULL, NULL, NULL}, {"--port", NULL, &opt.port, NULL, NULL},
    {"--connections", NULL, &opt.connections, NULL, NULL},
    {"--threads", NULL, &opt.threads, NULL, NULL}, {"--batch", NULL, &opt.batch, NULL, NULL},
    {"--seconds", NULL, NULL, &opt.seconds, NULL}, {"--warmup", NULL, NULL, &opt.warmup, NULL},
    {"--rate", NULL, NULL, &opt.rate, NULL}, {"--requests", NULL, NULL, NULL, &opt.requests},
    {"--first", NULL, NULL, NULL, &opt.first}, {"--modulo", NULL, NULL, NULL, &opt.modulo},
};
/* clang-format on */

static bool set_option(const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        const setting *s = &settings[i];
        if (strcmp(s->name, name) != 0)
            continue;
        if (s->text)
            *s->text = value;
        else if (s->whole)
            *s->whole = atoi(value);
        else if (s->number)
            *s->number = atof(value);
        else
            *s->count = strtoull(value, NULL, 10);
        return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    static worker workers[MAX_THREADS];

    for (int i = 1; i < argc; i += 2)
        if (i + 1 == argc || !set_option(argv[i], argv[i + 1]))
            kal_die("load", "unknown option; they are listed in load.c");
    if (opt.threads < 1 || opt.threads > MAX_THREADS || opt.connections < opt.threads ||
        opt.batch < 1 || uv_ip4_addr(opt.host, opt.port, &target) != 0)
        kal_die("load", "bad --threads, --connections, --batch or --host");
    build_request();
    for (int i = 0; i < opt.threads; i++) {
        worker *w = &workers[i];
        w->n_conns = opt.connections / opt.threads + (i < opt.connections % opt.threads);
        w->conns = calloc((size_t)w->n_conns, sizeof(conn));
        w->idle_last = &w->idle;
        pthread_create(&w->thread, NULL, run, w);
    }
    for (int i = 0; i < opt.threads; i++)
        pthread_join(workers[i].thread, NULL);
    return report(workers);
}
