/* A shard's view of the flow tables, and what it asks the database for before a walk: what it does
 * not ask for, the walk does without. */
#include "run_rig.h"
#include "run_rows.h"

#include "base/log.h"
#include "run/load.h"

#define GRAPH(type)                                                                                \
    "{\"nodes\":[{\"id\":\"in\",\"type\":\"event_entry\",\"config\":{\"event_type\":\"" type       \
    "\"}}],"                                                                                       \
    "\"edges\":[]}"

/* A row of load_flows.sql: an active flow. */
static PGresult *flow_row(const rig *r, kal_uuid id, int version, const char *graph,
                          const char *criteria)
{
    PGresult *rows = rows_new(10); /* no pause, no cap */
    rows_id(rows, 0, 0, r->tenant);
    rows_id(rows, 0, 1, id);
    rows_text(rows, 0, 2, "active");
    rows_int(rows, 0, 3, version);
    rows_text(rows, 0, 4, "{}");
    rows_text(rows, 0, 5, criteria);
    rows_int(rows, 0, 6, 0);
    rows_text(rows, 0, 7, graph);
    return rows;
}

static void take(rig *r, PGresult *rows)
{
    kal_flows_take(r->flows, &r->tenant, 1, rows_of(rows));
    PQclear(rows);
}

static void a_new_version_takes_the_entries_over(void **state)
{
    rig r = rig_new(state);
    kal_uuid id = kal_uuid_new(r.now);
    take(&r, flow_row(&r, id, 1, GRAPH("one"), "{\"event_type\":\"bye\"}"));
    take(&r, flow_row(&r, id, 2, GRAPH("two"), "{\"event_type\":\"bye\"}"));
    kal_work *old = rig_event(&r, "ann", "one", "{}");
    kal_work *now = rig_event(&r, "ann", "two", "{}");
    rig_act(&r);
    assert_int_equal(old->started, 0);
    assert_int_equal(now->started, 1);
    assert_int_equal(rig_instance(&r, "ann")->version->number, 2);
    rig_free(&r);
}

/* A flow is taken in anew at each change, with none, one or many of its versions loaded. */
static void a_flow_is_taken_in_again_and_again(void **state)
{
    rig r = rig_new(state);
    kal_uuid id = kal_uuid_new(r.now);
    for (int version = 1; version <= 5; version++)
        for (int i = 0; i < 2; i++)
            take(&r, flow_row(&r, id, version, GRAPH("one"), "{\"event_type\":\"bye\"}"));
    const kal_version *active = kal_flow_active(kal_flows_find(r.flows, id));
    assert_int_equal(active->number, 5);
    assert_true(kal_version_watches(active, kal_str_of("bye")));
    assert_false(kal_version_watches(active, kal_str_of("hello")));
    rig_free(&r);
}

static void a_deleted_flow_is_unknown(void **state)
{
    rig r = rig_new(state);
    kal_uuid id = kal_uuid_new(r.now);
    take(&r, flow_row(&r, id, 1, GRAPH("one"), "{}"));
    PGresult *none = rows_new(8);
    take(&r, none);
    assert_int_equal(kal_flows_find(r.flows, id)->status, KAL_FLOW_UNKNOWN);
    kal_work *work = rig_event(&r, "ann", "one", "{}");
    rig_act(&r);
    assert_int_equal(work->started, 0);
    rig_free(&r);
}

static void a_graph_that_does_not_compile_breaks_its_version_only(void **state)
{
    rig r = rig_new(state);
    kal_uuid id = kal_uuid_new(r.now);
    FILE *lines = tmpfile();
    char line[512] = "";
    kal_log_set_fd(fileno(lines));
    take(&r, flow_row(&r, id, 1, "{\"nodes\":[{\"id\":\"a\",\"type\":\"gone\"}]}", "{}"));
    kal_log_set_fd(STDERR_FILENO);
    rewind(lines);
    assert_non_null(fgets(line, sizeof line, lines)); /* says what is amiss */
    assert_non_null(strstr(line, "node a: unknown type gone"));
    (void)fclose(lines);
    const kal_flow *flow = kal_flows_find(r.flows, id);
    assert_true(kal_flow_active(flow)->broken);
    kal_work *work = rig_trigger(&r, flow, "ann");
    rig_act(&r);
    assert_int_equal(work->err, KAL_ERR_NO_ACTIVE_VERSION);
    rig_free(&r);
}

static void a_place_is_a_number_for_good(void **state)
{
    rig r = rig_new(state);
    kal_version *version = rig_flow(&r, "in:start a:mark in>a")->versions;
    uint32_t place = kal_flows_place(r.flows, version, kal_str_of("a"));
    uint32_t gone = kal_flows_place(r.flows, version, kal_str_of("gone"));
    for (int i = 0; i < 300; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        kal_flows_place(r.flows, version, kal_str_of(name));
    }
    assert_int_equal(kal_flows_place(r.flows, version, kal_str_of("a")), place);
    assert_int_equal(kal_flows_at(r.flows, place)->node, 1);
    assert_int_equal(kal_flows_at(r.flows, gone)->node, KAL_GRAPH_NONE);
    rig_free(&r);
}

