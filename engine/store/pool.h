/* A few connections of one thread for API reads and configuration writes.
 * Invariant: at most `queue` calls wait; one more is refused at once with UNAVAILABLE.
 * Thread: the loop's. Blocks: never. */
#ifndef KAL_STORE_POOL_H
#define KAL_STORE_POOL_H

#include "store/pg.h"

/* Under row level security. */
#define KAL_POOL_TENANT_ROLE "kalcifer_api"

typedef struct kal_pool kal_pool;

/* `size` connections; `queue` (0: 1000) calls may be in flight or waiting in all. */
kal_pool *kal_pool_new(uv_loop_t *loop, const kal_pg_options *options, size_t size, size_t queue);
void kal_pool_free(kal_pool *pool);
/* Sends on the connection with the least to do; UNAVAILABLE when none is up. */
void kal_pool_send(kal_pool *pool, kal_pg_call *call, kal_pg_cb cb, void *data);
/* At least one connection is up. */
bool kal_pool_is_up(const kal_pool *pool);

/* A call whose first statement makes the tenant known to row level security (set_config of
 * app.tenant, local to the call's transaction). Its rows are reply->rows[0]; yours follow. */
kal_pg_call *kal_pool_tenant_call(kal_uuid tenant);

#endif
