#include "run/timers.h"

static int compare(const kal_timer *a, const kal_timer *b)
{
    if (a->due_ms != b->due_ms)
        return a->due_ms < b->due_ms ? -1 : 1;
    int order = kal_uuid_cmp(a->instance, b->instance);
    if (order)
        return order;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

static bool less(const void *a, const void *b)
{
    return compare(a, b) < 0;
}

void kal_timers_init(kal_timers *timers)
{
    *timers = (kal_timers){.horizon = {.due_ms = INT64_MIN}};
    kal_heap_init(&timers->heap, sizeof(kal_timer), less);
}

void kal_timers_deinit(kal_timers *timers)
{
    kal_heap_deinit(&timers->heap);
}

void kal_timers_committed(kal_timers *timers, const kal_timer *timer, int64_t due_ms)
{
    kal_timer later = *timer;
    later.due_ms = due_ms;
    if (compare(timer, &timers->horizon) <= 0)
        kal_heap_push(&timers->heap, &later);
}

void kal_timers_put(kal_timers *timers, const kal_timer *timer)
{
    kal_heap_push(&timers->heap, timer);
}

void kal_timers_begin_load(kal_timers *timers, const kal_timer *horizon, kal_timer *from)
{
    *from = timers->horizon;
    timers->horizon = *horizon;
    timers->loading = true;
}

void kal_timers_end_load(kal_timers *timers, const kal_timer *last)
{
    if (last)
        timers->horizon = *last;
    timers->loading = false;
}

bool kal_timers_pop(kal_timers *timers, int64_t now_ms, kal_timer *out)
{
    const kal_timer *top = kal_heap_top(&timers->heap);
    return top && top->due_ms <= now_ms && kal_heap_pop(&timers->heap, out);
}

int64_t kal_timers_next(const kal_timers *timers)
{
    const kal_timer *top = kal_heap_top(&timers->heap);
    return top ? top->due_ms : INT64_MAX;
}
