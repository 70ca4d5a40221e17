/* Waits are what customers live in: an event or a timer wakes them, once, and whichever came first.
 */
#include "run_rig.h"

/* Triggers the graph for customer "ann" and walks to its waits. */
static kal_flow *begin(rig *r, const char *graph)
{
    kal_flow *flow = rig_flow(r, graph);
    kal_work *work = rig_trigger(r, flow, "ann");
    rig_act(r);
    assert_int_equal(work->err, KAL_OK);
    return flow;
}

static kal_instance *ann(const rig *r)
{
    return rig_instance(r, "ann");
}

/* An event of ann's some time later, alone in its batch. */
static kal_work *later(rig *r, int64_t ms, const char *type, const char *data)
{
    rig_next(r, ms);
    kal_work *work = rig_event(r, "ann", type, data);
    rig_act(r);
    return work;
}

#define RACE                                                                                       \
    "in:start w:wait_for_event{'event_type':'paid','timeout':'1h'} yes:mark no:mark"               \
    " in>w w>yes@event_received w>no@timed_out"

/* ---- event and timer ---- */

static void an_event_resumes_with_its_data(void **state)
{
    rig r = rig_new(state);
    begin(&r, RACE);
    kal_work *event = later(&r, MINUTE, "paid", "{'total':49.99}");
    assert_int_equal(event->routed, 1);
    assert_ended(ann(&r), KAL_STATUS_COMPLETED, NULL);
    assert_trail(&r, "ann", "yes");
    json_t *result = result_of(&r, ann(&r), "w");
    json_t *expected = json_of("{'trigger':'event','event':{'total':49.99}}");
    assert_true(kal_json_equal(result, expected));
    json_decref(result);
    json_decref(expected);
    rig_free(&r);
}

#define TOTAL(id) id ":track_conversion{'event_name':'bought','revenue':'{{event.data.total}}'} "

static void assert_revenue(const rig *r, const char *node, double revenue)
{
    json_t *result = result_of(r, ann(r), node);
    assert_non_null(result);
    assert_true(json_number_value(json_object_get(result, "revenue")) == revenue);
    json_decref(result);
}

/* Else the order behind the event is counted without its revenue. */
static void an_event_goes_with_the_walk_until_it_waits(void **state)
{
    rig r = rig_new(state);
    rig_flow(&r, "in:event_entry{'event_type':'bought'} j:join{'mode':'any'} " TOTAL("a") TOTAL("b")
                     TOTAL("c") TOTAL("d")
                         TOTAL("e") " f:raise{'on_error':'continue'}"
                                    " w:wait_for_event{'event_type':'more'} v:wait{'duration':'1h'}"
                                    " end:wait{'duration':'9h'}"
                                    " in>f>a>b in>j>c>w w>d@event_received d>v>e in>end");
    kal_work *event = later(&r, 0, "bought", "{'total':49.99}");
    assert_int_equal(event->started, 1);
    assert_revenue(&r, "b", 49.99);
    assert_revenue(&r, "c", 49.99);
    later(&r, MINUTE, "more", "{'total':7}");
    assert_revenue(&r, "d", 7);
    rig_fire(&r, 2 * HOUR);
    assert_revenue(&r, "e", 0); /* a timer brought it here */
    rig_free(&r);
}

static void a_timeout_takes_its_own_branch(void **state)
{
    rig r = rig_new(state);
    begin(&r, RACE);
    assert_int_equal(rig_fire(&r, HOUR - 1), 0);
    assert_int_equal(rig_fire(&r, 1), 1);
    assert_ended(ann(&r), KAL_STATUS_COMPLETED, NULL);
    assert_trail(&r, "ann", "no");
    rig_free(&r);
}

