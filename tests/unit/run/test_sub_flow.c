/* What a customer would lose: a flow that stands still because nobody told it how the one it
 * started has ended, or that goes on twice. */
#include "run_rig.h"

#include "run/sub_flow.h"

/* A parent that starts the flow and waits for its end. */
static kal_flow *parent_of(rig *r, const kal_flow *child, const char *wait)
{
    char id[KAL_UUID_TEXT + 1], graph[256];
    kal_uuid_format(child->id, id);
    snprintf(graph, sizeof graph,
             "in:start in>s s:sub_flow{'flow_id':'%s','wait':%s} s>after after:mark", id, wait);
    return rig_flow(r, graph);
}

static kal_instance *in_flow(const rig *r, const char *customer, const kal_flow *flow)
{
    kal_instance *i = rig_customer(r, customer)->instances;
    while (i && i->version->flow != flow)
        i = i->next;
    return i;
}

static size_t answers(const rig *r)
{
    size_t n = 0;
    for (const kal_answer *a = r->batch->answers; a; a = a->next)
        n++;
    return n;
}

/* The answer comes up as the shard gives it after the commit. */
static void rig_replay(rig *r, const char *customer, const kal_held *held, json_t *body)
{
    kal_work *work = rig_add(r, KAL_WORK_REPLAY, customer);
    work->instance_id = held->instance;
    work->held_id = held->id;
    work->body = json_incref(body);
}

static void a_child_that_ends_at_once_answers_in_the_batch(void **state)
{
    rig r = rig_new(state);
    kal_flow *child = rig_flow(&r, "in:start in>c c:mark");
    kal_flow *parent = parent_of(&r, child, "true");
    rig_trigger(&r, parent, "ann");
    rig_act(&r);
    assert_trail(&r, "ann", "c after");
    assert_ended(in_flow(&r, "ann", parent), KAL_STATUS_COMPLETED, NULL);
    assert_int_equal(answers(&r), 0);
    rig_free(&r);
}

static void who_does_not_wait_goes_on_before_the_child(void **state)
{
    rig r = rig_new(state);
    kal_flow *child = rig_flow(&r, "in:start in>c c:mark c>w w:wait{'duration':'1h'}");
    kal_flow *parent = parent_of(&r, child, "false");
    rig_trigger(&r, parent, "ann");
    rig_act(&r);
    assert_trail(&r, "ann", "after c");
    rig_fire(&r, HOUR);
    assert_int_equal(answers(&r), 0);
    rig_free(&r);
}

/* The event wakes the child and is no event of the parent's, which has it loaded. */
static void a_child_that_ends_beside_its_parent_answers_it_there(void **state)
{
    rig r = rig_new(state);
    kal_flow *child =
        rig_flow(&r, "in:start in>w w:wait_for_event{'event_type':'go'} w>c@event_received c:mark");
    kal_flow *parent = parent_of(&r, child, "true");
    rig_trigger(&r, parent, "ann");
    rig_act(&r);
    rig_next(&r, HOUR);
    kal_work *event = rig_event(&r, "ann", "go", "{}");
    rig_act(&r);
    assert_int_equal(event->routed, 1);
    assert_trail(&r, "ann", "c after");
    rig_free(&r);
}

static void a_parent_elsewhere_is_told_by_a_row_and_once(void **state)
{
    rig r = rig_new(state);
    kal_flow *child = rig_flow(&r, "in:start in>w w:wait{'duration':'1h'} w>c c:mark");
    kal_flow *parent = parent_of(&r, child, "true");
    rig_trigger(&r, parent, "ann");
    rig_act(&r);
    kal_instance *ended = in_flow(&r, "ann", child);
    assert_int_equal(ended->depth, 1);
    parent->status = KAL_FLOW_PAUSED; /* as if it were not loaded: it cannot go on now */
    rig_fire(&r, HOUR);
    assert_trail(&r, "ann", "c");
    assert_int_equal(answers(&r), 1);
    kal_held held = r.batch->answers->held;
    json_t *body = json_incref(r.batch->answers->body);
    rig_next(&r, HOUR);
    rig_replay(&r, "ann", &held, body);
    rig_act(&r);
    assert_trail(&r, "ann", "c"); /* still paused: the row stays */
    parent->status = KAL_FLOW_ACTIVE;
    rig_next(&r, HOUR);
    rig_replay(&r, "ann", &held, body);
    rig_replay(&r, "ann", &held, body);
    rig_act(&r);
    assert_trail(&r, "ann", "c after");
    json_decref(body);
    rig_free(&r);
}

