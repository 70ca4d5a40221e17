#include "api/limits.h"

#include "base/alloc.h"
#include "base/map.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#define STRIPES 64

typedef struct bucket {
    double tokens;
    uint64_t at_ns; /* when tokens was right */
    kal_rate rate;
} bucket;

typedef struct stripe {
    pthread_mutex_t lock;
    kal_strmap buckets; /* by tenant and class */
} stripe;

struct kal_limits {
    stripe stripes[STRIPES];
};

kal_limits *kal_limits_new(void)
{
    kal_limits *limits = kal_calloc(1, sizeof(*limits));

    for (size_t i = 0; i < STRIPES; i++)
        pthread_mutex_init(&limits->stripes[i].lock, NULL);
    return limits;
}

void kal_limits_free(kal_limits *limits)
{
    if (!limits)
        return;
    for (size_t i = 0; i < STRIPES; i++) {
        size_t at = 0;
        kal_str key;
        void *value;
        while (kal_strmap_next(&limits->stripes[i].buckets, &at, &key, &value))
            kal_free(value);
        kal_strmap_deinit(&limits->stripes[i].buckets);
        pthread_mutex_destroy(&limits->stripes[i].lock);
    }
    kal_free(limits);
}

/* The bucket, filled up to now. A rate that has changed begins with a full bucket. */
static bucket *fill(stripe *s, kal_uuid tenant, kal_rate_class rate_class, kal_rate rate,
                    uint64_t now_ns)
{
    char key[sizeof(tenant.b) + 1];

    memcpy(key, tenant.b, sizeof(tenant.b));
    key[sizeof(tenant.b)] = (char)rate_class;
    kal_str name = {key, sizeof(key)};
    bucket *b = kal_strmap_get(&s->buckets, name);
    if (!b) {
        b = kal_calloc(1, sizeof(*b));
        kal_strmap_put(&s->buckets, name, b);
    }
    if (b->rate.max_requests != rate.max_requests ||
        b->rate.window_seconds != rate.window_seconds) {
        b->rate = rate;
        b->tokens = (double)rate.max_requests;
    } else if (now_ns > b->at_ns) {
        double flow = (double)rate.max_requests / ((double)rate.window_seconds * 1e9);
        b->tokens = fmin((double)rate.max_requests, b->tokens + (double)(now_ns - b->at_ns) * flow);
    }
    if (now_ns > b->at_ns)
        b->at_ns = now_ns;
    return b;
}

static stripe *stripe_of(kal_limits *limits, kal_uuid tenant)
{
    return &limits->stripes[kal_uuid_hash(tenant) % STRIPES];
}

/* Whole seconds until the bucket holds a token, at least one. */
static int64_t seconds_to_one(const bucket *b)
{
    double flow = (double)b->rate.max_requests / (double)b->rate.window_seconds;

    return (int64_t)fmax(1, ceil((1 - b->tokens) / flow - 1e-6));
}

bool kal_limits_take(kal_limits *limits, kal_uuid tenant, kal_rate_class rate_class, kal_rate rate,
                     uint64_t now_ns, int64_t *retry_after)
{
    if (rate_class == KAL_RATE_NONE || rate.max_requests <= 0 || rate.window_seconds <= 0)
        return true;
    stripe *s = stripe_of(limits, tenant);
    pthread_mutex_lock(&s->lock);
    bucket *b = fill(s, tenant, rate_class, rate, now_ns);
    bool ok = b->tokens >= 1;
    if (ok)
        b->tokens -= 1;
    else
        *retry_after = seconds_to_one(b);
    pthread_mutex_unlock(&s->lock);
    return ok;
}

void kal_limits_spend(kal_limits *limits, kal_uuid tenant, kal_rate_class rate_class, kal_rate rate,
                      uint64_t now_ns, int64_t n)
{
    if (rate_class == KAL_RATE_NONE || rate.max_requests <= 0 || rate.window_seconds <= 0)
        return;
    stripe *s = stripe_of(limits, tenant);
    pthread_mutex_lock(&s->lock);
    fill(s, tenant, rate_class, rate, now_ns)->tokens -= (double)n;
    pthread_mutex_unlock(&s->lock);
}
