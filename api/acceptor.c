#include "api/acceptor.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/map.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRUSTED_MAX 32
#define ACCEPTS_A_TURN 64
#define PAUSE_MS 100

struct kal_acceptor {
    int fd; /* -1 once stopped */
    bool started;
    uv_poll_t poll;
    uv_timer_t pause; /* out of descriptors: try again later */
    void (*hand)(void *data, int fd, uint64_t address);
    void *data;
    int64_t most, most_an_address;
    int timeout_ms;
    uint64_t trusted[TRUSTED_MAX];
    size_t n_trusted;
    pthread_mutex_t lock; /* the two below */
    int64_t open;
    kal_u64map by_address;
};

/* What connections are counted by: an IPv4 address, or an IPv6 network of 64 bits. */
static uint64_t address_key(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr);
    struct sockaddr_in6 six;
    memcpy(&six, sa, sizeof(six));
    const uint8_t *b = six.sin6_addr.s6_addr;
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool v4 = memcmp(b, mapped, sizeof(mapped)) == 0;
    bool loopback = memcmp(b, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16) == 0;
    uint64_t key = 0;
    for (size_t i = v4 ? 12 : 0; i < (v4 ? 16 : 8); i++)
        key = key << 8 | b[i];
    return loopback ? UINT64_MAX : key;
}

static bool parse_address(const char *text, uint64_t *key)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *info;

    if (getaddrinfo(text, NULL, &hints, &info) != 0)
        return false;
    *key = address_key(info->ai_addr);
    freeaddrinfo(info);
    return true;
}

static bool read_trusted(kal_acceptor *a, const char *list, kal_buf *error)
{
    while (*list) {
        char text[64];
        size_t n = strcspn(list, ",");
        size_t skip = strspn(list, " ");
        snprintf(text, sizeof(text), "%.*s", (int)(n > skip ? n - skip : 0), list + skip);
        if (text[0]) {
            if (a->n_trusted == TRUSTED_MAX || !parse_address(text, &a->trusted[a->n_trusted])) {
                kal_buf_printf(error, "TRUSTED_PROXIES: %s is no address", text);
                return false;
            }
            a->n_trusted++;
        }
        list += n + (list[n] == ',');
    }
    return true;
}

static int listen_at(const char *host, int port, kal_buf *error)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *info;
    char service[8];
    int fd = -1, one = 1;

    snprintf(service, sizeof(service), "%d", port);
    int rc = getaddrinfo(host, service, &hints, &info);
    if (rc != 0) {
        kal_buf_printf(error, "cannot listen on %s: %s", host, gai_strerror(rc));
        return -1;
    }
    fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0) {
        kal_buf_printf(error, "cannot listen on %s port %d: %s", host, port,
                       errno == EADDRINUSE ? "another process does already (choose another with "
                                             "--listen or PORT)"
                                           : strerror(errno));
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    freeaddrinfo(info);
    return fd;
}

kal_acceptor *kal_acceptor_new(const kal_config *config, const char *host, int port, kal_buf *error)
{
    kal_acceptor *a = kal_calloc(1, sizeof(*a));

    a->most = kal_config_int(config, "MAX_CONNECTIONS");
    a->most_an_address = kal_config_int(config, "MAX_CONNECTIONS_PER_ADDRESS");
    a->timeout_ms = (int)kal_config_int(config, "CLIENT_TIMEOUT_SECONDS") * 1000;
    a->fd = -1;
    pthread_mutex_init(&a->lock, NULL);
    if (read_trusted(a, kal_config_text(config, "TRUSTED_PROXIES"), error))
        a->fd = listen_at(host, port, error);
    if (a->fd >= 0)
        return a;
    kal_acceptor_free(a);
    return NULL;
}

void kal_acceptor_free(kal_acceptor *a)
{
    if (!a)
        return;
    if (a->fd >= 0)
        close(a->fd);
    kal_u64map_deinit(&a->by_address);
    pthread_mutex_destroy(&a->lock);
    kal_free(a);
}

static bool is_trusted(const kal_acceptor *a, uint64_t address)
{
    for (size_t i = 0; i < a->n_trusted; i++)
        if (a->trusted[i] == address)
            return true;
    return false;
}

/* Counts the connection in; false when a cap stands against it. */
static bool count_in(kal_acceptor *a, uint64_t address)
{
    uint64_t n = 0;

    pthread_mutex_lock(&a->lock);
    kal_u64map_get(&a->by_address, address, &n);
    bool ok = is_trusted(a, address) || (a->open < a->most && n < (uint64_t)a->most_an_address);
    if (ok) {
        a->open++;
        kal_u64map_put(&a->by_address, address, n + 1);
    }
    pthread_mutex_unlock(&a->lock);
    return ok;
}

void kal_acceptor_closed(kal_acceptor *a, uint64_t address)
{
    uint64_t n = 0;

    pthread_mutex_lock(&a->lock);
    a->open--;
    if (kal_u64map_get(&a->by_address, address, &n) && n > 1)
        kal_u64map_put(&a->by_address, address, n - 1);
    else
        kal_u64map_del(&a->by_address, address);
    pthread_mutex_unlock(&a->lock);
}

int64_t kal_acceptor_count(kal_acceptor *a)
{
    pthread_mutex_lock(&a->lock);
    int64_t open = a->open;
    pthread_mutex_unlock(&a->lock);
    return open;
}

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_pause_over(uv_timer_t *timer)
{
    kal_acceptor *a = timer->data;

    uv_poll_start(&a->poll, UV_READABLE, on_readable);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    kal_acceptor *a = poll->data;
    int one = 1;

    (void)status, (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        struct sockaddr_storage from = {0};
        socklen_t len = sizeof(from);
        int fd = accept4(a->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
            kal_log(KAL_LOG_WARN, "accept_paused", "reason", strerror(errno), NULL);
            uv_poll_stop(&a->poll);
            uv_timer_start(&a->pause, on_pause_over, PAUSE_MS, 0);
            return;
        }
        if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (fd < 0)
            continue; /* that client has gone; the next one may be there */
        uint64_t address = address_key((struct sockaddr *)&from);
        if (!count_in(a, address)) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        /* For a client that is unreachable, and since Linux 5.11 for one that does not read. */
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &a->timeout_ms, sizeof(a->timeout_ms));
        a->hand(a->data, fd, address);
    }
}

void kal_acceptor_start(kal_acceptor *a, uv_loop_t *loop,
                        void (*hand)(void *data, int fd, uint64_t address), void *data)
{
    a->hand = hand;
    a->data = data;
    a->started = true;
    a->poll.data = a->pause.data = a;
    uv_poll_init(loop, &a->poll, a->fd);
    uv_timer_init(loop, &a->pause);
    uv_poll_start(&a->poll, UV_READABLE, on_readable);
}

static void on_poll_closed(uv_handle_t *handle)
{
    kal_acceptor *a = handle->data;

    close(a->fd);
    a->fd = -1;
}

void kal_acceptor_stop(kal_acceptor *a)
{
    if (!a->started)
        return;
    a->started = false;
    uv_close((uv_handle_t *)&a->pause, NULL);
    uv_close((uv_handle_t *)&a->poll, on_poll_closed);
}
