/* The limits that keep one customer's walk from taking everybody's time and memory. */
#include "run_rig.h"

static kal_instance *walk(rig *r, const char *graph)
{
    kal_work *work = rig_trigger(r, rig_flow(r, graph), "ann");
    rig_act(r);
    assert_int_equal(work->err, KAL_OK);
    return rig_instance(r, "ann");
}

/* ---- 256 KB ---- */

/* Context and results count together. */
static void the_given_context_counts(void **state)
{
    rig r = rig_new(state);
    kal_work *work = rig_trigger(&r, rig_flow(&r, "in:start x:big{'kb':100} in>x"), "ann");
    char *text = kal_alloc(200 * 1024);
    memset(text, 'x', 200 * 1024);
    work->body = json_pack("{s:s#}", "given", text, 200 * 1024);
    kal_free(text);
    rig_act(&r);
    assert_int_equal(work->err, KAL_OK);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_FAILED, "context_too_large");
    rig_free(&r);
}

/* A row of megabytes would be read and written at each of the customer's events. */
static void results_of_one_burst_count_together(void **state)
{
    rig r = rig_new(state);
    kal_instance *instance =
        walk(&r, "in:start x:big{'kb':100} y:big{'kb':100} z:big{'kb':100} in>x>y>z");
    assert_ended(instance, KAL_STATUS_FAILED, "context_too_large");
    rig_free(&r);
}

static void a_result_that_is_too_large_is_not_kept(void **state)
{
    rig r = rig_new(state);
    kal_instance *instance =
        walk(&r, "in:start x:big{'kb':300,'on_error':'continue'} w:wait{'duration':'1h'} in>x>w");
    assert_ended(instance, KAL_STATUS_WAITING, NULL);
    rig_next(&r, 0);
    assert_in_range(rig_instance(&r, "ann")->accumulated.n, 2, 256 * 1024);
    rig_free(&r);
}

/* ---- 64 KB ---- */

/* A chain of nodes of this type, each with the same config. */
static kal_instance *chain(rig *r, const char *type, const char *config)
{
    kal_buf text = {0};
    kal_buf_puts(&text, "in:start");
    for (int i = 0; i < 30; i++)
        kal_buf_printf(&text, " n%d:%s%s", i, type, config);
    kal_buf_puts(&text, " in");
    for (int i = 0; i < 30; i++)
        kal_buf_printf(&text, ">n%d", i);
    kal_instance *instance = walk(r, text.data);
    kal_buf_deinit(&text);
    return instance;
}

/* What doubles 30 times over would take the process's memory, and everybody's instances with it. */
static void a_profile_does_not_grow_without_bound(void **state)
{
    rig r = rig_new(state);
    const kal_instance *instance =
        chain(&r, "update_profile",
              "{'fields':{'x':'{{_customer.properties.x + _customer.properties.x}}ab'}}");
    assert_ended(instance, KAL_STATUS_FAILED, "the customer's profile is over 64 KB");
    json_t *profile = kal_profile_json(rig_customer(&r, "ann"));
    kal_buf text = {0};
    kal_json_write(&text, profile);
    assert_in_range(text.len, 16 * 1024, 65 * 1024);
    kal_buf_deinit(&text);
    json_decref(profile);
    rig_free(&r);
}

static void a_column_does_not_grow_without_bound(void **state)
{
    rig r = rig_new(state);
    const kal_instance *instance =
        chain(&r, "update_profile", "{'fields':{'name':'{{_customer.name + _customer.name}}ab'}}");
    assert_ended(instance, KAL_STATUS_FAILED, "the customer's name is longer than 255 bytes");
    assert_in_range(rig_customer(&r, "ann")->name.n, 100, 255);
    rig_free(&r);
}