/* ---- what a load plans ---- */

static void an_unknown_tenant_is_loaded_first(void **state)
{
    size_t n;
    rig r = rig_new(state);
    r.tenant = kal_uuid_new(r.now);
    rig_event(&r, "ann", "one", "{}");
    rig_event(&r, "bob", "one", "{}");
    kal_load *load = kal_load_new(r.batch);
    assert_true(kal_uuid_eq(kal_load_tenants(load, &n)[0], r.tenant));
    assert_int_equal(n, 1);
    kal_load_free(load);
    rig_free(&r);
}

static void a_version_that_is_not_there_is_loaded_first(void **state)
{
    size_t n;
    rig r = rig_new(state);
    kal_version *version = kal_flows_version(r.flows, r.tenant, kal_uuid_new(r.now), 7);
    uint64_t key = kal_customer_key(r.tenant, kal_str_of("ann"));
    kal_waits_add(r.waits, key, kal_uuid_new(r.now), 1,
                  kal_flows_place(r.flows, version, kal_str_of("w")));
    rig_event(&r, "ann", "one", "{}");
    kal_load *load = kal_load_new(r.batch);
    assert_ptr_equal(kal_load_versions(load, &n)[0], version);
    assert_int_equal(n, 1);
    kal_load_free(load);
    rig_free(&r);
}

static void an_event_that_nobody_hears_asks_for_nothing(void **state)
{
    rig r = rig_new(state);
    rig_flow(&r, "in:event_entry{'event_type':'one'}");
    rig_event(&r, "ann", "other", "{}");
    kal_load *load = kal_load_new(r.batch);
    assert_null(kal_load_call(load));
    assert_false(rig_customer(&r, "ann")->want_row);
    kal_load_free(load);
    rig_free(&r);
}

/* Plans the timer of a wait that leads to these nodes; answers whether the customer is loaded.
 * exit: the exit criteria, or NULL. */
static bool wants_customer_until(void **state, const char *graph, const char *exit)
{
    rig r = rig_new(state);
    kal_flow *flow = exit ? rig_flow_until(&r, graph, exit) : rig_flow(&r, graph);
    rig_trigger(&r, flow, "ann");
    rig_act(&r);
    kal_uuid id = rig_instance(&r, "ann")->id;
    rig_next(&r, HOUR);
    kal_batch_free(r.batch);
    r.batch = kal_batch_new(r.lua, r.flows, r.waits, 0, r.now);
    kal_work *timer = rig_add(&r, KAL_WORK_TIMER, "ann");
    timer->instance_id = id;
    timer->seq = 1;
    kal_load *load = kal_load_new(r.batch);
    kal_pg_call *call = kal_load_call(load);
    assert_non_null(call);
    bool wants = rig_customer(&r, "ann")->want_row;
    kal_pg_call_free(call);
    kal_load_free(load);
    rig_free(&r);
    return wants;
}

static bool wants_customer(void **state, const char *graph)
{
    return wants_customer_until(state, graph, NULL);
}

static void a_timer_loads_the_customer_when_a_node_reads_it(void **state)
{
    assert_false(wants_customer(state, "in:start w:wait{'duration':'1h'} a:pass in>w>a"));
    assert_true(wants_customer(state, "in:start w:wait{'duration':'1h'} a:pass c:condition"
                                      "{'expression':'len(_customer.tags) > 0'} in>w>a>c"
                                      " b:pass c>b@true c>b@false"));
}

/* A tag, a field: their node changes the customer, who must be there for it. */
static void a_timer_loads_the_customer_when_a_node_writes_it(void **state)
{
    assert_true(wants_customer(state, "in:start w:wait{'duration':'1h'}"
                                      " p:update_profile{'fields':{'plan':'gold'}} in>w>p"));
    assert_true(
        wants_customer(state, "in:start w:wait{'duration':'1h'} t:add_tag{'tag':'a'} in>w>t"));
    assert_true(
        wants_customer(state, "in:start w:wait{'duration':'1h'} t:remove_tag{'tag':'a'} in>w>t"));
}

/* Exit criteria are asked at each step. */
static void a_timer_loads_the_customer_for_exit_criteria(void **state)
{
    assert_true(wants_customer_until(state, "in:start w:wait{'duration':'1h'} a:pass in>w>a",
                                     "{'condition':'len(_customer.tags) > 0'}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_version_takes_the_entries_over),
        cmocka_unit_test(a_flow_is_taken_in_again_and_again),
        cmocka_unit_test(a_deleted_flow_is_unknown),
        cmocka_unit_test(a_graph_that_does_not_compile_breaks_its_version_only),
        cmocka_unit_test(a_place_is_a_number_for_good),
        cmocka_unit_test(an_unknown_tenant_is_loaded_first),
        cmocka_unit_test(a_version_that_is_not_there_is_loaded_first),
        cmocka_unit_test(an_event_that_nobody_hears_asks_for_nothing),
        cmocka_unit_test(a_timer_loads_the_customer_when_a_node_reads_it),
        cmocka_unit_test(a_timer_loads_the_customer_when_a_node_writes_it),
        cmocka_unit_test(a_timer_loads_the_customer_for_exit_criteria),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