static void the_first_wins_and_the_second_does_nothing(void **state)
{
    rig r = rig_new(state);
    begin(&r, RACE " more:wait{'duration':'9h'} in>more");
    for (int event_first = 0; event_first < 2; event_first++) {
        if (event_first)
            begin(&r, RACE " more:wait{'duration':'9h'} in>more");
        rig_next(&r, HOUR);
        kal_instance *instance = ann(&r);
        uint32_t seq = wait_in(instance, "w")->seq;
        kal_work *event = event_first ? rig_event(&r, "ann", "paid", "{}") : NULL;
        rig_on(&r, KAL_WORK_TIMER, instance, seq);
        rig_on(&r, KAL_WORK_TIMER, instance, seq); /* and a late duplicate */
        if (!event)
            event = rig_event(&r, "ann", "paid", "{}");
        rig_act(&r);
        assert_int_equal(event->routed, event_first);
        assert_ended(instance, KAL_STATUS_WAITING, NULL);
        assert_int_equal(r.batch->counts.nodes, 2);
        assert_trail(&r, "ann", event_first ? "no yes" : "no");
        rig_next(&r, 0);
        rig_on(&r, KAL_WORK_CANCEL, ann(&r), 0);
        rig_act(&r);
        rig_next(&r, 0);
    }
    rig_free(&r);
}

static void a_timer_that_came_up_too_early_is_put_back(void **state)
{
    rig r = rig_new(state);
    begin(&r, RACE);
    rig_next(&r, MINUTE);
    rig_on(&r, KAL_WORK_TIMER, ann(&r), wait_in(ann(&r), "w")->seq);
    rig_act(&r);
    assert_ended(ann(&r), KAL_STATUS_WAITING, NULL);
    assert_non_null(r.batch->putoff);
    assert_null(r.batch->putoff->flow);
    assert_int_equal(r.batch->putoff->timer.due_ms, START_MS + HOUR);
    rig_free(&r);
}

static void a_wait_without_a_timeout_has_no_timer(void **state)
{
    rig r = rig_new(state);
    begin(&r, "in:start w:wait_for_event{'event_type':'paid'} yes:mark in>w w>yes@event_received");
    assert_int_equal(rig_fire(&r, 5 * 365 * 24 * HOUR), 0);
    assert_int_equal(later(&r, 0, "paid", "{}")->routed, 1);
    assert_trail(&r, "ann", "yes");
    rig_free(&r);
}

static void a_date_that_has_passed_fires_at_once(void **state)
{
    rig r = rig_new(state);
    begin(&r, "in:start w:wait_until{'datetime':'2001-01-01'} a:mark in>w>a");
    assert_ended(ann(&r), KAL_STATUS_WAITING, NULL);
    assert_int_equal(rig_fire(&r, 0), 1);
    assert_trail(&r, "ann", "a");
    rig_free(&r);
}

static void a_wait_of_zero_seconds_ends(void **state)
{
    rig r = rig_new(state);
    begin(&r, "in:start w:wait{'duration':'0s'} a:mark in>w>a");
    assert_int_equal(rig_fire(&r, 0), 1);
    assert_ended(ann(&r), KAL_STATUS_COMPLETED, NULL);
    assert_trail(&r, "ann", "a");
    rig_free(&r);
}

/* ---- who hears what ---- */

static void only_the_type_and_the_filter_wake(void **state)
{
    rig r = rig_new(state);
    begin(&r,
          "in:start w:wait_for_event{'event_type':'paid','filter':{'plan.name':['a','b']}} x:mark"
          " in>w w>x@event_received");
    assert_int_equal(later(&r, 1, "seen", "{'plan':{'name':'a'}}")->routed, 0);
    assert_int_equal(later(&r, 1, "paid", "{'plan':{'name':'c'}}")->routed, 0);
    assert_int_equal(later(&r, 1, "paid", "{'plan':'a'}")->routed, 0);
    rig_next(&r, 1);
    kal_work *other = rig_event(&r, "bob", "paid", "{'plan':{'name':'a'}}");
    rig_act(&r);
    assert_int_equal(other->routed, 0); /* another customer */
    assert_int_equal(later(&r, 1, "paid", "{'plan':{'name':'b'}}")->routed, 1);
    assert_trail(&r, "ann", "x");
    rig_free(&r);
}

