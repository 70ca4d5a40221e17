/* empty_h2o PORT THREADS BODY: yardstick H. An h2o handler that reads the body and answers 202 with
 * a body of the given text, over libuv; the first thread accepts and hands descriptors out in turn,
 * as the engine does. Prints "ready" and runs until it is killed. */
#include <errno.h>
#include <h2o.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_THREADS 64
#define INBOX 1024

typedef struct server {
    uv_loop_t loop;
    h2o_globalconf_t globalconf;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    uv_async_t wake;
    pthread_mutex_t lock;
    int inbox[INBOX]; /* descriptors handed over */
    int waiting;
} server;

static server servers[MAX_THREADS];
static int n_servers, listener;
static const char *answer;
static uv_poll_t poll_handle;

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
    static const char type[] = "application/json", id[] = "00000000-0000-7000-8000-000000000000";

    (void)self;
    req->res.status = 202;
    req->res.reason = "Accepted";
    req->res.content_length = strlen(answer);
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, type,
                   sizeof(type) - 1);
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("x-request-id"), 1, NULL, id,
                          sizeof(id) - 1);
    h2o_send_inline(req, answer, strlen(answer));
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

static void adopt(server *s, int fd)
{
    uv_tcp_t *tcp = malloc(sizeof(*tcp));

    uv_tcp_init(&s->loop, tcp);
    if (uv_tcp_open(tcp, fd) != 0) {
        close(fd);
        uv_close((uv_handle_t *)tcp, on_closed);
        return;
    }
    h2o_accept(&s->accept, h2o_uv_socket_create((uv_stream_t *)tcp, on_closed));
}

static void on_wake(uv_async_t *async)
{
    server *s = async->data;
    int fds[INBOX];

    pthread_mutex_lock(&s->lock);
    int n = s->waiting;
    memcpy(fds, s->inbox, (size_t)n * sizeof(int));
    s->waiting = 0;
    pthread_mutex_unlock(&s->lock);
    for (int i = 0; i < n; i++)
        adopt(s, fds[i]);
}

static void hand_out(int fd)
{
    static unsigned turn;
    server *s = &servers[turn++ % (unsigned)n_servers];

    pthread_mutex_lock(&s->lock);
    bool room = s->waiting < INBOX;
    if (room)
        s->inbox[s->waiting++] = fd;
    pthread_mutex_unlock(&s->lock);
    if (room)
        uv_async_send(&s->wake);
    else
        close(fd);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    int one = 1, fd;

    (void)poll, (void)status, (void)events;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        hand_out(fd);
    }
}

static void set_up(server *s)
{
    pthread_mutex_init(&s->lock, NULL);
    uv_loop_init(&s->loop);
    uv_async_init(&s->loop, &s->wake, on_wake);
    s->wake.data = s;
    h2o_config_init(&s->globalconf);
    h2o_hostconf_t *host =
        h2o_config_register_host(&s->globalconf, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = on_request;
    h2o_context_init(&s->context, &s->loop, &s->globalconf);
    s->accept.ctx = &s->context;
    s->accept.hosts = s->globalconf.hosts;
}

static int listen_at(int port)
{
    struct sockaddr_in address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

    uv_ip4_addr("127.0.0.1", port, &address);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, SOMAXCONN) != 0) {
        fprintf(stderr, "empty_h2o: port %d: %s\n", port, strerror(errno));
        exit(1);
    }
    return fd;
}

static void *run(void *data)
{
    uv_run(&((server *)data)->loop, UV_RUN_DEFAULT);
    return NULL;
}

int main(int argc, char **argv)
{
    n_servers = argc == 4 ? atoi(argv[2]) : 0;
    if (n_servers < 1 || n_servers > MAX_THREADS) {
        fprintf(stderr, "usage: empty_h2o PORT THREADS BODY\n");
        return 2;
    }
    answer = argv[3];
    listener = listen_at(atoi(argv[1]));
    for (int i = 0; i < n_servers; i++)
        set_up(&servers[i]);
    uv_poll_init(&servers[0].loop, &poll_handle, listener);
    uv_poll_start(&poll_handle, UV_READABLE, on_readable);
    puts("ready");
    fflush(stdout);
    for (int i = 1; i < n_servers; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, run, &servers[i]);
    }
    run(&servers[0]);
    return 0;
}
