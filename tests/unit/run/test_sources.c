/* When a segment or a schedule is looked at: too seldom and members miss their message, too often
 * and a thousand idle tenants keep the database busy. */
#include "run_rig.h"
#include "run_rows.h"

#include "base/clock.h"
#include "run/sources.h"

#define EPOCH_2000_MS INT64_C(946684800000)
#define SEGMENT "0190aaaa-0000-7000-8000-000000000001"
#define BY_SEGMENT "in:segment_entry{'segment_id':'" SEGMENT "'} out:exit in>out"
#define DAILY(hour)                                                                                \
    "in:scheduled_entry{'cron':'0 " hour " * * *','segment_id':'" SEGMENT "'} out:exit in>out"

typedef struct world {
    rig rig;
    kal_sources *sources;
    kal_flow *flow;
    PGresult *progress, *segments;
} world;

static void rows_time(PGresult *rows, int row, int column, int64_t ms)
{
    rows_int(rows, row, column, (ms - EPOCH_2000_MS) * 1000);
}

static void take(world *w)
{
    kal_sources_take(w->sources, w->flow->tenant, rows_of(w->progress), rows_of(w->segments),
                     w->rig.now);
}

/* A flow that became active at its rig's time, taken in. */
static world world_new(void **state, const char *graph)
{
    world w = {.rig = rig_new(state), .sources = kal_sources_new()};
    w.flow = rig_flow(&w.rig, graph);
    w.progress = rows_new(4);
    w.segments = rows_new(4);
    rows_id(w.progress, 0, 0, w.flow->id);
    rows_time(w.progress, 0, 1, w.rig.now);
    take(&w);
    return w;
}

static void world_free(world *w)
{
    PQclear(w->progress);
    PQclear(w->segments);
    kal_sources_free(w->sources);
    rig_free(&w->rig);
}

/* The one source that is due now. */
static kal_source *due(const world *w)
{
    kal_source *source = kal_sources_earliest(w->sources, NULL, 0);
    assert_non_null(source);
    assert_true(source->due_ms <= w->rig.now);
    return source;
}

static void sweep(world *w)
{
    kal_source *source = due(w);
    size_t n;
    kal_free(kal_sources_began(source, &n));
    (void)kal_sources_ended(w->sources, source, w->rig.now);
}

/* A customer changes; their id. */
static kal_uuid change(world *w)
{
    kal_uuid customer = kal_uuid_new(w->rig.now);
    kal_sources_touch(w->sources, w->rig.tenant, customer, w->rig.now);
    return customer;
}

static int64_t minute_after(int64_t ms)
{
    return (ms / MINUTE + 1) * MINUTE;
}

static void a_segment_is_due_at_once_and_then_when_something_changes(void **state)
{
    world w = world_new(state, BY_SEGMENT);
    assert_string_equal(due(&w)->entry, "segment:" SEGMENT);
    sweep(&w);
    assert_int_equal(kal_sources_due(w.sources), KAL_CRON_NEVER);
    w.rig.now += 5 * HOUR + 1;
    change(&w);
    assert_int_equal(kal_sources_due(w.sources), minute_after(w.rig.now));
    assert_null(kal_sources_earliest(w.sources, &w.flow->tenant->id, 1));
    w.rig.now = kal_sources_due(w.sources);
    sweep(&w);
    assert_int_equal(kal_sources_due(w.sources), KAL_CRON_NEVER);
    world_free(&w);
}

static void another_tenants_change_is_nothing_to_it(void **state)
{
    world w = world_new(state, BY_SEGMENT);
    sweep(&w);
    kal_sources_touch(w.sources, kal_uuid_new(w.rig.now), kal_uuid_new(w.rig.now), w.rig.now);
    assert_int_equal(kal_sources_due(w.sources), KAL_CRON_NEVER);
    world_free(&w);
}

static void what_changes_during_a_sweep_is_for_the_next_one(void **state)
{
    world w = world_new(state, BY_SEGMENT);
    kal_source *source = due(&w);
    size_t n;
    assert_null(kal_sources_began(source, &n)); /* everybody */
    change(&w);
    (void)kal_sources_ended(w.sources, source, w.rig.now);
    assert_int_equal(kal_sources_due(w.sources), minute_after(w.rig.now));
    world_free(&w);
}

/* A million customers are not gone through for two. */
static void those_who_changed_are_looked_at_alone(void **state)
{
    world w = world_new(state, BY_SEGMENT);
    size_t n;
    sweep(&w);
    kal_uuid one = change(&w), two = change(&w);
    w.rig.now = minute_after(w.rig.now);
    kal_uuid *changed = kal_sources_began(due(&w), &n);
    assert_int_equal(n, 2);
    assert_true(kal_uuid_eq(changed[0], one) && kal_uuid_eq(changed[1], two));
    kal_free(changed);
    kal_sources_put_off(w.sources, due(&w), w.rig.now); /* it failed: who knows what is left */
    w.rig.now = minute_after(w.rig.now);
    assert_null(kal_sources_began(due(&w), &n));
    for (int i = 0; i < 1001; i++)
        change(&w);
    assert_null(kal_sources_began(due(&w), &n));
    change(&w);
    take(&w); /* a definition may have changed too */
    assert_null(kal_sources_began(due(&w), &n));
    world_free(&w);
}

