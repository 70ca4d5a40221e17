/* A walk that is put down half way is as one that was not: what its customer does meanwhile finds
 * them where they would be. */
#include "run_rig.h"

#include "run/load.h"

/* An entry, so many nodes that pass, then a wait for `go`. */
static kal_flow *long_flow(rig *r, int nodes)
{
    kal_buf text = {0};
    kal_buf_puts(&text, "in:start w:wait_for_event{'event_type':'go'} a:mark w>a@event_received");
    for (int i = 0; i < nodes; i++)
        kal_buf_printf(&text, " p%d:pass", i);
    kal_buf_puts(&text, " in");
    for (int i = 0; i < nodes; i++)
        kal_buf_printf(&text, ">p%d", i);
    kal_buf_puts(&text, ">w");
    kal_flow *flow = rig_flow(r, text.data);
    kal_buf_deinit(&text);
    return flow;
}

/* The next batch begins with what the last one left. */
static void next(rig *r, kal_work *left)
{
    rig_next(r, 0);
    for (kal_work *work = left, *after; work; work = after) {
        after = work->next;
        assert_true(kal_batch_add(r->batch, work));
    }
}

static kal_work *act(rig *r)
{
    kal_work *left = kal_handle_all(r->batch);
    kal_seal(r->batch);
    return left;
}

static void an_event_finds_the_wait_behind_a_long_walk(void **state)
{
    rig r = rig_new(state);
    rig_trigger(&r, long_flow(&r, 300), "ann");
    kal_work *go = rig_event(&r, "ann", "go", "{}");
    assert_null(act(&r));
    assert_int_equal(go->routed, 1);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_COMPLETED, NULL);
    assert_trail(&r, "ann", "a");
    rig_free(&r);
}

/* A token that was put down before a node is not resumed by an event: it arrives there first. */
static void an_event_finds_the_wait_before_which_a_walk_was_put_down(void **state)
{
    rig r = rig_new(state);
    rig_trigger(&r, long_flow(&r, KAL_BURST_NODES - 1), "ann");
    rig_act(&r);
    assert_true(wait_in(rig_instance(&r, "ann"), "w")->yielded);
    rig_next(&r, 0);
    kal_work *go = rig_event(&r, "ann", "go", "{}");
    assert_null(act(&r));
    assert_int_equal(go->routed, 1);
    assert_int_equal(r.batch->counts.nodes, 3); /* the wait begins, ends, and the mark */
    assert_trail(&r, "ann", "a");
    rig_free(&r);
}

/* A walk of thousands of nodes must not hold up everybody because somebody waits for its end. */
static void an_event_waits_for_a_walk_that_yields_again(void **state)
{
    rig r = rig_new(state);
    rig_trigger(&r, long_flow(&r, 900), "ann");
    kal_work *go = rig_event(&r, "ann", "go", "{}");
    kal_work *bob = rig_event(&r, "bob", "go", "{}");
    uint64_t nodes = 0;
    kal_work *left = act(&r);
    assert_ptr_equal(rig_customer(&r, "bob")->works, bob); /* he does not wait */
    for (int batches = 1; left; batches++) {
        assert_ptr_equal(left, go);
        assert_null(left->next);
        assert_in_range(r.batch->counts.nodes, KAL_BURST_NODES, 2 * KAL_BURST_NODES);
        assert_in_range(batches, 1, 3);
        nodes += r.batch->counts.nodes;
        next(&r, left);
        left = act(&r);
    }
    assert_int_equal(nodes + r.batch->counts.nodes, 1 + 900 + 3); /* none was lost, none twice */
    assert_int_equal(go->routed, 1);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_COMPLETED, NULL);
    rig_free(&r);
}

/* Whether an event of the customer, whose instance rests at the node, loads the instance, and the
 * customer. */
static void assert_loads(void **state, const char *node, bool instance, bool customer)
{
    rig r = rig_new(state);
    const kal_flow *flow = long_flow(&r, 2);
    kal_waits_add(r.waits, kal_customer_key(r.tenant, kal_str_of("ann")), kal_uuid_new(r.now), 1,
                  kal_flows_place(r.flows, flow->versions, kal_str_of(node)));
    rig_event(&r, "ann", "other", "{}");
    kal_load *load = kal_load_new(r.batch);
    kal_pg_call *call = kal_load_call(load);
    assert_int_equal(call != NULL, instance);
    assert_int_equal(rig_customer(&r, "ann")->want_row, customer);
    kal_pg_call_free(call);
    kal_load_free(load);
    rig_free(&r);
}

/* With what is needed behind the wait: the event may get there too. */
static void an_event_loads_what_a_walk_needs_to_go_on(void **state)
{
    assert_loads(state, "p0", true, true);
    assert_loads(state, "w", false, false); /* that hears something else */
}

/* What came behind the event stays behind it. */
static void works_that_are_left_keep_their_order(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = long_flow(&r, 600);
    rig_trigger(&r, flow, "ann");
    kal_work *go = rig_event(&r, "ann", "go", "{}");
    kal_work *again = rig_trigger(&r, flow, "ann");
    kal_work *left = act(&r);
    assert_ptr_equal(left, go);
    assert_ptr_equal(left->next, again);
    next(&r, left);
    assert_null(act(&r));
    assert_int_equal(go->routed, 1);
    assert_int_equal(again->err, KAL_OK); /* the first has ended by then */
    rig_free(&r);
}

