/* Other plugins come into force: for the threads' checks at once, for a shard between turns. */
#include "run/engine_state.h"
#include "run/shard_state.h"

#include "base/alloc.h"

static void ignore(void *data)
{
    (void)data;
}

/* What was held for a plugin's return goes on with it. */
static void on_mended(void *data, kal_uuid tenant)
{
    kal_shard_flow_changed(data, tenant, ignore, NULL);
}

void kal_shard_take_plugins(kal_shard *shard)
{
    if (!shard->adopts)
        return;
    shard->adopts = false;
    if (kal_lua_adopt(shard->lua))
        kal_flows_mend(shard->flows, on_mended, shard);
}

void kal_shard_adopt(kal_shard *shard)
{
    shard->adopts = true;
    if (!shard->in_turn)
        kal_shard_take_plugins(shard);
}

typedef struct kal_plugins_message {
    kal_message message;
    kal_engine *engine;
} kal_plugins_message;

static void on_plugins(kal_message *message)
{
    kal_engine *engine = ((kal_plugins_message *)message)->engine;
    int index = kal_thread_index(kal_thread_self());
    int shards = atomic_load(&engine->n_shards);
    if (engine->threads[index].lua)
        (void)kal_lua_adopt(engine->threads[index].lua);
    for (int s = 0; s < shards; s++) {
        kal_shard *shard = atomic_load(&engine->shards[s].shard);
        if (engine->shards[s].thread == index && shard)
            kal_shard_adopt(shard);
    }
    kal_free(message);
}

void kal_engine_plugins_changed(kal_engine *engine)
{
    for (int t = 0; t < engine->n_threads; t++) {
        kal_plugins_message *m = kal_alloc(sizeof *m);
        *m = (kal_plugins_message){{.run = on_plugins}, engine};
        kal_thread_post(engine->threads[t].thread, &m->message);
    }
}

json_t *kal_engine_plugin_problems(kal_engine *engine)
{
    kal_plugins *plugins = engine->options.plugins;
    return plugins ? kal_plugins_problems(plugins) : json_object();
}