static void a_tag_counts_with_the_profile(void **state)
{
    rig r = rig_new(state);
    char *text = kal_alloc(64 * 1024);
    memset(text, 'x', 64 * 1024);
    kal_work *work = rig_op(&r, "ann", KAL_CUSTOMER_CREATE, "{}");
    json_object_set_new(work->body, "properties", json_pack("{s:s#}", "x", text, 64 * 1024 - 40));
    kal_free(text);
    rig_act(&r);
    assert_int_equal(work->err, KAL_OK);
    rig_next(&r, 0);
    assert_ended(walk(&r, "in:start a:add_tag{'tag':'of some ten letters and then some'} in>a"),
                 KAL_STATUS_FAILED, "the customer's profile is over 64 KB");
    assert_int_equal(json_array_size(rig_customer(&r, "ann")->tags), 0);
    rig_free(&r);
}

/* ---- 100 levels ---- */

/* n nodes, each of which puts the result of the one before into its own; then a wait. */
static kal_flow *nested(rig *r, int n)
{
    kal_buf text = {0};
    kal_buf_puts(&text, "in:start n0:pass w:wait_for_event{'event_type':'go'} in>n0");
    for (int i = 1; i <= n; i++)
        kal_buf_printf(&text, " n%d:nest{'of':'n%d'} n%d>n%d", i, i - 1, i - 1, i);
    kal_buf_printf(&text, " n%d>w a:mark w>a@event_received", n);
    kal_flow *flow = rig_flow(r, text.data);
    kal_buf_deinit(&text);
    return flow;
}

/* The deepest that is kept is read back after a wait, and the walk goes on. */
static void what_is_kept_can_be_read_again(void **state)
{
    rig r = rig_new(state);
    rig_trigger(&r, nested(&r, 98), "ann");
    rig_act(&r);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_WAITING, NULL);
    rig_next(&r, 0);
    rig_event(&r, "ann", "go", "{}");
    rig_act(&r);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_COMPLETED, NULL);
    rig_free(&r);
}

static void a_result_that_is_too_deep_fails(void **state)
{
    rig r = rig_new(state);
    rig_trigger(&r, nested(&r, 99), "ann");
    rig_act(&r);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_FAILED,
                 "the outcome's result cannot be kept: nested deeper than 99 levels");
    rig_free(&r);
}

/* ---- nodes ---- */

/* k diamonds, one after the other: each doubles the tokens. */
static char *diamonds(int k)
{
    kal_buf text = {0};
    kal_buf_puts(&text, "in:start s0:pass in>s0");
    for (int i = 0; i < k; i++)
        kal_buf_printf(&text, " l%d:pass r%d:pass s%d:pass s%d>l%d>s%d s%d>r%d>s%d", i, i, i + 1, i,
                       i, i + 1, i, i, i + 1);
    return text.data;
}

/* Nodes that they execute: in, and 1 + 2 + 2 + 4 + 4 + ... */
static uint64_t nodes_of(int k)
{
    uint64_t nodes = 2;
    for (int i = 0; i < k; i++)
        nodes += UINT64_C(2) << (i + 1);
    return nodes;
}

static size_t rows_of(const kal_instance *instance)
{
    size_t rows = 0;
    for (const kal_wait *w = instance->waits; w; w = w->next)
        rows += !w->dropped;
    return rows;
}

static void a_burst_yields_after_256_nodes(void **state)
{
    rig r = rig_new(state);
    char *graph = diamonds(8);
    kal_instance *instance = walk(&r, graph);
    assert_ended(instance, KAL_STATUS_WAITING, NULL);
    assert_int_equal(r.batch->counts.nodes, KAL_BURST_NODES);
    assert_in_range(rows_of(instance), 1, 8 * 3 + 2);
    for (const kal_wait *w = instance->waits; w; w = w->next) {
        assert_true(w->yielded && !w->dropped);
        assert_int_equal(kal_wait_due(instance->version->flow, w),
                         r.now); /* its turn comes at once */
    }
    uint64_t nodes = r.batch->counts.nodes;
    while (rig_fire(&r, 0)) {
        nodes += r.batch->counts.nodes;
        if (!kal_status_is_live(rig_instance(&r, "ann")->status))
            break;
    }
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_COMPLETED, NULL);
    assert_int_equal(nodes, nodes_of(8)); /* none was lost, none ran twice */
    kal_free(graph);
    rig_free(&r);
}

