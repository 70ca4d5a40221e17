#include "api/works.h"

#include "base/alloc.h"

kal_works *kal_works_new(kal_request *request, kal_works_done done)
{
    kal_works *batch = kal_calloc(1, sizeof(*batch));

    batch->request = request;
    batch->done = done;
    kal_request_ref(request);
    return batch;
}

void kal_works_free(kal_works *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        kal_work_free(batch->items[i].work);
    kal_request_unref(batch->request);
    kal_free(batch->items);
    kal_free(batch);
}

kal_works_item *kal_works_add(kal_works *batch)
{
    if (batch->count == batch->cap) {
        batch->cap = batch->cap ? 2 * batch->cap : 64;
        batch->items = kal_realloc(batch->items, batch->cap * sizeof(*batch->items));
    }
    kal_works_item *item = &batch->items[batch->count++];
    *item = (kal_works_item){0};
    return item;
}

static void finish(kal_works *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        if (batch->items[i].work)
            batch->items[i].err = batch->items[i].work->err;
    batch->done(batch->request, batch);
    kal_works_free(batch);
}

static void on_done(kal_work *work)
{
    kal_works *batch = work->data;

    if (--batch->open == 0)
        finish(batch);
}

/* The first token was taken with the request; the others follow, below zero if need be. */
static void spend(const kal_works *batch)
{
    const kal_caller *caller = &batch->request->caller;
    kal_rate_class rate = batch->request->route->rate;

    if (batch->count > 1)
        kal_limits_spend(batch->request->thread->api->limits, caller->tenant, rate,
                         caller->rates[rate], kal_clock_mono_ns(), (int64_t)batch->count - 1);
}

void kal_works_submit(kal_works *batch)
{
    kal_work *first = NULL, **end = &first;

    spend(batch);
    for (size_t i = 0; i < batch->count; i++) {
        kal_work *work = batch->items[i].work;
        if (!work)
            continue;
        work->done = on_done;
        work->data = batch;
        batch->open++;
        *end = work;
        end = &work->next;
    }
    *end = NULL;
    if (first)
        kal_engine_submit(batch->request->engine, first);
    else
        finish(batch);
}
