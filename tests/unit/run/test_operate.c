/* What is lost when this fails: an operator stops one customer and another goes, a pause eats a
 * deadline, or a retry does twice what was done. */
#include "run_rig.h"

#define WAITS                                                                                      \
    "in:start w:wait_for_event{'event_type':'go','timeout':'2h'} a:mark b:mark"                    \
    " in>w w>a@event_received w>b@timed_out"

static kal_instance *started(rig *r, const char *graph)
{
    kal_flow *flow = rig_flow(r, graph);
    rig_trigger(r, flow, "ann");
    rig_act(r);
    rig_next(r, 0);
    return rig_instance(r, "ann");
}

/* The work's answer, once its batch has been handled; the next batch is open then. */
static kal_err operate(rig *r, kal_work_kind kind)
{
    kal_work *work = rig_on(r, kind, rig_instance(r, "ann"), 0);
    rig_act(r);
    kal_err err = work->err;
    rig_next(r, 0);
    return err;
}

static void assert_status(const rig *r, kal_status status)
{
    assert_string_equal(kal_status_text(rig_instance(r, "ann")->status), kal_status_text(status));
}

static void a_pause_keeps_what_remains(void **state)
{
    rig r = rig_new(state);
    started(&r, WAITS);
    rig_next(&r, HOUR);
    assert_int_equal(operate(&r, KAL_WORK_PAUSE), KAL_OK);
    assert_status(&r, KAL_STATUS_PAUSED);
    rig_fire(&r, 100 * HOUR); /* a timer that was on its way */
    assert_status(&r, KAL_STATUS_PAUSED);
    rig_next(&r, 0);
    assert_int_equal(operate(&r, KAL_WORK_RESUME), KAL_OK);
    assert_status(&r, KAL_STATUS_WAITING);
    assert_int_equal(rig_fire(&r, HOUR - 1), 0);
    assert_int_equal(rig_fire(&r, 1), 1);
    assert_trail(&r, "ann", "b");
    rig_free(&r);
}

static void a_date_stays_where_it_is(void **state)
{
    rig r = rig_new(state);
    kal_instance *instance =
        started(&r, "in:start w:wait_until{'datetime':'2026-09-21T15:00:00Z'} a:mark in>w>a");
    int64_t due = wait_in(instance, "w")->due_ms;
    assert_true(due > r.now);
    assert_int_equal(operate(&r, KAL_WORK_PAUSE), KAL_OK);
    rig_fire(&r, due - r.now + HOUR);
    assert_status(&r, KAL_STATUS_PAUSED);
    rig_next(&r, 0);
    assert_int_equal(operate(&r, KAL_WORK_RESUME), KAL_OK);
    assert_int_equal(wait_in(rig_instance(&r, "ann"), "w")->due_ms, due);
    assert_int_equal(rig_fire(&r, 0), 1); /* it is over */
    assert_trail(&r, "ann", "a");
    rig_free(&r);
}

/* Both must end; neither counts twice. */
static void two_pauses_overlap(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = started(&r, WAITS)->version->flow;
    flow->status = KAL_FLOW_PAUSED;
    flow->paused_at_ms = r.now;
    rig_next(&r, HOUR);
    assert_int_equal(operate(&r, KAL_WORK_PAUSE), KAL_OK);
    rig_next(&r, HOUR);
    flow->status = KAL_FLOW_ACTIVE;
    flow->paused_ms += 2 * HOUR;
    rig_fire(&r, 10 * HOUR);
    assert_status(&r, KAL_STATUS_PAUSED);
    flow->status = KAL_FLOW_PAUSED;
    flow->paused_at_ms = r.now;
    rig_next(&r, 10 * HOUR);
    assert_int_equal(operate(&r, KAL_WORK_RESUME), KAL_OK);
    rig_next(&r, 10 * HOUR);
    flow->status = KAL_FLOW_ACTIVE;
    flow->paused_ms += r.now - flow->paused_at_ms;
    assert_int_equal(rig_fire(&r, 2 * HOUR - 1), 0);
    assert_int_equal(rig_fire(&r, 1), 1);
    assert_trail(&r, "ann", "b");
    rig_free(&r);
}