static void two_waits_in_one_node_are_separate(void **state)
{
    rig r = rig_new(state);
    begin(&r,
          "in:start p:wait{'duration':'10m'} w:wait_for_event{'event_type':'paid','timeout':'1h'}"
          " yes:mark no:mark in>w in>p>w w>yes@event_received w>no@timed_out");
    assert_int_equal(rig_fire(&r, 10 * MINUTE), 1);
    assert_int_equal(live_waits(ann(&r)), 2);
    assert_int_equal(rig_fire(&r, 50 * MINUTE), 1); /* the first's hour is over */
    assert_int_equal(live_waits(ann(&r)), 1);
    assert_trail(&r, "ann", "no");
    assert_int_equal(later(&r, MINUTE, "paid", "{}")->routed, 1);
    assert_ended(ann(&r), KAL_STATUS_COMPLETED, NULL);
    assert_trail(&r, "ann", "no yes");
    rig_free(&r);
}

static void one_event_resumes_all_waits_that_hear_it(void **state)
{
    rig r = rig_new(state);
    begin(&r, "in:start a:pass b:pass w:wait_for_event{'event_type':'paid'} yes:mark"
              " in>a>w in>b>w w>yes@event_received");
    assert_int_equal(live_waits(ann(&r)), 2);
    assert_int_equal(later(&r, 1, "paid", "{}")->routed, 2);
    assert_trail(&r, "ann", "yes yes");
    rig_free(&r);
}

/* One event is one step of the way: the next wait asks for another. */
static void an_event_does_not_resume_the_next_wait_too(void **state)
{
    rig r = rig_new(state);
    begin(&r, "in:start v:wait_for_event{'event_type':'paid'} w:wait_for_event{'event_type':'paid'}"
              " yes:mark in>v v>w@event_received w>yes@event_received");
    assert_int_equal(later(&r, 1, "paid", "{}")->routed, 1);
    assert_ended(ann(&r), KAL_STATUS_WAITING, NULL);
    assert_int_equal(later(&r, 1, "paid", "{}")->routed, 1);
    assert_ended(ann(&r), KAL_STATUS_COMPLETED, NULL);
    rig_free(&r);
}

/* ---- all_of ---- */

#define BOTH                                                                                       \
    "in:start w:wait_for_event{'all_of':['seen','paid'],'timeout':'1h'} yes:mark no:mark"          \
    " in>w w>yes@event_received w>no@timed_out"

static void all_of_wants_all_in_any_order(void **state)
{
    rig r = rig_new(state);
    begin(&r, BOTH);
    assert_int_equal(later(&r, 1, "paid", "{}")->routed, 1);
    assert_int_equal(later(&r, 1, "paid", "{}")->routed, 1);
    assert_ended(ann(&r), KAL_STATUS_WAITING, NULL);
    assert_int_equal(later(&r, 1, "seen", "{}")->routed, 1);
    assert_ended(ann(&r), KAL_STATUS_COMPLETED, NULL);
    assert_trail(&r, "ann", "yes");
    rig_free(&r);
}

static void all_of_keeps_its_timer(void **state)
{
    rig r = rig_new(state);
    begin(&r, BOTH);
    later(&r, 40 * MINUTE, "paid", "{}");
    assert_int_equal(wait_in(ann(&r), "w")->due_ms, START_MS + HOUR);
    assert_int_equal(wait_in(ann(&r), "w")->began_ms, START_MS);
    assert_int_equal(rig_fire(&r, 20 * MINUTE), 1);
    assert_ended(ann(&r), KAL_STATUS_COMPLETED, NULL);
    assert_trail(&r, "ann", "no");
    rig_free(&r);
}

/* ---- lookback ---- */

#define BACK                                                                                       \
    "in:start p:wait{'duration':'3m'} w:wait_for_event{'event_type':'paid','lookback':'5m'}"       \
    " x:mark v:wait_for_event{'event_type':'paid','lookback':'5m'} y:mark"                         \
    " in>p>w w>x@event_received x>v v>y@event_received"

static void an_event_before_the_wait_counts_once(void **state)
{
    rig r = rig_new(state);
    begin(&r, BACK);
    assert_int_equal(later(&r, MINUTE, "paid", "{'n':1}")->routed, 0);
    rig_fire(&r, 2 * MINUTE);
    assert_trail(&r, "ann", "x"); /* by w; v did not take it again */
    assert_ended(ann(&r), KAL_STATUS_WAITING, NULL);
    rig_next(&r, MINUTE);
    assert_non_null(wait_in(ann(&r), "v"));
    assert_int_equal(later(&r, 0, "paid", "{'n':2}")->routed, 1);
    assert_trail(&r, "ann", "x y");
    rig_free(&r);
}

