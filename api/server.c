#include "api/server.h"

#include "api/claim.h"
#include "api/hold.h"
#include "api/inbox.h"
#include "api/pipeline.h"
#include "api/refusal.h"
#include "api/reply.h"
#include "base/alloc.h"
#include "base/log.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQ_TIMEOUT_MS 10000
#define MAX_ENTITY ((size_t)2 << 20)

/* A connection: h2o owns the socket, the close callback brings it back to be counted out. */
typedef struct kal_conn {
    uv_tcp_t tcp; /* first: h2o's handle */
    kal_api_thread *thread;
    uint64_t address;
    struct kal_conn *next, **link;
} kal_conn;

typedef struct handler {
    h2o_handler_t super;
    kal_api_thread *thread;
} handler;

static int on_request(h2o_handler_t *self, h2o_req_t *http)
{
    kal_request *request = kal_request_new(((handler *)self)->thread, http);

    kal_pipeline_run(request);
    return 0;
}

static kal_rate rate(const kal_config *config, const char *name, int64_t seconds)
{
    return (kal_rate){kal_config_int(config, name), seconds};
}

kal_api *kal_api_new(const kal_config *config, const char *host, int port, const char *version,
                     kal_buf *error)
{
    const char *pem = kal_config_text(config, "JWT_PUBLIC_PEM");
    kal_jwt_key *jwt_key = *pem ? kal_jwt_key_public(pem, error) : NULL;

    if (*pem && !jwt_key)
        return NULL;
    kal_acceptor *acceptor = kal_acceptor_new(config, host, port, error);
    if (!acceptor) {
        kal_jwt_key_free(jwt_key);
        return NULL;
    }
    kal_api *api = kal_calloc(1, sizeof(*api));
    api->config = config;
    api->acceptor = acceptor;
    api->jwt_key = jwt_key;
    api->limits = kal_limits_new();
    api->claims = kal_claims_new();
    api->version = version;
    api->rates[KAL_RATE_TRIGGER] = rate(config, "RATE_LIMIT_TRIGGER_PER_MINUTE", 60);
    api->rates[KAL_RATE_EVENTS] = rate(config, "RATE_LIMIT_EVENTS_PER_SECOND", 1);
    api->rates[KAL_RATE_API] = rate(config, "RATE_LIMIT_API_PER_MINUTE", 60);
    api->began_ns = kal_clock_mono_ns();
    return api;
}

void kal_api_free(kal_api *api)
{
    if (!api)
        return;
    for (int i = 0; i < KAL_API_THREADS; i++) {
        kal_api_thread *thread = atomic_load(&api->thread[i]);
        if (!thread)
            continue;
        kal_auth_free(thread->auth);
        kal_stats_free(thread->stats);
        kal_hold_free(thread->hold);
        kal_inbox_free(thread->inbox);
        kal_buf_deinit(&thread->document);
        kal_free(thread);
    }
    kal_acceptor_free(api->acceptor);
    kal_jwt_key_free(api->jwt_key);
    kal_limits_free(api->limits);
    kal_claims_free(api->claims);
    kal_free(api);
}

/* The context goes when the last connection has, since h2o's connections lie in it. */
static void dispose_if_done(kal_api_thread *thread)
{
    if (!thread->stopping || thread->conns)
        return;
    h2o_context_dispose(&thread->context);
    h2o_config_dispose(&thread->globalconf);
}

static void on_conn_closed(uv_handle_t *handle)
{
    kal_conn *conn = (kal_conn *)(void *)handle;
    kal_api_thread *thread = conn->thread;

    *conn->link = conn->next;
    if (conn->next)
        conn->next->link = conn->link;
    kal_acceptor_closed(thread->api->acceptor, conn->address);
    kal_free(conn);
    dispose_if_done(thread);
}

/* A descriptor from the acceptor has arrived on its thread. */
static void adopt(void *data, int fd, uint64_t address)
{
    kal_api_thread *thread = data;
    kal_conn *conn = kal_calloc(1, sizeof(*conn));

    conn->thread = thread;
    conn->address = address;
    conn->next = thread->conns;
    conn->link = &thread->conns;
    if (conn->next)
        conn->next->link = &conn->next;
    thread->conns = conn;
    uv_tcp_init(thread->loop, &conn->tcp);
    if (atomic_load(&thread->api->draining) || uv_tcp_open(&conn->tcp, fd) != 0) {
        close(fd);
        uv_close((uv_handle_t *)&conn->tcp, on_conn_closed);
        return;
    }
    h2o_accept(&thread->accept, h2o_uv_socket_create((uv_stream_t *)&conn->tcp, on_conn_closed));
}

