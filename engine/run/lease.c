#include "run/lease.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/pg.h"

#include <stdatomic.h>

#define POLL_MS 3000
#define EAGER_MS 500 /* while shards are missing */
#define TTL_NS 10000000000ULL
#define SPARE_NS 1000000000ULL
#define DAY_MS 86400000
#define OVERLAP_MS 10000 /* a change is told by its transaction's time, which may end later */
#define MS 1000000ULL

struct kal_lease {
    kal_lease_options options;
    kal_pg *pg;
    uv_timer_t *timer;
    bool polling, stopped;
    int shards;
    int64_t day; /* for which partitions were looked at */
    uint64_t asked_ns;
    uint64_t looked_ns; /* when the last poll that answered was asked */
    atomic_uint_fast64_t held_until_ns;
};

static void poll_now(kal_lease *lease);

static void on_up(void *data, bool up)
{
    if (up)
        poll_now(data);
}

static void on_timer(uv_timer_t *timer)
{
    poll_now(timer->data);
}

static void on_closed(uv_handle_t *handle)
{
    kal_free(handle);
}

kal_lease *kal_lease_new(uv_loop_t *loop, const kal_lease_options *options)
{
    kal_lease *lease = kal_calloc(1, sizeof *lease);
    lease->options = *options;
    lease->timer = kal_calloc(1, sizeof *lease->timer);
    uv_timer_init(loop, lease->timer);
    lease->timer->data = lease;
    lease->looked_ns = kal_clock_mono_ns(); /* nothing is cached yet */
    kal_pg_options pg = {.conninfo = options->conninfo,
                         .statement_timeout_ms = 5000,
                         .on_state = on_up,
                         .data = lease};
    lease->pg = kal_pg_new(loop, &pg);
    return lease;
}

void kal_lease_free(kal_lease *lease)
{
    if (!lease)
        return;
    kal_pg_free(lease->pg);
    uv_close((uv_handle_t *)lease->timer, on_closed);
    kal_free(lease);
}

void kal_lease_stop(kal_lease *lease)
{
    lease->stopped = true;
}

bool kal_lease_holds(const kal_lease *lease)
{
    return kal_clock_mono_ns() < atomic_load(&lease->held_until_ns);
}

static void again(kal_lease *lease, bool all_run)
{
    lease->polling = false;
    uv_timer_start(lease->timer, on_timer, all_run ? POLL_MS : EAGER_MS, 0);
}

static void on_taken(void *data, const kal_pg_reply *reply)
{
    kal_lease *lease = data;
    if (reply->err) {
        kal_log(KAL_LOG_WARN, "lease_not_taken", "error", reply->message, NULL);
        again(lease, false);
        return;
    }
    const kal_pg_rows *rows = reply->rows[0];
    atomic_store(&lease->held_until_ns, lease->asked_ns + TTL_NS - SPARE_NS);
    for (size_t row = 0; !lease->stopped && row < kal_pg_count(rows); row++)
        lease->options.on_taken(lease->options.data, (int)kal_pg_int(rows, row, 0),
                                kal_pg_int(rows, row, 1), kal_pg_int(rows, row, 2),
                                kal_pg_int(rows, row, 3) != 0);
    again(lease, true);
}

static void on_evicted(void *data, const kal_pg_reply *reply)
{
    (void)data;
    if (reply->err)
        kal_log(KAL_LOG_WARN, "lease_not_evicted", "error", reply->message, NULL);
}

static void take(kal_lease *lease, const kal_value *shards, size_t n)
{
    kal_pg_call *evict = kal_pg_call_new();
    kal_args *node = kal_args_new();
    kal_args_add(node, kal_v_uuid(lease->options.node));
    kal_pg_call_add(evict, KAL_SQL_LEASE_EVICT, node);
    kal_pg_send(lease->pg, evict, on_evicted, lease);
    kal_pg_call *call = kal_pg_call_new();
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_uuid(lease->options.node));
    kal_args_add_array(args, KAL_INT2, shards, n);
    kal_pg_call_add(call, KAL_SQL_LEASE_TAKE, args);
    lease->asked_ns = kal_clock_mono_ns();
    kal_pg_send(lease->pg, call, on_taken, lease);
}

