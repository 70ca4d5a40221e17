#include "run/work.h"

#include "base/alloc.h"

#include <string.h>
#include <xxhash.h>

kal_work *kal_work_new(kal_work_kind kind)
{
    kal_work *work = kal_calloc(1, sizeof *work);
    work->kind = kind;
    work->occurred_ms = INT64_MIN;
    return work;
}

void kal_work_free(kal_work *work)
{
    if (!work)
        return;
    kal_free(work->customer_id);
    kal_free(work->event_type);
    kal_free(work->event_id);
    kal_free(work->claim);
    kal_free(work->reason);
    kal_free(work->entry);
    kal_free(work->message);
    json_decref(work->body);
    kal_buf_deinit(&work->answer);
    kal_free(work);
}

bool kal_work_expired(const kal_work *work, uint64_t now_ns)
{
    return work->done && work->deadline_ns && work->deadline_ns <= now_ns;
}

uint64_t kal_customer_key(kal_uuid tenant, kal_str customer_id)
{
    uint64_t seed;
    uint64_t half;
    memcpy(&seed, tenant.b, sizeof seed);
    memcpy(&half, tenant.b + sizeof seed, sizeof half);
    return XXH3_64bits_withSeed(customer_id.p, customer_id.n,
                                seed ^ (half * 0x9E3779B97F4A7C15ULL));
}
