/* A process that stops keeps its leases until its shards are drained, or what it still sends is
 * refused half way; and it takes nothing more, or nobody would run it. */
#include "run_test.h"

#include "run/lease.h"
#include "store/cluster_fixture.h"

#define SHARDS 4

typedef struct holder {
    kal_clock *clock;
    kal_lease *lease;
    bool held[SHARDS], all;
    int told; /* of shards in all */
    int taken;
} holder;

static void on_shards(void *data, int shards)
{
    ((holder *)data)->told += shards;
}

static bool runs(void *data, int shard)
{
    return ((holder *)data)->held[shard];
}

static void on_taken(void *data, int shard, int64_t epoch, int64_t seq, bool ours)
{
    holder *h = data;
    (void)epoch, (void)seq, (void)ours;
    h->held[shard] = true;
    h->all = ++h->taken == SHARDS;
}

static void on_lost(void *data, int shard)
{
    ((holder *)data)->held[shard] = false;
}

static void on_changes(void *data, const kal_uuid *tenants, size_t n)
{
    (void)data, (void)tenants, (void)n;
}

static void on_segments(void *data, kal_uuid tenant)
{
    (void)data, (void)tenant;
}

static void open_holder(holder *h, kal_cluster_fixture *f)
{
    kal_ask(f->sql, "UPDATE shard_lease SET owner = NULL");
    *h = (holder){.clock = kal_clock_new_virtual(INT64_C(1790000000000))};
    kal_lease_options options = {.conninfo = kal_cluster_conninfo(f->cluster),
                                 .clock = h->clock,
                                 .node = {.b = {1}},
                                 .on_shards = on_shards,
                                 .runs = runs,
                                 .on_taken = on_taken,
                                 .on_lost = on_lost,
                                 .on_changes = on_changes,
                                 .on_segments = on_segments,
                                 .data = h};
    h->lease = kal_lease_new(&f->loop, &options);
}

static void close_holder(holder *h)
{
    kal_lease_free(h->lease);
    kal_clock_free(h->clock);
}

/* Makes the leases' time be over, and goes on until it is not. */
static void until_kept(kal_cluster_fixture *f)
{
    kal_ask(f->sql, "UPDATE shard_lease SET until = '2020-01-01' WHERE owner IS NOT NULL");
    uint64_t end = uv_hrtime() + UINT64_C(20000000000);
    while (strcmp(kal_ask(f->sql, "SELECT bool_or(until > now()) FROM shard_lease "
                                  "WHERE owner IS NOT NULL"),
                  "t") != 0) {
        assert_true(uv_hrtime() < end);
        kal_loop_turn(&f->loop);
    }
}

static void leases_are_kept_and_none_taken_while_the_process_stops(void **state)
{
    kal_cluster_fixture *f = *state;
    holder h;
    open_holder(&h, f);
    kal_loop_until(&f->loop, &h.all);
    assert_int_equal(h.told, SHARDS);
    assert_true(kal_lease_holds(h.lease));
    kal_lease_stop(h.lease);
    kal_ask(f->sql, "UPDATE shard_lease SET owner = NULL WHERE shard = 3"); /* it is drained */
    h.held[3] = false;
    until_kept(f);
    until_kept(f);
    assert_string_equal(
        kal_ask(f->sql, "SELECT string_agg(shard::text, ' ' ORDER BY shard) FROM shard_lease "
                        "WHERE owner IS NOT NULL AND until > now()"),
        "0 1 2");
    assert_int_equal(h.taken, SHARDS);
    close_holder(&h);
}

/* The answer to what was asked before the stop. */
static void what_is_taken_too_late_does_not_run(void **state)
{
    kal_cluster_fixture *f = *state;
    holder h;
    open_holder(&h, f);
    kal_ask(f->sql, "BEGIN");
    kal_ask(f->sql, "SELECT 1 FROM shard_lease WHERE shard = 2 FOR UPDATE");
    while (strcmp(kal_ask(f->sql, "SELECT count(*) FROM pg_locks WHERE NOT granted"), "1") != 0)
        kal_loop_turn(&f->loop);
    kal_lease_stop(h.lease);
    kal_ask(f->sql, "ROLLBACK");
    until_kept(f); /* they are taken */
    until_kept(f); /* and it has heard of that */
    assert_int_equal(h.taken, 0);
    close_holder(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leases_are_kept_and_none_taken_while_the_process_stops),
        cmocka_unit_test(what_is_taken_too_late_does_not_run),
    };
    return cmocka_run_group_tests(tests, kal_cluster_fixture_open, kal_cluster_fixture_close);
}
