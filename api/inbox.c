#include "api/inbox.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>

typedef struct item {
    int fd;
    uint64_t address;
} item;

struct kal_inbox {
    uv_async_t wake;
    void (*deliver)(void *data, int fd, uint64_t address);
    void (*woken)(void *data);
    void *data;
    pthread_mutex_t lock; /* the rest */
    item *items;
    size_t len, cap;
    bool closed;
};

static void on_wake(uv_async_t *async)
{
    kal_inbox *inbox = async->data;

    pthread_mutex_lock(&inbox->lock);
    item *items = inbox->items;
    size_t len = inbox->len;
    inbox->items = NULL;
    inbox->len = inbox->cap = 0;
    pthread_mutex_unlock(&inbox->lock);
    for (size_t i = 0; i < len; i++)
        inbox->deliver(inbox->data, items[i].fd, items[i].address);
    kal_free(items);
    inbox->woken(inbox->data);
}

kal_inbox *kal_inbox_new(uv_loop_t *loop, void (*deliver)(void *data, int fd, uint64_t address),
                         void (*woken)(void *data), void *data)
{
    kal_inbox *inbox = kal_calloc(1, sizeof(*inbox));

    inbox->deliver = deliver;
    inbox->woken = woken;
    inbox->data = data;
    pthread_mutex_init(&inbox->lock, NULL);
    inbox->wake.data = inbox;
    uv_async_init(loop, &inbox->wake, on_wake);
    return inbox;
}

void kal_inbox_put(kal_inbox *inbox, int fd, uint64_t address)
{
    pthread_mutex_lock(&inbox->lock);
    bool closed = inbox->closed;
    if (!closed) {
        if (inbox->len == inbox->cap) {
            inbox->cap = inbox->cap ? 2 * inbox->cap : 16;
            inbox->items = kal_realloc(inbox->items, inbox->cap * sizeof(*inbox->items));
        }
        inbox->items[inbox->len++] = (item){fd, address};
        uv_async_send(&inbox->wake);
    }
    pthread_mutex_unlock(&inbox->lock);
    if (closed)
        close(fd);
}

void kal_inbox_wake(kal_inbox *inbox)
{
    pthread_mutex_lock(&inbox->lock);
    if (!inbox->closed)
        uv_async_send(&inbox->wake);
    pthread_mutex_unlock(&inbox->lock);
}

void kal_inbox_close(kal_inbox *inbox)
{
    pthread_mutex_lock(&inbox->lock);
    inbox->closed = true;
    for (size_t i = 0; i < inbox->len; i++)
        close(inbox->items[i].fd);
    inbox->len = 0;
    pthread_mutex_unlock(&inbox->lock);
    uv_close((uv_handle_t *)&inbox->wake, NULL);
}

void kal_inbox_free(kal_inbox *inbox)
{
    if (!inbox)
        return;
    pthread_mutex_destroy(&inbox->lock);
    kal_free(inbox->items);
    kal_free(inbox);
}
