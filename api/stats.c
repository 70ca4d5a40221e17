#include "api/stats.h"

#include "base/alloc.h"

#include <stdatomic.h>

static const int statuses[] = {200, 201, 202, 204, 304, 400, 401, 403,
                               404, 405, 409, 413, 422, 429, 500, 503};

#define SLOTS (sizeof(statuses) / sizeof(statuses[0]))

struct kal_stats {
    size_t routes;
    _Atomic uint64_t counts[];
};

kal_stats *kal_stats_new(size_t routes)
{
    kal_stats *stats = kal_calloc(1, sizeof(*stats) + (routes + 1) * SLOTS * sizeof(uint64_t));

    stats->routes = routes;
    return stats;
}

void kal_stats_free(kal_stats *stats)
{
    kal_free(stats);
}

void kal_stats_count(kal_stats *stats, size_t route, int status)
{
    for (size_t slot = 0; slot < SLOTS; slot++)
        if (statuses[slot] == status) {
            atomic_fetch_add_explicit(&stats->counts[route * SLOTS + slot], 1,
                                      memory_order_relaxed);
            return;
        }
}

int kal_stats_status(size_t slot)
{
    return slot < SLOTS ? statuses[slot] : 0;
}

uint64_t kal_stats_get(const kal_stats *stats, size_t route, size_t slot)
{
    return atomic_load_explicit(&stats->counts[route * SLOTS + slot], memory_order_relaxed);
}
