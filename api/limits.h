/* Rate limits: token buckets per tenant and class, exact over all threads.
 * Invariant: over any window a tenant gets at most a full bucket and what flows in meanwhile; a
 * batch may push a bucket below zero and is paid off before the next request.
 * Thread: any (striped mutexes). Blocks: for the length of a bucket's arithmetic. */
#ifndef KAL_API_LIMITS_H
#define KAL_API_LIMITS_H

#include "base/uuid.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum kal_rate_class {
    KAL_RATE_NONE, /* not limited */
    KAL_RATE_TRIGGER,
    KAL_RATE_EVENTS,
    KAL_RATE_API,
    KAL_RATE_CLASSES
} kal_rate_class;

typedef struct kal_rate {
    int64_t max_requests; /* 0: no limit */
    int64_t window_seconds;
} kal_rate;

typedef struct kal_limits kal_limits;

kal_limits *kal_limits_new(void);
void kal_limits_free(kal_limits *limits);
/* Takes a token if there is one; else false with the whole seconds (at least 1) until there is. */
bool kal_limits_take(kal_limits *limits, kal_uuid tenant, kal_rate_class rate_class, kal_rate rate,
                     uint64_t now_ns, int64_t *retry_after);
/* Takes n more tokens, below zero if need be: the rest of a batch. */
void kal_limits_spend(kal_limits *limits, kal_uuid tenant, kal_rate_class rate_class, kal_rate rate,
                      uint64_t now_ns, int64_t n);

#endif