static void tell_changes(kal_lease *lease, const kal_pg_rows *rows)
{
    size_t n = kal_pg_count(rows);
    if (!n)
        return;
    kal_uuid *tenants = kal_alloc(n * sizeof *tenants);
    for (size_t row = 0; row < n; row++)
        tenants[row] = kal_pg_uuid(rows, row, 0);
    lease->options.on_changes(lease->options.data, tenants, n);
    for (size_t row = 0; row < n; row++)
        if (kal_pg_int(rows, row, 1))
            lease->options.on_segments(lease->options.data, tenants[row]);
    kal_free(tenants);
}

static void on_partitions(void *data, const kal_pg_reply *reply)
{
    kal_lease *lease = data;
    if (!reply->err)
        return;
    lease->day = 0; /* the next poll tries again; the default partition takes the rows meanwhile */
    kal_log(KAL_LOG_WARN, "partitions_not_made", "error", reply->message, NULL);
}

static void ensure_partitions(kal_lease *lease)
{
    int64_t now_ms = kal_clock_now(lease->options.clock);
    if (lease->day == now_ms / DAY_MS)
        return;
    lease->day = now_ms / DAY_MS;
    kal_pg_call *call = kal_pg_call_new();
    kal_pg_call_add_one(call, KAL_SQL_ENSURE_PARTITIONS, kal_v_time(now_ms));
    kal_pg_call_add_one(call, KAL_SQL_DROP_EXPIRED, kal_v_time(now_ms));
    kal_pg_send(lease->pg, call, on_partitions, lease);
}

/* Rows: shard, renewed (this node holds it), free or this node's. */
static void on_polled(void *data, const kal_pg_reply *reply)
{
    kal_lease *lease = data;
    if (reply->err) {
        again(lease, false);
        return;
    }
    lease->looked_ns = lease->asked_ns;
    atomic_store(&lease->held_until_ns, lease->asked_ns + TTL_NS - SPARE_NS);
    if (lease->stopped) { /* what is being drained is kept until it is let go */
        again(lease, true);
        return;
    }
    const kal_pg_rows *rows = reply->rows[0];
    size_t n = kal_pg_count(rows);
    if (!lease->shards && n) {
        lease->shards = (int)n;
        lease->options.on_shards(lease->options.data, lease->shards);
    }
    kal_value *free_ones = kal_alloc((n + 1) * sizeof *free_ones);
    size_t n_free = 0;
    size_t missing = 0;
    for (size_t row = 0; row < n; row++) {
        int shard = (int)kal_pg_int(rows, row, 0);
        bool renewed = kal_pg_int(rows, row, 1) != 0;
        bool runs = lease->options.runs(lease->options.data, shard);
        if (runs && !renewed)
            lease->options.on_lost(lease->options.data, shard);
        missing += !runs;
        if (!runs && kal_pg_int(rows, row, 2) != 0)
            free_ones[n_free++] = kal_v_int(KAL_INT2, shard);
    }
    tell_changes(lease, reply->rows[1]);
    ensure_partitions(lease);
    if (n_free)
        take(lease, free_ones, n_free);
    else
        again(lease, !missing);
    kal_free(free_ones);
}

static void poll_now(kal_lease *lease)
{
    if (lease->polling)
        return;
    if (!kal_pg_is_up(lease->pg))
        return; /* its return polls */
    lease->polling = true;
    kal_pg_call *call = kal_pg_call_new();
    kal_pg_call_add_one(call, KAL_SQL_LEASE_POLL, kal_v_uuid(lease->options.node));
    lease->asked_ns = kal_clock_mono_ns();
    int64_t since_ms = (int64_t)((lease->asked_ns - lease->looked_ns) / MS) + OVERLAP_MS;
    kal_pg_call_add_one(call, KAL_SQL_POLL_CHANGES, kal_v_int(KAL_INT8, since_ms));
    kal_pg_send(lease->pg, call, on_polled, lease);
}