static void events_are_held_for_the_paused_instance_alone(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = started(&r, WAITS)->version->flow;
    rig_trigger(&r, flow, "bob");
    rig_on(&r, KAL_WORK_PAUSE, rig_instance(&r, "ann"), 0);
    kal_work *same = rig_event(&r, "ann", "go", "{}"); /* of the batch that pauses */
    rig_act(&r);
    assert_int_equal(same->held, 1);
    rig_next(&r, 0);
    kal_work *ann = rig_event(&r, "ann", "go", "{}");
    kal_work *bob = rig_event(&r, "bob", "go", "{}");
    kal_work *other = rig_event(&r, "ann", "unheard", "{}");
    rig_act(&r);
    assert_int_equal(ann->held, 1);
    assert_int_equal(ann->routed, 0);
    assert_int_equal(bob->routed, 1);
    assert_int_equal(other->held, 0);
    rig_free(&r);
}

/* What was held comes first, so what comes with the resume waits behind it. */
static void an_event_does_not_overtake_the_held_ones(void **state)
{
    rig r = rig_new(state);
    started(&r, WAITS);
    assert_int_equal(operate(&r, KAL_WORK_PAUSE), KAL_OK);
    rig_on(&r, KAL_WORK_RESUME, rig_instance(&r, "ann"), 0);
    kal_work *event = rig_event(&r, "ann", "go", "{}");
    rig_act(&r);
    assert_int_equal(event->held, 1);
    assert_true(rig_instance(&r, "ann")->replays);
    rig_next(&r, 0);
    kal_work *replay = rig_on(&r, KAL_WORK_REPLAY, rig_instance(&r, "ann"), 0);
    replay->held_id = kal_uuid_new(r.now);
    replay->body = json_of("{'event_type':'go','data':{},"
                           "'stored_id':'01234567-89ab-7def-8123-456789abcdef'}");
    rig_act(&r);
    assert_trail(&r, "ann", "a");
    rig_free(&r);
}

static void a_replay_waits_for_a_paused_instance(void **state)
{
    rig r = rig_new(state);
    started(&r, WAITS);
    assert_int_equal(operate(&r, KAL_WORK_PAUSE), KAL_OK);
    kal_work *replay = rig_on(&r, KAL_WORK_REPLAY, rig_instance(&r, "ann"), 0);
    replay->held_id = kal_uuid_new(r.now);
    replay->body = json_of("{'event_type':'go','data':{}}");
    rig_act(&r);
    assert_int_equal(kal_flush_rows(r.batch->flush), 0); /* it stays held */
    rig_free(&r);
}

/* A walk that has yielded stops too, and nothing of it is lost. */
static void a_yielded_walk_stops_and_goes_on(void **state)
{
    char graph[16384] = "in:start z:mark p0:pass in>p0 ";
    for (int i = 1; i < 300; i++)
        snprintf(graph + strlen(graph), 64, "p%d:pass p%d>p%d ", i, i - 1, i);
    snprintf(graph + strlen(graph), 64, "p299>z");
    rig r = rig_new(state);
    started(&r, graph);
    assert_non_null(kal_instance_yielded(rig_instance(&r, "ann")));
    assert_int_equal(operate(&r, KAL_WORK_PAUSE), KAL_OK);
    rig_fire(&r, 0);
    assert_status(&r, KAL_STATUS_PAUSED);
    rig_next(&r, 0);
    assert_int_equal(operate(&r, KAL_WORK_RESUME), KAL_OK);
    rig_fire(&r, 0);
    assert_trail(&r, "ann", "z");
    rig_free(&r);
}

