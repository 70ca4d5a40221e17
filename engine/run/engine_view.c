/* What the API reads of an engine, and what it uses of a thread. */
#include "run/engine_state.h"

bool kal_engine_is_active(kal_engine *engine)
{
    int shards = atomic_load(&engine->n_shards);
    for (int s = 0; s < shards; s++)
        if (!atomic_load_explicit(&engine->shards[s].runs, memory_order_relaxed))
            return false;
    if (shards > 0 && kal_quotas_ready(engine->quotas))
        return true;
    if (shards > 0 && !kal_quotas_under_way(engine->quotas))
        kal_engine_load_quotas(engine); /* the database was away */
    return false;
}

int kal_engine_thread(const kal_engine *engine)
{
    (void)engine;
    kal_thread *self = kal_thread_self();
    return self ? kal_thread_index(self) : 0;
}

kal_lua *kal_engine_lua(kal_engine *engine)
{
    return engine->threads[kal_engine_thread(engine)].lua;
}

kal_pool *kal_engine_reads(kal_engine *engine)
{
    return engine->threads[kal_engine_thread(engine)].reads;
}

kal_pool *kal_engine_writes(kal_engine *engine)
{
    return engine->threads[kal_engine_thread(engine)].writes;
}

kal_pool *kal_engine_held(kal_engine *engine)
{
    return engine->threads[kal_engine_thread(engine)].held;
}

kal_cells *kal_engine_cells(kal_engine *engine)
{
    return engine->threads[kal_engine_thread(engine)].cells;
}

kal_cell_book *kal_engine_cell_book(kal_engine *engine)
{
    return engine->book;
}

const kal_quota *kal_engine_quota(kal_engine *engine, kal_uuid tenant)
{
    return kal_quotas_find(engine->quotas, tenant);
}

kal_clock *kal_engine_clock(kal_engine *engine)
{
    return engine->options.clock;
}