/* Ends reading on every connection: idle ones close, those with a request answer it first. */
static void hang_up(kal_api_thread *thread, int how)
{
    for (kal_conn *conn = thread->conns; conn; conn = conn->next) {
        uv_os_fd_t fd;
        if (uv_fileno((uv_handle_t *)&conn->tcp, &fd) == 0)
            shutdown(fd, how);
    }
}

static void on_drain(void *data)
{
    kal_api_thread *thread = data;

    if (!atomic_load(&thread->api->draining) || thread->stopping)
        return;
    if (thread->index == 0)
        kal_acceptor_stop(thread->api->acceptor);
    hang_up(thread, SHUT_RD);
}

/* The acceptor's turn: threads that have started, one after the other. */
static void hand_out(void *data, int fd, uint64_t address)
{
    kal_api *api = data;

    for (;;) {
        kal_api_thread *thread = atomic_load(&api->thread[api->turn++ % KAL_API_THREADS]);
        if (thread) {
            kal_inbox_put(thread->inbox, fd, address);
            return;
        }
    }
}

static void start_http(kal_api_thread *thread)
{
    h2o_config_init(&thread->globalconf);
    thread->globalconf.server_name = h2o_iovec_init(H2O_STRLIT("kalcifer"));
    thread->globalconf.http1.upgrade_to_http2 = 0;
    thread->globalconf.http1.req_timeout = REQ_TIMEOUT_MS;
    thread->globalconf.max_request_entity_size = MAX_ENTITY;
    h2o_hostconf_t *host =
        h2o_config_register_host(&thread->globalconf, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    kal_refusal_register(host);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    handler *h = (handler *)(void *)h2o_create_handler(path, sizeof(*h));
    h->super.on_req = on_request;
    h->thread = thread;
    h2o_context_init(&thread->context, thread->loop, &thread->globalconf);
    thread->accept.ctx = &thread->context;
    thread->accept.hosts = thread->globalconf.hosts;
}

static void on_tenants_changed(void *data, const kal_uuid *tenants, size_t n)
{
    kal_api_thread *thread = data;

    for (size_t i = 0; i < n; i++)
        kal_auth_forget(thread->auth, tenants[i]);
}

void kal_api_thread_start(kal_engine *engine, int index, uv_loop_t *loop, void *data)
{
    kal_api *api = data;
    kal_api_thread *thread = kal_calloc(1, sizeof(*thread));
    size_t routes;

    kal_routes(&routes);
    thread->api = api;
    thread->engine = engine;
    thread->index = index;
    thread->loop = loop;
    thread->auth = kal_auth_new();
    thread->stats = kal_stats_new(routes);
    thread->hold = kal_hold_new();
    start_http(thread);
    thread->inbox = kal_inbox_new(loop, adopt, on_drain, thread);
    kal_engine_on_tenants_changed(engine, on_tenants_changed, thread);
    atomic_store(&api->thread[index], thread);
    atomic_fetch_add(&api->threads, 1);
    if (index == 0)
        kal_acceptor_start(api->acceptor, loop, hand_out, api);
}

void kal_api_thread_stop(kal_engine *engine, int index, void *data)
{
    kal_api *api = data;
    kal_api_thread *thread = atomic_load(&api->thread[index]);

    (void)engine;
    atomic_store(&api->draining, true);
    if (index == 0)
        kal_acceptor_stop(api->acceptor);
    while (thread->requests)
        kal_reply_error(thread->requests, KAL_ERR_UNAVAILABLE, "the server is stopping");
    kal_inbox_close(thread->inbox);
    hang_up(thread, SHUT_RDWR);
    thread->stopping = true;
    dispose_if_done(thread);
}

void kal_api_drain(kal_api *api)
{
    atomic_store(&api->draining, true);
    for (int i = 0; i < KAL_API_THREADS; i++) {
        kal_api_thread *thread = atomic_load(&api->thread[i]);
        if (thread)
            kal_inbox_wake(thread->inbox);
    }
}

int kal_api_in_flight(const kal_api *api)
{
    return atomic_load(&api->in_flight);
}

int64_t kal_api_connections(const kal_api *api)
{
    return kal_acceptor_count(api->acceptor);
}