static void the_state_machine_holds(void **state)
{
    rig r = rig_new(state);
    started(&r, WAITS);
    assert_int_equal(operate(&r, KAL_WORK_RESUME), KAL_OK); /* the same state again */
    assert_int_equal(operate(&r, KAL_WORK_RETRY), KAL_ERR_INVALID_TRANSITION);
    assert_int_equal(operate(&r, KAL_WORK_PAUSE), KAL_OK);
    rig_on(&r, KAL_WORK_PAUSE, rig_instance(&r, "ann"), 0);
    rig_act(&r);
    assert_int_equal(kal_flush_rows(r.batch->flush), 0); /* no change */
    rig_next(&r, 0);
    assert_int_equal(operate(&r, KAL_WORK_RETRY), KAL_ERR_INVALID_TRANSITION);
    kal_work *exit = rig_on(&r, KAL_WORK_EXIT, rig_instance(&r, "ann"), 0);
    exit->reason = kal_strdup("moved away");
    const kal_work_kind late[] = {KAL_WORK_PAUSE, KAL_WORK_RESUME, KAL_WORK_EXIT, KAL_WORK_RETRY};
    kal_work *works[4];
    for (size_t i = 0; i < 4; i++) {
        works[i] = rig_on(&r, late[i], rig_instance(&r, "ann"), 0);
        works[i]->reason = kal_strdup("again");
    }
    kal_work *cancel = rig_on(&r, KAL_WORK_CANCEL, rig_instance(&r, "ann"), 0);
    rig_act(&r);
    assert_int_equal(exit->err, KAL_OK);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(works[i]->err, KAL_ERR_INVALID_TRANSITION);
    assert_int_equal(cancel->err, KAL_ERR_NOT_CANCELLABLE);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_EXITED, "moved away");
    assert_true(rig_instance(&r, "ann")->replays); /* what was held for it is dropped */
    rig_free(&r);
}

/* ---- retry ---- */

static void fix(rig *r)
{
    rig_op(r, "ann", KAL_CUSTOMER_UPDATE, "{'properties':{'fixed':true}}");
    rig_act(r);
    rig_next(r, 0);
}

/* Beside it: a token on its way, a timer, a wait for an event. */
static void a_retry_runs_the_failed_node_and_what_was_beside_it(void **state)
{
    rig r = rig_new(state);
    started(&r, "in:start f:flaky a:mark b:mark t:wait{'duration':'3h'} tm:mark"
                " e:wait_for_event{'event_type':'go'} em:mark g:wait{'duration':'1h'}"
                " in>t>tm in>e e>em@event_received in>g>f>a g>b");
    assert_int_equal(rig_fire(&r, HOUR), 1);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_FAILED, "not yet");
    assert_trail(&r, "ann", "");
    rig_next(&r, 50 * HOUR);
    fix(&r);
    assert_int_equal(operate(&r, KAL_WORK_RETRY), KAL_OK);
    assert_status(&r, KAL_STATUS_WAITING);
    assert_int_equal(rig_instance(&r, "ann")->ended_ms, KAL_UNSET);
    assert_trail(&r, "ann", "b a");
    rig_event(&r, "ann", "go", "{}");
    rig_act(&r);
    assert_trail(&r, "ann", "b a em");
    assert_int_equal(rig_fire(&r, 2 * HOUR - 1), 0);
    assert_int_equal(rig_fire(&r, 1), 1);
    assert_trail(&r, "ann", "b a em tm");
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_COMPLETED, NULL);
    rig_free(&r);
}

static void a_retry_that_fails_again_may_be_repeated(void **state)
{
    rig r = rig_new(state);
    rig_flow(&r, "in:event_entry{'event_type':'in'} f:flaky a:mark in>f>a");
    rig_event(&r, "ann", "in", "{'n':5}");
    rig_act(&r);
    rig_next(&r, 0);
    assert_int_equal(operate(&r, KAL_WORK_RETRY), KAL_OK);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_FAILED, "not yet");
    fix(&r);
    assert_int_equal(rig_on(&r, KAL_WORK_RETRY, rig_instance(&r, "ann"), 0)->err, KAL_OK);
    rig_act(&r);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_COMPLETED, NULL);
    json_t *result = result_of(&r, rig_instance(&r, "ann"), "f"); /* the event still goes with it */
    assert_int_equal(json_integer_value(json_object_get(json_object_get(result, "event"), "n")), 5);
    json_decref(result);
    rig_free(&r);
}