static void a_join_that_yields_fires_once(void **state)
{
    rig r = rig_new(state);
    char *graph = diamonds(7);
    kal_buf text = {0};
    kal_buf_printf(&text, "%s j:join after:mark s7>j>after", graph);
    uint64_t nodes = 0;
    walk(&r, text.data);
    do
        nodes += r.batch->counts.nodes;
    while (kal_status_is_live(rig_instance(&r, "ann")->status) && rig_fire(&r, 0));
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_COMPLETED, NULL);
    assert_int_equal(nodes, nodes_of(7) + 2);
    assert_trail(&r, "ann", "after");
    kal_buf_deinit(&text);
    kal_free(graph);
    rig_free(&r);
}

static void an_instance_fails_after_10000_executions(void **state)
{
    rig r = rig_new(state);
    char *graph = diamonds(13);
    assert_true(nodes_of(13) > KAL_INSTANCE_NODES);
    uint64_t nodes = 0;
    walk(&r, graph);
    do
        nodes += r.batch->counts.nodes;
    while (kal_status_is_live(rig_instance(&r, "ann")->status) && rig_fire(&r, 0));
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_FAILED, "over 10000 node executions");
    assert_in_range(nodes, KAL_INSTANCE_NODES / 2, KAL_INSTANCE_NODES);
    kal_free(graph);
    rig_free(&r);
}

/* Layers of nodes, each with an edge to every one of the next: tokens by the power of layers. */
static char *layers(int n, int wide)
{
    kal_buf text = {0};
    kal_buf_puts(&text, "in:start");
    for (int i = 0; i < n * wide; i++)
        kal_buf_printf(&text, " n%d:pass", i);
    for (int i = 0; i < n * wide; i++) {
        if (i < wide)
            kal_buf_printf(&text, " in>n%d", i);
        for (int to = 0; to < wide && i < (n - 1) * wide; to++)
            kal_buf_printf(&text, " n%d>n%d", i, (i / wide + 1) * wide + to);
    }
    return text.data;
}

/* They count before they run; and thousands that rest are a row for each node, or every burst would
 * read and write them all. */
static void tokens_on_their_way_count(void **state)
{
    rig r = rig_new(state);
    char *graph = layers(4, 22); /* 10,648 in the third */
    uint64_t nodes = 0;
    walk(&r, graph);
    do {
        nodes += r.batch->counts.nodes;
        assert_in_range(rows_of(rig_instance(&r, "ann")), 0, 4 * 22);
    } while (kal_status_is_live(rig_instance(&r, "ann")->status) && rig_fire(&r, 0));
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_FAILED, "over 10000 node executions");
    assert_in_range(nodes, 1, KAL_INSTANCE_NODES / 10); /* most of them were on their way */
    kal_free(graph);
    rig_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_given_context_counts),
        cmocka_unit_test(results_of_one_burst_count_together),
        cmocka_unit_test(a_result_that_is_too_large_is_not_kept),
        cmocka_unit_test(a_profile_does_not_grow_without_bound),
        cmocka_unit_test(a_column_does_not_grow_without_bound),
        cmocka_unit_test(a_tag_counts_with_the_profile),
        cmocka_unit_test(what_is_kept_can_be_read_again),
        cmocka_unit_test(a_result_that_is_too_deep_fails),
        cmocka_unit_test(a_burst_yields_after_256_nodes),
        cmocka_unit_test(a_join_that_yields_fires_once),
        cmocka_unit_test(an_instance_fails_after_10000_executions),
        cmocka_unit_test(tokens_on_their_way_count),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