static void a_parent_that_has_ended_is_not_told(void **state)
{
    rig r = rig_new(state);
    kal_flow *child = rig_flow(&r, "in:start in>w w:wait{'duration':'1h'} w>c c:mark");
    kal_flow *parent = parent_of(&r, child, "true");
    rig_trigger(&r, parent, "ann");
    rig_act(&r);
    rig_next(&r, 0);
    rig_on(&r, KAL_WORK_CANCEL, in_flow(&r, "ann", parent), 0);
    rig_act(&r);
    rig_fire(&r, HOUR);
    assert_trail(&r, "ann", "c");
    rig_free(&r);
}

static void the_same_event_does_not_reach_a_child_that_it_started(void **state)
{
    rig r = rig_new(state);
    kal_flow *child =
        rig_flow_until(&r, "in:start in>w w:wait{'duration':'1h'}", "{'event_type':'go'}");
    char id[KAL_UUID_TEXT + 1], graph[256];
    kal_uuid_format(child->id, id);
    snprintf(graph, sizeof graph,
             "in:start in>w w:wait_for_event{'event_type':'go'} w>s@event_received "
             "s:sub_flow{'flow_id':'%s'}",
             id);
    rig_trigger(&r, rig_flow(&r, graph), "ann");
    rig_act(&r);
    rig_next(&r, HOUR);
    rig_event(&r, "ann", "go", "{}");
    rig_act(&r);
    assert_int_equal(in_flow(&r, "ann", child)->status, KAL_STATUS_WAITING);
    rig_free(&r);
}

/* Each child is a walk of 30 nodes: together more than one burst may run. */
static void children_share_one_burst_and_the_rest_comes_later(void **state)
{
    rig r = rig_new(state);
    char id[KAL_UUID_TEXT + 1], graph[8192], *at = graph;
    at += sprintf(at, "in:start in>c0 ");
    for (int i = 0; i < 30; i++)
        at += sprintf(at, "c%d:pass c%d>c%d ", i, i, i + 1);
    sprintf(at, "c30:pass");
    kal_flow *child = rig_flow(&r, graph);
    kal_uuid_format(child->id, id);
    at = graph + sprintf(graph, "in:start in>s0 ");
    for (int i = 0; i < 20; i++)
        at += sprintf(at, "s%d:sub_flow{'flow_id':'%s','wait':true} s%d>s%d ", i, id, i, i + 1);
    sprintf(at, "s20:mark");
    kal_flow *parent = rig_flow(&r, graph);
    rig_trigger(&r, parent, "ann");
    rig_act(&r);
    assert_true(r.batch->counts.nodes < 2 * KAL_BURST_NODES);
    assert_trail(&r, "ann", "");
    for (int i = 0; i < 10 && kal_status_is_live(in_flow(&r, "ann", parent)->status); i++) {
        rig_fire(&r, 1);
        if (!in_flow(&r, "ann", parent))
            break;
    }
    assert_trail(&r, "ann", "s20");
    rig_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_that_ends_at_once_answers_in_the_batch),
        cmocka_unit_test(who_does_not_wait_goes_on_before_the_child),
        cmocka_unit_test(a_child_that_ends_beside_its_parent_answers_it_there),
        cmocka_unit_test(a_parent_elsewhere_is_told_by_a_row_and_once),
        cmocka_unit_test(a_parent_that_has_ended_is_not_told),
        cmocka_unit_test(the_same_event_does_not_reach_a_child_that_it_started),
        cmocka_unit_test(children_share_one_burst_and_the_rest_comes_later),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
