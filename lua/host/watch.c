#include "lua/host/watch.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

#include <string.h>

#define QUIET_MS 200
#define LONGEST_NS 2000000000ULL /* of changes that do not end */
#define LOOK_MS 2000
#define FOLDERS_MOST 4096

struct kal_watch {
    uv_loop_t *loop;
    uv_timer_t timer;
    kal_plugins *plugins;
    void (*changed)(void *data);
    void *data;
    uv_fs_event_t **events;
    size_t n;
    bool blind;        /* some folder is not watched */
    uint64_t since_ns; /* the first change that was not taken in; 0: none */
    bool told;         /* that watching has failed */
};

static void on_timer(uv_timer_t *timer);

static void on_closed(uv_handle_t *handle)
{
    kal_free(handle);
}

static void close_all(uv_fs_event_t **events, size_t n)
{
    for (size_t i = 0; i < n; i++)
        uv_close((uv_handle_t *)events[i], on_closed);
    kal_free(events);
}

static void on_event(uv_fs_event_t *event, const char *name, int kinds, int status)
{
    (void)name;
    (void)kinds;
    (void)status;
    kal_watch *watch = event->data;
    uint64_t now_ns = kal_clock_mono_ns();
    if (watch->since_ns == 0)
        watch->since_ns = now_ns;
    if (now_ns - watch->since_ns < LONGEST_NS)
        uv_timer_start(&watch->timer, on_timer, QUIET_MS, 0);
}

static void watch_folder(void *data, const char *folder)
{
    kal_watch *watch = data;
    if (watch->n == FOLDERS_MOST) {
        watch->blind = true;
        return;
    }
    uv_fs_event_t *event = kal_calloc(1, sizeof *event);
    uv_fs_event_init(watch->loop, event);
    event->data = watch;
    int status = uv_fs_event_start(event, on_event, folder, 0);
    watch->events = kal_realloc(watch->events, (watch->n + 1) * sizeof(uv_fs_event_t *));
    watch->events[watch->n++] = event; /* one that did not start has to be closed too */
    if (status == 0)
        return;
    watch->blind = true;
    if (status != UV_ENOENT && !watch->told)
        kal_log(KAL_LOG_WARN, "plugins_not_watched", "error", uv_strerror(status), NULL);
    watch->told = watch->told || status != UV_ENOENT;
}

/* Watches first and reads then, so that no change is missed; a new watch of a folder begins before
 * the old one ends. */
static void look(kal_watch *watch)
{
    uv_fs_event_t **old = watch->events;
    size_t n = watch->n;
    watch->events = NULL;
    watch->n = 0;
    watch->blind = false;
    watch->since_ns = 0;
    kal_plugins_folders(watch->plugins, watch_folder, watch);
    close_all(old, n);
    if (kal_plugins_reload(watch->plugins))
        watch->changed(watch->data);
    if (watch->blind)
        uv_timer_start(&watch->timer, on_timer, LOOK_MS, 0);
}

static void on_timer(uv_timer_t *timer)
{
    look(timer->data);
}

kal_watch *kal_watch_new(uv_loop_t *loop, kal_plugins *plugins, void (*changed)(void *data),
                         void *data)
{
    kal_watch *watch = kal_calloc(1, sizeof *watch);
    watch->loop = loop;
    watch->plugins = plugins;
    watch->changed = changed;
    watch->data = data;
    uv_timer_init(loop, &watch->timer);
    watch->timer.data = watch;
    look(watch);
    return watch;
}

static void on_timer_closed(uv_handle_t *handle)
{
    kal_free(handle->data);
}

void kal_watch_free(kal_watch *watch)
{
    if (watch == NULL)
        return;
    close_all(watch->events, watch->n);
    uv_close((uv_handle_t *)&watch->timer, on_timer_closed);
}