/* One event woke two waits; the first one's way failed before the second had its turn. */
static void a_wait_keeps_the_event_that_a_failure_overtook(void **state)
{
    rig r = rig_new(state);
    started(&r, "in:start u:wait_for_event{'event_type':'go'} f:flaky x:mark"
                " w:wait_for_event{'event_type':'go'} a:mark"
                " in>u u>f@event_received f>x in>w w>a@event_received");
    rig_event(&r, "ann", "go", "{}");
    rig_act(&r);
    rig_next(&r, 0);
    fix(&r);
    rig_on(&r, KAL_WORK_RETRY, rig_instance(&r, "ann"), 0);
    rig_act(&r);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_COMPLETED, NULL);
    assert_trail(&r, "ann", "a x");
    rig_free(&r);
}

static void a_customer_who_is_in_the_flow_again_stays_there_once(void **state)
{
    rig r = rig_new(state);
    kal_instance *failed = started(&r, "in:start f:flaky w:wait{'duration':'1h'} in>f>w");
    assert_ended(failed, KAL_STATUS_FAILED, "not yet");
    kal_uuid id = failed->id;
    fix(&r);
    rig_trigger(&r, rig_instance(&r, "ann")->version->flow, "ann");
    rig_act(&r);
    rig_next(&r, 0);
    assert_status(&r, KAL_STATUS_WAITING);
    kal_work *work = rig_add(&r, KAL_WORK_RETRY, "ann");
    work->instance_id = id;
    rig_act(&r);
    assert_int_equal(work->err, KAL_ERR_ALREADY_IN_FLOW);
    rig_free(&r);
}

static void a_paused_flow_takes_no_retry(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = started(&r, "in:start f:flaky in>f")->version->flow;
    flow->status = KAL_FLOW_PAUSED;
    assert_int_equal(operate(&r, KAL_WORK_RETRY), KAL_ERR_FLOW_NOT_ACTIVE);
    rig_free(&r);
}

/* ---- customers ---- */

static void a_customer_in_a_flow_is_not_deleted(void **state)
{
    rig r = rig_new(state);
    started(&r, WAITS);
    kal_work *work = rig_op(&r, "ann", KAL_CUSTOMER_DELETE, "{}");
    rig_act(&r);
    assert_int_equal(work->err, KAL_ERR_IN_USE);
    assert_int_equal(kal_flush_rows(r.batch->flush), 0);
    rig_free(&r);
}

/* What comes behind the erasure is a new customer's, whom the next batch makes. */
static void an_erased_customer_leaves_the_flow(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = started(&r, WAITS)->version->flow;
    kal_work *work = rig_op(&r, "ann", KAL_CUSTOMER_ERASE, "{}");
    rig_trigger(&r, flow, "ann");
    kal_work *left = kal_handle_all(r.batch);
    assert_int_equal(work->err, KAL_OK);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_EXITED, "customer_erased");
    assert_non_null(left);
    assert_int_equal(left->kind, KAL_WORK_TRIGGER);
    assert_null(left->next);
    kal_work_free(left);
    rig_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pause_keeps_what_remains),
        cmocka_unit_test(a_date_stays_where_it_is),
        cmocka_unit_test(two_pauses_overlap),
        cmocka_unit_test(events_are_held_for_the_paused_instance_alone),
        cmocka_unit_test(an_event_does_not_overtake_the_held_ones),
        cmocka_unit_test(a_replay_waits_for_a_paused_instance),
        cmocka_unit_test(a_yielded_walk_stops_and_goes_on),
        cmocka_unit_test(the_state_machine_holds),
        cmocka_unit_test(a_retry_runs_the_failed_node_and_what_was_beside_it),
        cmocka_unit_test(a_retry_that_fails_again_may_be_repeated),
        cmocka_unit_test(a_wait_keeps_the_event_that_a_failure_overtook),
        cmocka_unit_test(a_customer_who_is_in_the_flow_again_stays_there_once),
        cmocka_unit_test(a_paused_flow_takes_no_retry),
        cmocka_unit_test(a_customer_in_a_flow_is_not_deleted),
        cmocka_unit_test(an_erased_customer_leaves_the_flow),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
