/* Counters of answers by route and status, one set a thread.
 * Thread: the owner counts, any reads (relaxed atomics). Blocks: never. */
#ifndef KAL_API_STATS_H
#define KAL_API_STATS_H

#include <stddef.h>
#include <stdint.h>

typedef struct kal_stats kal_stats;

/* Counters for `routes` rows and one more for requests that no row answers. */
kal_stats *kal_stats_new(size_t routes);
void kal_stats_free(kal_stats *stats);
void kal_stats_count(kal_stats *stats, size_t route, int status);
/* Statuses that are counted apart, from 0; 0 at the end of the list. */
int kal_stats_status(size_t slot);
uint64_t kal_stats_get(const kal_stats *stats, size_t route, size_t slot);

#endif
