/* What an engine tells of its shards. */
#include "run/engine_state.h"

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
