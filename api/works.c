#include "api/works.h"

#include "api/claim.h"
#include "base/alloc.h"

#define VALUE_BYTES 128 /* of memory, about */

kal_work *kal_works_make(const kal_request *request, kal_work_kind kind, kal_str customer,
                         json_t *body, size_t size)
{
    kal_work *work = kal_work_new(kind);

    work->tenant = request->caller.tenant;
    work->customer_id = kal_strndup(customer.p, customer.n);
    work->customer_key = kal_customer_key(work->tenant, customer);
    work->body = body;
    work->size = size;
    work->deadline_ns = kal_request_deadline();
    return work;
}

void kal_works_send(kal_request *request, kal_work *work, void (*done)(kal_work *work))
{
    work->done = done;
    work->data = request;
    kal_request_ref(request);
    if (kal_claim_work(request, work, 0))
        done(work);
    else
        kal_engine_submit(request->thread->engine, work);
}

size_t kal_works_values(const json_t *value)
{
    size_t count = 1, i;
    const char *key;
    json_t *member;

    json_array_foreach(value, i, member) count += kal_works_values(member);
    json_object_foreach((json_t *)(uintptr_t)value, key, member) count += kal_works_values(member);
    return count;
}

size_t kal_works_size(const json_t *value, size_t text)
{
    return text + VALUE_BYTES * kal_works_values(value);
}

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
        if (!work || kal_claim_work(batch->request, work, i))
            continue;
        work->done = on_done;
        work->data = batch;
        batch->open++;
        *end = work;
        end = &work->next;
    }
    *end = NULL;
    if (first)
        kal_engine_submit(batch->request->thread->engine, first);
    else
        finish(batch);
}