/* Nor does a step back of the clock hold it up. */
static void a_walk_goes_on_whatever_the_clock_says(void **state)
{
    rig r = rig_new(state);
    rig_trigger(&r, long_flow(&r, 300), "ann");
    rig_act(&r);
    rig_next(&r, -HOUR);
    kal_work *go = rig_event(&r, "ann", "go", "{}");
    assert_null(act(&r));
    assert_int_equal(go->routed, 1);
    assert_null(r.batch->putoff);
    rig_free(&r);
}

/* Its timer comes up all the same, and finds nothing to do. */
static void what_was_brought_forward_does_not_come_twice(void **state)
{
    rig r = rig_new(state);
    rig_trigger(&r, long_flow(&r, 300), "ann");
    rig_act(&r);
    rig_next(&r, 0);
    kal_work *other = rig_event(&r, "ann", "other", "{}");
    assert_int_equal(rig_add_due(&r, rig_instance(&r, "ann")), 1);
    rig_act(&r);
    assert_int_equal(other->routed, 0);
    assert_int_equal(r.batch->counts.nodes, 1 + 300 + 1 - KAL_BURST_NODES);
    assert_non_null(wait_in(rig_instance(&r, "ann"), "w"));
    rig_free(&r);
}

/* All that was put down is taken up together, first in first out, within one burst's measure. */
static void a_continuation_walks_all_that_was_put_down(void **state)
{
    rig r = rig_new(state);
    kal_buf text = {0};
    kal_buf_puts(&text, "in:start");
    for (int i = 0; i < 300; i++)
        kal_buf_printf(&text, " p%d:pass m%d:pass in>p%d>m%d", i, i, i, i);
    rig_trigger(&r, rig_flow(&r, text.data), "ann");
    rig_act(&r); /* in and 255 of the 300 */
    rig_next(&r, 0);
    const kal_instance *ann = rig_instance(&r, "ann");
    assert_int_equal(live_waits(ann), 300);
    rig_on(&r, KAL_WORK_TIMER, ann, ann->waits->seq);
    rig_act(&r);
    assert_int_equal(r.batch->counts.nodes, KAL_BURST_NODES);
    ann = rig_instance(&r, "ann");
    assert_null(wait_in(ann, "p299"));
    assert_non_null(wait_in(ann, "m299"));
    kal_buf_deinit(&text);
    rig_free(&r);
}

/* What a replay of `go` to the customer's instance is handled as. */
static void replay(rig *r, const char *customer)
{
    kal_work *replay = rig_on(r, KAL_WORK_REPLAY, rig_instance(r, customer), 0);
    replay->body = json_of("{'stored_id':'01890000-0000-7000-8000-000000000001',"
                           "'id':null,'event_type':'go','data':{}}");
}

/* Held, though nobody hears it yet: its walk may be on the way to the wait. */
static void an_event_is_held_for_a_walk_that_a_pause_stopped(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = long_flow(&r, 300);
    rig_trigger(&r, flow, "ann");
    rig_act(&r);
    rig_next(&r, 0);
    flow->status = KAL_FLOW_PAUSED;
    kal_work *go = rig_event(&r, "ann", "go", "{}");
    assert_null(act(&r));
    assert_int_equal(go->held, 1);
    assert_int_equal(r.batch->counts.nodes, 0);
    rig_next(&r, 0);
    flow->status = KAL_FLOW_ACTIVE;
    replay(&r, "ann");
    assert_null(act(&r));
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_COMPLETED, NULL);
    assert_trail(&r, "ann", "a");
    rig_free(&r);
}

/* While what was held is still coming, timers wait and so do events; the walk of a replay does not,
 * nor does one flow's backlog stop another. */
static void a_backlog_holds_events_but_not_the_walks_of_replays(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = long_flow(&r, 300), *other = long_flow(&r, 300);
    rig_trigger(&r, other, "ann");
    rig_trigger(&r, flow, "ann");
    rig_act(&r);
    rig_next(&r, 0);
    flow->backlog = KAL_BACKLOG_ROWS;
    kal_work *go = rig_event(&r, "ann", "go", "{}");
    assert_null(act(&r));
    assert_int_equal(go->held, 1);
    assert_int_equal(go->routed, 1); /* by the other flow */
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_WAITING, NULL);
    rig_next(&r, 0);
    replay(&r, "ann");
    assert_null(act(&r));
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_COMPLETED, NULL);
    rig_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_finds_the_wait_behind_a_long_walk),
        cmocka_unit_test(an_event_finds_the_wait_before_which_a_walk_was_put_down),
        cmocka_unit_test(an_event_waits_for_a_walk_that_yields_again),
        cmocka_unit_test(an_event_loads_what_a_walk_needs_to_go_on),
        cmocka_unit_test(works_that_are_left_keep_their_order),
        cmocka_unit_test(a_walk_goes_on_whatever_the_clock_says),
        cmocka_unit_test(what_was_brought_forward_does_not_come_twice),
        cmocka_unit_test(a_continuation_walks_all_that_was_put_down),
        cmocka_unit_test(an_event_is_held_for_a_walk_that_a_pause_stopped),
        cmocka_unit_test(a_backlog_holds_events_but_not_the_walks_of_replays),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
