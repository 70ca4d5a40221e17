/* A flow that runs again while not all that its pause has held is queued: what comes now must not
 * overtake that. */
#include "run_rig.h"

#define FLOW                                                                                       \
    "in:start w:wait_for_event{'event_type':'go'} v:wait{'duration':'1h'} a:mark in>w "            \
    "in>v w>a@event_received"

static kal_flow *flow_with_ann(rig *r)
{
    kal_flow *flow = rig_flow(r, FLOW);
    rig_trigger(r, flow, "ann");
    rig_act(r);
    rig_next(r, 0);
    return flow;
}

static kal_work *go(rig *r)
{
    kal_work *work = rig_event(r, "ann", "go", "{}");
    rig_act(r);
    return work;
}

static void an_event_queues_up_behind_the_backlog(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = flow_with_ann(&r);
    flow->backlog = KAL_BACKLOG_ROWS;
    assert_int_equal(go(&r)->held, 1);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_WAITING, NULL);
    rig_next(&r, 0);
    flow->backlog = KAL_BACKLOG_ROWS - 1; /* all of it is queued */
    assert_int_equal(go(&r)->routed, 1);
    rig_free(&r);
}

static void a_timer_waits_for_the_backlog(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = flow_with_ann(&r);
    flow->backlog = KAL_BACKLOG_ROWS;
    assert_int_equal(rig_fire(&r, 60 * 60 * 1000), 1);
    assert_ptr_equal(r.batch->putoff->flow, flow);
    assert_non_null(wait_in(rig_instance(&r, "ann"), "v"));
    rig_free(&r);
}

static void the_backlog_itself_is_replayed(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = flow_with_ann(&r);
    flow->backlog = KAL_BACKLOG_ROWS;
    kal_work *replay = rig_on(&r, KAL_WORK_REPLAY, rig_instance(&r, "ann"), 0);
    replay->held_id = kal_uuid_new(r.now);
    replay->body = json_of("{'stored_id':'01890000-0000-7000-8000-000000000001',"
                           "'id':null,'event_type':'go','data':{}}");
    rig_act(&r);
    assert_trail(&r, "ann", "a");
    rig_free(&r);
}

/* A plugin is gone, perhaps for a restart only: what comes meanwhile waits for its return. */
static void a_version_without_its_plugin_holds_its_events(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = flow_with_ann(&r);
    kal_graph *graph = flow->versions->graph;
    flow->versions->graph = NULL;
    flow->versions->broken = true;
    assert_int_equal(go(&r)->held, 1);
    assert_int_equal(kal_unit_err(rig_customer(&r, "ann")->unit), KAL_OK);
    kal_batch_free(r.batch);
    r.batch = kal_batch_new(r.lua, r.flows, r.waits, 0, r.now);
    rig_add(&r, KAL_WORK_TIMER, "ann"); /* of no instance: makes the copy */
    kal_instance *instance = kal_customer_add_instance(r.batch, rig_customer(&r, "ann"),
                                                       kal_uuid_new(r.now), flow->versions);
    instance->status = KAL_STATUS_WAITING;
    kal_work *replay = rig_on(&r, KAL_WORK_REPLAY, instance, 0);
    replay->held_id = kal_uuid_new(r.now);
    replay->body = json_of("{'stored_id':'01890000-0000-7000-8000-000000000001',"
                           "'id':null,'event_type':'go','data':{}}");
    kal_handle_all(r.batch);
    assert_int_equal(kal_flush_rows(r.batch->flush), 0); /* it stays */
    flow->status = KAL_FLOW_ARCHIVED;
    rig_on(&r, KAL_WORK_REPLAY, instance, 0);
    kal_handle_all(r.batch);
    assert_int_equal(kal_flush_rows(r.batch->flush), 2); /* nothing returns to an archived flow */
    flow->versions->graph = graph;
    rig_free(&r);
}

static void an_archived_flow_holds_nothing(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = flow_with_ann(&r);
    flow->status = KAL_FLOW_ARCHIVED;
    flow->backlog = KAL_BACKLOG_ROWS;
    assert_int_equal(go(&r)->held, 0);
    rig_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_queues_up_behind_the_backlog),
        cmocka_unit_test(a_timer_waits_for_the_backlog),
        cmocka_unit_test(the_backlog_itself_is_replayed),
        cmocka_unit_test(a_version_without_its_plugin_holds_its_events),
        cmocka_unit_test(an_archived_flow_holds_nothing),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
