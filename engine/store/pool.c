#include "store/pool.h"

#include "base/alloc.h"
#include "store/pg_call.h"

#define QUEUE_DEFAULT 1000

struct kal_pool {
    size_t size, queue, up;
    void (*on_state)(void *data, bool up);
    void *data;
    kal_pg *pgs[];
};

/* The pool is up while any connection is. */
static void on_state(void *data, bool up)
{
    kal_pool *pool = data;
    size_t before = pool->up;
    pool->up = up ? before + 1 : before - 1;
    if (pool->on_state && !before != !pool->up)
        pool->on_state(pool->data, up);
}

kal_pool *kal_pool_new(uv_loop_t *loop, const kal_pg_options *options, size_t size, size_t queue)
{
    kal_pool *pool = kal_calloc(1, sizeof *pool + size * sizeof *pool->pgs);
    kal_pg_options own = *options;

    pool->size = size;
    pool->queue = queue ? queue : QUEUE_DEFAULT;
    pool->on_state = options->on_state;
    pool->data = options->data;
    own.on_state = on_state;
    own.data = pool;
    for (size_t i = 0; i < size; i++)
        pool->pgs[i] = kal_pg_new(loop, &own);
    return pool;
}

void kal_pool_free(kal_pool *pool)
{
    if (!pool)
        return;
    for (size_t i = 0; i < pool->size; i++)
        kal_pg_free(pool->pgs[i]);
    kal_free(pool);
}

void kal_pool_send(kal_pool *pool, kal_pg_call *call, kal_pg_cb cb, void *data)
{
    kal_pg *best = NULL;
    size_t pending = 0;
    for (size_t i = 0; i < pool->size; i++) {
        kal_pg *pg = pool->pgs[i];
        pending += kal_pg_pending(pg);
        if (kal_pg_is_up(pg) && (!best || kal_pg_pending(pg) < kal_pg_pending(best)))
            best = pg;
    }
    if (pending >= pool->queue)
        kal_pg_refuse(pool->pgs[0], call, cb, data, "too many calls wait for the database");
    else
        kal_pg_send(best ? best : pool->pgs[0], call, cb, data);
}

bool kal_pool_is_up(const kal_pool *pool)
{
    return pool->up > 0;
}

kal_pg_call *kal_pool_tenant_call(kal_uuid tenant)
{
    kal_pg_call *call = kal_pg_call_new();
    kal_pg_call_add_one(call, KAL_SQL_SET_TENANT, kal_v_uuid(tenant));
    return call;
}
