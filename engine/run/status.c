/* What an engine tells of its shards. */
#include "run/engine_state.h"
#include "run/shard_state.h"

void kal_shard_add_status(kal_shard *shard, kal_engine_status *status)
{
    kal_figures *f = &shard->figures;
#define ADD(field) status->field += atomic_load_explicit(&f->field, memory_order_relaxed)
    ADD(instances);
    ADD(waiting);
    ADD(timers);
    ADD(queued);
    ADD(events);
    ADD(starts);
    ADD(completions);
    ADD(failures);
    ADD(exits);
    ADD(flushes);
    ADD(flushed_rows);
    ADD(flush_failures);
    ADD(recoveries);
    ADD(flush_ns);
    ADD(lua_bytes);
#undef ADD
    status->owned += (int)atomic_load_explicit(&f->ready, memory_order_relaxed);
    status->database = status->database && atomic_load(&f->database);
}

void kal_shard_add_tallies(const kal_shard *shard, kal_tally *ran, kal_tally *sent)
{
    kal_tally_add_all(ran, shard->ran);
    kal_tally_add_all(sent, shard->sent);
}

void kal_engine_get_status(kal_engine *engine, kal_engine_status *out)
{
    *out = (kal_engine_status){.shards = atomic_load(&engine->n_shards), .database = true};
    for (int s = 0; s < out->shards; s++) {
        kal_shard *shard = atomic_load(&engine->shards[s].shard);
        if (shard)
            kal_shard_add_status(shard, out);
    }
    out->database = out->database && out->shards > 0;
}

void kal_engine_add_tallies(kal_engine *engine, kal_tally *ran, kal_tally *sent)
{
    int shards = atomic_load(&engine->n_shards);
    for (int s = 0; s < shards; s++) {
        const kal_shard *shard = atomic_load(&engine->shards[s].shard);
        if (shard)
            kal_shard_add_tallies(shard, ran, sent);
    }
}
