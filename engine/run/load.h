/* What a batch must know before it walks: one query, whatever the batch's size.
 * Invariant: after kal_load_take every copy that a work of the batch can touch is there.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_LOAD_H
#define KAL_RUN_LOAD_H

#include "run/batch.h"

typedef struct kal_load kal_load;

/* Plans the load of a batch. Tenants or versions that must be loaded first are answered instead
 * (arrays that live as long as the load; see kal_flows_query): load them and plan again. */
kal_load *kal_load_new(kal_batch *batch);
void kal_load_free(kal_load *load);
const kal_uuid *kal_load_tenants(const kal_load *load, size_t *n);
kal_version *const *kal_load_versions(const kal_load *load, size_t *n);
/* The query, or NULL when there is nothing to load. */
kal_pg_call *kal_load_call(kal_load *load);
/* Appends every statement of a load with nothing to ask: prepared and planned ahead of the first
 * event. */
void kal_load_warm(kal_pg_call *call);
/* Fills the batch's copies. */
void kal_load_take(kal_load *load, const kal_pg_reply *reply);
/* The flow's re-entry rule: true when a customer may always enter again; else *ms is how long after
 * the last instance ended (KAL_NEVER: never). */
bool kal_reentry_free(const kal_flow *flow, int64_t *ms);

#endif