static void the_oldest_of_several_is_taken_first(void **state)
{
    rig r = rig_new(state);
    begin(&r, BACK);
    later(&r, MINUTE, "paid", "{'n':1}");
    later(&r, MINUTE, "paid", "{'n':2}");
    rig_fire(&r, MINUTE);
    assert_ended(ann(&r), KAL_STATUS_COMPLETED, NULL);
    assert_trail(&r, "ann", "x y");
    json_t *first = result_of(&r, ann(&r), "w");
    json_t *second = result_of(&r, ann(&r), "v");
    assert_int_equal(json_integer_value(kal_json_path(first, kal_str_of("event.n"))), 1);
    assert_int_equal(json_integer_value(kal_json_path(second, kal_str_of("event.n"))), 2);
    json_decref(first);
    json_decref(second);
    rig_free(&r);
}

static void an_event_from_before_the_lookback_does_not_count(void **state)
{
    rig r = rig_new(state);
    later(&r, 0, "paid", "{}");
    rig_op(&r, "ann", KAL_CUSTOMER_UPSERT, "{}");
    rig_next(&r, 2 * MINUTE + 1);
    begin(&r, BACK);
    rig_fire(&r, 3 * MINUTE);
    assert_ended(ann(&r), KAL_STATUS_WAITING, NULL);
    assert_trail(&r, "ann", "");
    rig_free(&r);
}

static void the_event_that_started_it_never_matches_again(void **state)
{
    rig r = rig_new(state);
    rig_flow(&r, "in:event_entry{'event_type':'paid'}"
                 " w:wait_for_event{'event_type':'paid','lookback':'5m'} y:mark"
                 " in>w w>y@event_received");
    assert_int_equal(later(&r, 0, "paid", "{}")->started, 1);
    assert_ended(ann(&r), KAL_STATUS_WAITING, NULL);
    assert_int_equal(later(&r, 1, "paid", "{}")->routed, 1);
    assert_trail(&r, "ann", "y");
    rig_free(&r);
}

static void an_event_consumed_without_lookback_is_not_taken_later(void **state)
{
    rig r = rig_new(state);
    begin(&r, "in:start u:wait_for_event{'event_type':'paid'} p:wait{'duration':'1m'}"
              " w:wait_for_event{'event_type':'paid','lookback':'5m'} y:mark"
              " in>u u>p@event_received p>w w>y@event_received");
    assert_int_equal(later(&r, 1, "paid", "{}")->routed, 1);
    rig_fire(&r, MINUTE);
    assert_ended(ann(&r), KAL_STATUS_WAITING, NULL);
    assert_trail(&r, "ann", "");
    rig_free(&r);
}

/* ---- exit criteria ---- */

/* Ann waits for `gone`, which ends it all when it is sure. */
static void begin_until_gone(rig *r)
{
    kal_flow *flow = rig_flow_until(r,
                                    "in:start w:wait_for_event{'event_type':'gone'} a:mark"
                                    " in>w w>a@event_received",
                                    "{'event_type':'gone','filter':{'sure':true}}");
    rig_trigger(r, flow, "ann");
    rig_act(r);
}

static void exit_criteria_by_event_end_it(void **state)
{
    rig r = rig_new(state);
    begin_until_gone(&r);
    kal_work *event = later(&r, 1, "gone", "{'sure':true}");
    assert_ended(ann(&r), KAL_STATUS_EXITED, "exit_criteria");
    assert_int_equal(event->routed, 0); /* it ended the instance, the wait did not hear it */
    assert_trail(&r, "ann", "");
    rig_free(&r);
}

static void exit_criteria_want_their_filter(void **state)
{
    rig r = rig_new(state);
    begin_until_gone(&r);
    later(&r, 1, "gone", "{'sure':false}");
    assert_ended(ann(&r), KAL_STATUS_COMPLETED, NULL);
    assert_trail(&r, "ann", "a");
    rig_free(&r);
}

