#include "run/thread.h"

#include "base/alloc.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

struct kal_thread {
    int index;
    uv_thread_t id;
    uv_loop_t loop;
    uv_async_t wake;
    uv_mutex_t lock; /* guards first, last */
    kal_message *first, **last;
    void (*enter)(void *data);
    void (*leave)(void *data);
    void *data;
    bool quits;
};

static _Thread_local kal_thread *self;

static kal_message *take_all(kal_thread *thread)
{
    uv_mutex_lock(&thread->lock);
    kal_message *first = thread->first;
    thread->first = NULL;
    thread->last = &thread->first;
    uv_mutex_unlock(&thread->lock);
    return first;
}

static void on_wake(uv_async_t *async)
{
    kal_thread *thread = async->data;
    for (kal_message *message = take_all(thread), *next; message; message = next) {
        next = message->next;
        message->run(message);
    }
}

kal_thread *kal_thread_new(int index)
{
    kal_thread *thread = kal_calloc(1, sizeof *thread);
    thread->index = index;
    thread->last = &thread->first;
    uv_loop_init(&thread->loop);
    uv_mutex_init(&thread->lock);
    uv_async_init(&thread->loop, &thread->wake, on_wake);
    thread->wake.data = thread;
    return thread;
}

static void main_of(void *arg)
{
    kal_thread *thread = arg;
    self = thread;
    sigset_t others; /* the main thread's; what a thread does to itself stays its own */
    static const int own[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    sigfillset(&others);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        sigdelset(&others, own[i]);
    pthread_sigmask(SIG_BLOCK, &others, NULL);
    thread->enter(thread->data);
    while (!thread->quits)
        uv_run(&thread->loop, UV_RUN_ONCE);
    on_wake(&thread->wake); /* what was in the mailbox when it was told to quit */
    thread->leave(thread->data);
    uv_close((uv_handle_t *)&thread->wake, NULL);
    uv_run(&thread->loop, UV_RUN_DEFAULT);
}

void kal_thread_start(kal_thread *thread, void (*enter)(void *data), void (*leave)(void *data),
                      void *data)
{
    thread->enter = enter;
    thread->leave = leave;
    thread->data = data;
    uv_thread_create(&thread->id, main_of, thread);
}

void kal_thread_quit(kal_thread *thread)
{
    thread->quits = true;
}

void kal_thread_join(kal_thread *thread)
{
    uv_thread_join(&thread->id);
}

void kal_thread_free(kal_thread *thread)
{
    if (!thread)
        return;
    on_wake(&thread->wake); /* what was posted after its end */
    uv_loop_close(&thread->loop);
    uv_mutex_destroy(&thread->lock);
    kal_free(thread);
}

uv_loop_t *kal_thread_loop(kal_thread *thread)
{
    return &thread->loop;
}

int kal_thread_index(const kal_thread *thread)
{
    return thread->index;
}

kal_thread *kal_thread_self(void)
{
    return self;
}

void kal_thread_post(kal_thread *thread, kal_message *message)
{
    message->next = NULL;
    uv_mutex_lock(&thread->lock);
    bool first = !thread->first;
    *thread->last = message;
    thread->last = &message->next;
    uv_mutex_unlock(&thread->lock);
    if (first)
        uv_async_send(&thread->wake);
}