static void flows_that_are_loaded_again_keep_their_state(void **state)
{
    world w = world_new(state, BY_SEGMENT);
    sweep(&w);
    take(&w); /* a definition may have changed */
    assert_int_equal(kal_sources_due(w.sources), minute_after(w.rig.now));
    int64_t swept_ms = w.rig.now;
    w.rig.now = minute_after(w.rig.now);
    assert_int_equal(due(&w)->swept_ms, swept_ms); /* not as if it were new */
    world_free(&w);
}

static void a_flow_that_stops_lets_nobody_enter(void **state)
{
    world w = world_new(state, BY_SEGMENT);
    w.flow->status = KAL_FLOW_PAUSED;
    take(&w);
    assert_int_equal(kal_sources_due(w.sources), KAL_CRON_NEVER);
    change(&w);
    assert_null(
        kal_sources_find(w.sources, w.rig.tenant, w.flow->id, kal_str_of("segment:" SEGMENT)));
    world_free(&w);
}

static void an_expression_about_time_is_due_each_minute(void **state)
{
    world w = world_new(state, BY_SEGMENT);
    kal_uuid id;
    assert_true(kal_uuid_parse(kal_str_of(SEGMENT), &id));
    rows_id(w.segments, 0, 0, w.rig.tenant);
    rows_id(w.segments, 0, 1, id);
    rows_text(w.segments, 0, 2, "days_since(properties.since) > 3");
    take(&w);
    for (int i = 0; i < 3; i++) {
        sweep(&w);
        assert_int_equal(kal_sources_due(w.sources), minute_after(w.rig.now));
        w.rig.now = minute_after(w.rig.now);
    }
    world_free(&w);
}

static void a_failed_sweep_comes_again_a_minute_later(void **state)
{
    world w = world_new(state, BY_SEGMENT);
    kal_sources_put_off(w.sources, due(&w), w.rig.now);
    assert_int_equal(kal_sources_due(w.sources), minute_after(w.rig.now));
    world_free(&w);
}

static int64_t ms_of(const char *text)
{
    int64_t ms;
    assert_true(kal_clock_parse(kal_str_of(text), &ms));
    return ms;
}

static void a_schedule_is_due_at_its_instants(void **state)
{
    world w = world_new(state, DAILY("9"));
    int64_t first = kal_sources_due(w.sources);
    assert_true(first > w.rig.now && first <= w.rig.now + 24 * HOUR);
    assert_int_equal(first % (24 * HOUR), 9 * HOUR);
    change(&w);
    take(&w);
    assert_int_equal(kal_sources_due(w.sources), first); /* whatever changes */
    w.rig.now = first;
    assert_int_equal(due(&w)->instant_ms, first);
    assert_int_equal(kal_sources_ended(w.sources, due(&w), first), first);
    assert_int_equal(kal_sources_due(w.sources), first + 24 * HOUR);
    world_free(&w);
}

/* A process that was away comes back to the instant that was cut off, and to no later one. */
static void of_missed_instants_the_first_counts(void **state)
{
    world w = world_new(state, DAILY("9"));
    rows_time(w.progress, 0, 1, ms_of("2026-01-01T00:00:00Z"));
    rows_text(w.progress, 0, 2, "schedule:in");
    rows_time(w.progress, 0, 3, ms_of("2026-01-10T09:00:00Z"));
    w.rig.now = ms_of("2026-01-14T12:00:00Z");
    kal_sources_free(w.sources);
    w.sources = kal_sources_new();
    take(&w);
    assert_int_equal(due(&w)->instant_ms, ms_of("2026-01-11T09:00:00Z"));
    assert_int_equal(kal_sources_ended(w.sources, due(&w), w.rig.now), w.rig.now);
    assert_int_equal(kal_sources_due(w.sources), ms_of("2026-01-15T09:00:00Z"));
    world_free(&w);
}

static void another_schedule_begins_anew(void **state)
{
    world w = world_new(state, DAILY("9"));
    kal_version *version = kal_flows_version(w.rig.flows, w.rig.tenant, w.flow->id, 2);
    version->graph = graph_new(w.rig.lua, graph_of(DAILY("11")));
    w.flow->active_version = 2;
    take(&w);
    assert_int_equal(kal_sources_due(w.sources) % (24 * HOUR), 11 * HOUR);
    world_free(&w);
}

static void what_is_no_segments_id_is_no_source(void **state)
{
    world w = world_new(state, "in:segment_entry{'segment_id':'none'} out:exit in>out");
    assert_int_equal(kal_sources_due(w.sources), KAL_CRON_NEVER);
    assert_false(
        kal_source_is(kal_graph_at(kal_flow_active(w.flow)->graph, 0), kal_str_of("segment:none")));
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_is_due_at_once_and_then_when_something_changes),
        cmocka_unit_test(another_tenants_change_is_nothing_to_it),
        cmocka_unit_test(what_changes_during_a_sweep_is_for_the_next_one),
        cmocka_unit_test(those_who_changed_are_looked_at_alone),
        cmocka_unit_test(flows_that_are_loaded_again_keep_their_state),
        cmocka_unit_test(a_flow_that_stops_lets_nobody_enter),
        cmocka_unit_test(an_expression_about_time_is_due_each_minute),
        cmocka_unit_test(a_failed_sweep_comes_again_a_minute_later),
        cmocka_unit_test(a_schedule_is_due_at_its_instants),
        cmocka_unit_test(of_missed_instants_the_first_counts),
        cmocka_unit_test(another_schedule_begins_anew),
        cmocka_unit_test(what_is_no_segments_id_is_no_source),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