/* Of the flow, not the graph. */
static void exit_criteria_of_the_flow_count_too(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = begin(&r, "in:start w:wait{'duration':'1h'} in>w");
    flow->exit_criteria = json_of("{'event_type':'gone'}");
    later(&r, 1, "gone", "{}");
    assert_ended(ann(&r), KAL_STATUS_EXITED, "exit_criteria");
    rig_free(&r);
}

static void exit_criteria_by_condition_are_checked_at_each_step(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = rig_flow_until(&r, "in:start a:mark t:add_tag{'tag':'stop'} b:mark in>a>t>b",
                                    "{'condition':'len(_customer.tags) > 0'}");
    rig_trigger(&r, flow, "ann");
    rig_act(&r);
    assert_ended(ann(&r), KAL_STATUS_EXITED, "exit_criteria");
    assert_trail(&r, "ann", "a");
    rig_free(&r);
}

static void exit_criteria_by_condition_are_checked_on_each_event(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = rig_flow_until(&r, "in:start w:wait{'duration':'1h'} in>w",
                                    "{'condition':'event.data.total > 5'}");
    rig_trigger(&r, flow, "ann");
    rig_act(&r);
    later(&r, 1, "other", "{'total':5}");
    assert_ended(ann(&r), KAL_STATUS_WAITING, NULL);
    later(&r, 1, "other", "{'total':6}");
    assert_ended(ann(&r), KAL_STATUS_EXITED, "exit_criteria");
    rig_free(&r);
}

/* ---- what a second burst sees ---- */

/* The profile that an operator corrects between two events is the one that counts. */
static void a_later_burst_of_the_batch_sees_a_changed_profile(void **state)
{
    rig r = rig_new(state);
    begin(&r, "in:start v:wait_for_event{'event_type':'one'} w:wait_for_event{'event_type':'two'}"
              " c:condition{'field':'_customer.properties.plan','value':'gold'} yes:mark no:mark"
              " in>v v>w@event_received w>c@event_received c>yes@true c>no@false");
    rig_next(&r, 1);
    rig_event(&r, "ann", "one", "{}");
    rig_op(&r, "ann", KAL_CUSTOMER_UPDATE, "{'properties':{'plan':'gold'}}");
    rig_event(&r, "ann", "two", "{}");
    rig_act(&r);
    assert_trail(&r, "ann", "yes");
    rig_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_resumes_with_its_data),
        cmocka_unit_test(an_event_goes_with_the_walk_until_it_waits),
        cmocka_unit_test(a_timeout_takes_its_own_branch),
        cmocka_unit_test(the_first_wins_and_the_second_does_nothing),
        cmocka_unit_test(a_timer_that_came_up_too_early_is_put_back),
        cmocka_unit_test(a_wait_without_a_timeout_has_no_timer),
        cmocka_unit_test(a_date_that_has_passed_fires_at_once),
        cmocka_unit_test(a_wait_of_zero_seconds_ends),
        cmocka_unit_test(only_the_type_and_the_filter_wake),
        cmocka_unit_test(two_waits_in_one_node_are_separate),
        cmocka_unit_test(one_event_resumes_all_waits_that_hear_it),
        cmocka_unit_test(an_event_does_not_resume_the_next_wait_too),
        cmocka_unit_test(all_of_wants_all_in_any_order),
        cmocka_unit_test(all_of_keeps_its_timer),
        cmocka_unit_test(an_event_before_the_wait_counts_once),
        cmocka_unit_test(the_oldest_of_several_is_taken_first),
        cmocka_unit_test(an_event_from_before_the_lookback_does_not_count),
        cmocka_unit_test(the_event_that_started_it_never_matches_again),
        cmocka_unit_test(an_event_consumed_without_lookback_is_not_taken_later),
        cmocka_unit_test(exit_criteria_by_event_end_it),
        cmocka_unit_test(exit_criteria_want_their_filter),
        cmocka_unit_test(exit_criteria_of_the_flow_count_too),
        cmocka_unit_test(exit_criteria_by_condition_are_checked_at_each_step),
        cmocka_unit_test(exit_criteria_by_condition_are_checked_on_each_event),
        cmocka_unit_test(a_later_burst_of_the_batch_sees_a_changed_profile),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
