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

static void a_burst_yields_after_256_nodes(void **state)
{
    rig r = rig_new(state);
    char *graph = diamonds(8);
    kal_instance *instance = walk(&r, graph);
    assert_ended(instance, KAL_STATUS_WAITING, NULL);
    assert_int_equal(r.batch->counts.nodes, KAL_BURST_NODES);
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

/* An event is not for a token that only waits for its turn. */
static void an_event_does_not_wake_what_yields(void **state)
{
    rig r = rig_new(state);
    char *graph = diamonds(8);
    walk(&r, graph);
    rig_next(&r, 0);
    kal_work *event = rig_event(&r, "ann", "any", "{}");
    rig_act(&r);
    assert_int_equal(event->routed, 0);
    assert_int_equal(r.batch->counts.nodes, 0);
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
    assert_int_equal(nodes, KAL_INSTANCE_NODES);
    kal_free(graph);
    rig_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_given_context_counts),
        cmocka_unit_test(results_of_one_burst_count_together),
        cmocka_unit_test(a_result_that_is_too_large_is_not_kept),
        cmocka_unit_test(a_burst_yields_after_256_nodes),
        cmocka_unit_test(a_join_that_yields_fires_once),
        cmocka_unit_test(an_event_does_not_wake_what_yields),
        cmocka_unit_test(an_instance_fails_after_10000_executions),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
