/* Tenants' quotas, and how much of them is used: live instances, customers, events of a day (UTC,
 * journey time). Counts are this process's, which holds every shard; they are read from the
 * database when the shards are taken over or a quota is set, and counted on in memory: what is
 * under way while they are read may be counted twice or not at all. Tenants without a quota cost
 * nothing. Invariant: what was taken and not committed is given back.
 * Thread: any; loading on the thread of the pool. Blocks: for a look into a map. */
#ifndef KAL_RUN_QUOTA_H
#define KAL_RUN_QUOTA_H

#include "base/uuid.h"
#include "lua/host/cell_book.h"
#include "store/pool.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum kal_quota_kind {
    KAL_QUOTA_INSTANCES,
    KAL_QUOTA_CUSTOMERS,
    KAL_QUOTA_EVENTS,
    KAL_QUOTA_KINDS
} kal_quota_kind;

typedef struct kal_quotas kal_quotas;
typedef struct kal_quota kal_quota;

/* What the settings say of tenants' code goes to the book, which outlives the quotas. */
kal_quotas *kal_quotas_new(kal_cell_book *book);
void kal_quotas_free(kal_quotas *quotas);

/* Reads the quotas of n tenants, or of all (n = 0: counts anew); done (may be NULL) runs later. A
 * failure is logged. */
void kal_quotas_load(kal_quotas *quotas, kal_pool *pool, const kal_uuid *tenants, size_t n,
                     int64_t now_ms, void (*done)(void *data), void *data);
/* Those of all tenants have been read since they were last asked for. Under way: they are being
 * read. */
bool kal_quotas_ready(const kal_quotas *quotas);
bool kal_quotas_under_way(const kal_quotas *quotas);

/* The tenant's, or NULL: it has none. It lives as long as the quotas, which may be NULL. */
kal_quota *kal_quotas_find(kal_quotas *quotas, kal_uuid tenant);
/* Takes one, unless that is over the limit. */
bool kal_quota_take(kal_quota *quota, kal_quota_kind kind, int64_t now_ms);
/* The limit, -1 when there is none, and what of it is used. */
int64_t kal_quota_most(const kal_quota *quota, kal_quota_kind kind);
int64_t kal_quota_used(const kal_quota *quota, kal_quota_kind kind, int64_t now_ms);
/* Adds to what is used; what is given back is negative. */
void kal_quota_add(kal_quota *quota, kal_quota_kind kind, int64_t n);
/* "the quota … is used up". Static text. */
const char *kal_quota_text(kal_quota_kind kind);

#endif
