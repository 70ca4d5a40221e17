/* The end of a shard: first the works that callers wait for, then the lease's release. */
#include "run/shard_state.h"

#include "base/alloc.h"
#include "base/log.h"

typedef struct kal_drain {
    kal_shard *shard;
    void (*drained)(void *data);
    void *data;
} kal_drain;

static void on_released(void *data, const kal_pg_reply *reply)
{
    kal_drain drain = *(kal_drain *)data;
    kal_free(data);
    if (reply->err)
        kal_log(KAL_LOG_WARN, "lease_not_released", "error", reply->message, NULL);
    drain.drained(drain.data);
}

static void on_works_done(void *data)
{
    kal_drain *drain = data;
    kal_shard *shard = drain->shard;
    shard->state = KAL_SHARD_OFF; /* no turn begins any more */
    kal_pg_call *call = kal_pg_call_new();
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_int(KAL_INT2, shard->options.index));
    kal_args_add(args, kal_v_uuid(shard->options.node));
    kal_args_add(args, kal_v_int(KAL_INT8, shard->epoch));
    kal_pg_call_add(call, KAL_SQL_LEASE_RELEASE, args);
    kal_pg_send(shard->pg, call, on_released, drain);
}

void kal_shard_drain(kal_shard *shard, void (*drained)(void *data), void *data)
{
    if (shard->state == KAL_SHARD_OFF || !kal_pg_is_up(shard->pg)) {
        shard->state = KAL_SHARD_OFF;
        drained(data);
        return;
    }
    kal_drain *drain = kal_alloc(sizeof *drain);
    *drain = (kal_drain){shard, drained, data};
    shard->state = KAL_SHARD_DRAINING;
    shard->drained = on_works_done;
    shard->drained_data = drain;
    kal_shard_pump(shard);
}
