/* What an operator draws is what happens: branches, joins, ends, failures. */
#include "run_rig.h"

/* Triggers the graph for customer "ann" and walks; answers the instance. */
static kal_instance *walk(rig *r, const char *graph)
{
    kal_work *work = rig_trigger(r, rig_flow(r, graph), "ann");
    rig_act(r);
    assert_int_equal(work->err, KAL_OK);
    return rig_instance(r, "ann");
}

static void assert_walk(void **state, const char *graph, kal_status status, const char *trail)
{
    rig r = rig_new(state);
    kal_instance *instance = walk(&r, graph);
    assert_ended(instance, status, NULL);
    assert_trail(&r, "ann", trail);
    rig_free(&r);
}

/* ---- order ---- */

static void branches_run_first_in_first_out(void **state)
{
    assert_walk(state,
                "in:start a:mark b:mark c:mark a1:mark a2:mark b1:mark c1:mark"
                " in>a in>b in>c a>a1>a2 b>b1 c>c1",
                KAL_STATUS_COMPLETED, "a b c a1 b1 c1 a2");
}

static void a_node_runs_once_per_arrival(void **state)
{
    assert_walk(state, "in:start a:mark b:mark x:mark y:mark in>a>x in>b>x x>y",
                KAL_STATUS_COMPLETED, "a b x x y y");
}

static void a_trigger_starts_every_entry(void **state)
{
    assert_walk(state, "one:start two:start a:mark b:mark one>a two>b", KAL_STATUS_COMPLETED,
                "a b");
}

static void a_branch_follows_its_own_edges_only(void **state)
{
    assert_walk(state,
                "in:start f:fork{'pick':'left'} a:mark b:mark c:mark"
                " in>f f>a@left f>c@left f>b@right",
                KAL_STATUS_COMPLETED, "a c");
}

/* ---- joins ---- */

static void a_join_of_all_waits_for_the_slower_branch(void **state)
{
    assert_walk(state,
                "in:start a:mark b1:mark b2:mark b3:mark j:join after:mark"
                " in>a>j in>b1>b2>b3>j j>after",
                KAL_STATUS_COMPLETED, "a b1 b2 b3 after");
}

static void a_join_of_any_fires_once(void **state)
{
    assert_walk(state,
                "in:start a:mark b1:mark b2:mark j:join{'mode':'any'} after:mark"
                " in>a>j in>b1>b2>j j>after",
                KAL_STATUS_COMPLETED, "a b1 b2 after"); /* once: b2 is absorbed */
}

/* A customer whom a condition sends elsewhere must not hang at the join for ever. */
static void a_bypassed_join_fires_all_the_same(void **state)
{
    assert_walk(state,
                "in:start f:fork{'pick':'right'} a:mark b:mark other:mark j:join after:mark"
                " in>a>j in>f f>b@left f>other@right b>j j>after",
                KAL_STATUS_COMPLETED, "a other after");
}

static void a_join_that_nothing_reaches_never_fires(void **state)
{
    assert_walk(state,
                "in:start f:fork{'pick':'right'} other:mark j:join after:mark"
                " in>f f>j@left f>other@right j>after",
                KAL_STATUS_COMPLETED, "other");
}

static void nested_joins_fire_from_the_inner_to_the_outer(void **state)
{
    assert_walk(state,
                "in:start a:mark b:mark c:mark c2:mark inner:join outer:join i:mark o:mark"
                " in>a>inner in>b>inner in>c>c2>outer inner>i>outer outer>o",
                KAL_STATUS_COMPLETED, "a b c c2 i o");
    /* the outer join stands ahead of the inner one in the graph */
    assert_walk(state,
                "outer:join in:start a:mark b:mark inner:join o:mark"
                " in>a>inner in>b>inner inner>outer in>outer outer>o",
                KAL_STATUS_COMPLETED, "a b o");
}

static void a_join_waits_for_a_branch_that_waits(void **state)
{
    rig r = rig_new(state);
    kal_instance *instance =
        walk(&r, "in:start a:mark w:wait{'duration':'1h'} b:mark j:join after:mark"
                 " in>a>j in>w>b>j j>after");
    assert_ended(instance, KAL_STATUS_WAITING, NULL);
    assert_trail(&r, "ann", "a");
    assert_int_equal(rig_fire(&r, HOUR), 1);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_COMPLETED, NULL);
    assert_trail(&r, "ann", "a b after");
    rig_free(&r);
}

static void a_join_of_any_absorbs_what_arrives_days_later(void **state)
{
    rig r = rig_new(state);
    walk(&r, "in:start a:mark w:wait{'duration':'48h'} j:join{'mode':'any'} after:mark"
             " in>a>j in>w>j j>after");
    assert_trail(&r, "ann", "a after");
    assert_int_equal(rig_fire(&r, 48 * HOUR), 1);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_COMPLETED, NULL);
    assert_trail(&r, "ann", "a after");
    rig_free(&r);
}

/* ---- ends ---- */

static void an_exit_drops_what_was_queued(void **state)
{
    rig r = rig_new(state);
    kal_instance *instance =
        walk(&r, "in:start a:mark w:wait{'duration':'1h'} out:exit{'reason':'left'}"
                 " never:mark in>a in>w in>out in>never a>never");
    assert_ended(instance, KAL_STATUS_COMPLETED, "left");
    assert_trail(&r, "ann", "a");
    rig_free(&r);
}

static void a_goal_ends_everything_unless_told_otherwise(void **state)
{
    assert_walk(state, "in:start g:goal_reached{'goal_name':'x'} b:mark in>g in>b",
                KAL_STATUS_COMPLETED, "");
    assert_walk(state,
                "in:start g:goal_reached{'goal_name':'x','exit_after_goal':false} b:mark in>g in>b",
                KAL_STATUS_COMPLETED, "b");
}

static void another_leaf_ends_its_branch_only(void **state)
{
    rig r = rig_new(state);
    kal_instance *instance = walk(&r, "in:start a:mark w:wait{'duration':'1h'} in>a in>w");
    assert_ended(instance, KAL_STATUS_WAITING, NULL);
    assert_int_equal(r.batch->counts.completions, 0);
    rig_free(&r);
}

/* ---- failures ---- */

static void assert_failure(void **state, const char *type, const char *reason)
{
    char graph[200];
    rig r = rig_new(state);
    snprintf(graph, sizeof graph, "in:start x:%s a:mark in>x>a", type);
    assert_ended(walk(&r, graph), KAL_STATUS_FAILED, reason);
    assert_trail(&r, "ann", "");
    assert_int_equal(r.batch->counts.failures, 1);
    rig_free(&r);
}

static void what_a_node_raises_fails_the_instance(void **state)
{
    assert_failure(state, "raise", "it broke");
    assert_failure(state, "refuse", "it would not");
    assert_failure(state, "teleport", "the effect teleport is not understood");
    assert_failure(state, "big{'kb':257}", "context_too_large");
}

static void on_error_continues_or_branches(void **state)
{
    assert_walk(state, "in:start x:raise{'on_error':'continue'} a:mark in>x>a",
                KAL_STATUS_COMPLETED, "a");
    assert_walk(state, "in:start x:raise{'on_error':'sorry'} a:mark b:mark in>x>a x>b@sorry",
                KAL_STATUS_COMPLETED, "b");
    assert_walk(state, "in:start x:teleport{'on_error':'sorry'} a:mark b:mark in>x>a x>b@sorry",
                KAL_STATUS_COMPLETED, "b");
    assert_walk(state, "in:start x:raise{'on_error':'fail'} a:mark in>x>a", KAL_STATUS_FAILED, "");
}

static void a_failure_drops_what_was_queued(void **state)
{
    assert_walk(state, "in:start w:wait{'duration':'1h'} x:raise a:mark in>w in>x in>a",
                KAL_STATUS_FAILED, "");
}

/* ---- what nodes see ---- */

/* A node that comes after a change of the profile decides on the new profile. */
static void a_walk_sees_its_own_changes_of_the_profile(void **state)
{
    assert_walk(state,
                "in:start p:update_profile{'fields':{'plan':'gold'}} t:add_tag{'tag':'vip'}"
                " c:condition{'expression':'_customer.properties.plan == \\'gold\\' &&"
                " len(_customer.tags) == 1'} yes:mark no:mark"
                " in>p>t>c c>yes@true c>no@false",
                KAL_STATUS_COMPLETED, "yes");
}

/* Of a version that was published when the rules were not so strict. */
static void a_config_that_is_refused_today_fails_at_its_node(void **state)
{
    static const char *const nodes[] = {"condition{'field':'a','operator':'like'}",
                                        "condition{}",
                                        "ab_split{'variants':7}",
                                        "wait{'duration':'soon'}",
                                        "wait_until{'datetime':{}}",
                                        "update_profile{'fields':3}",
                                        "add_tag{}",
                                        "preference_gate{'channel':{}}"};
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        char graph[160];
        snprintf(graph, sizeof graph, "in:start a:mark n:%s b:mark in>a>n>b", nodes[i]);
        assert_walk(state, graph, KAL_STATUS_FAILED, "a");
    }
}

static void nodes_see_the_ids_and_what_the_caller_gave(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = rig_flow(&r, "in:start c:condition{'expression':'_customer_id == \\'ann\\' &&"
                                  " len(_flow_id) == 36 && len(_instance_id) == 36 &&"
                                  " len(_tenant_id) == 36 && order.total == 49.99 &&"
                                  " preferences.sms == false'} yes:mark no:mark"
                                  " in>c c>yes@true c>no@false");
    rig_op(&r, "ann", KAL_CUSTOMER_CREATE, "{'preferences':{'sms':false}}");
    rig_trigger(&r, flow, "ann")->body = json_of("{'order':{'total':49.99}}");
    rig_act(&r);
    assert_trail(&r, "ann", "yes");
    rig_free(&r);
}

static void preferences_of_the_caller_go_before_the_customers(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = rig_flow(&r, "in:start c:preference_gate{'channel':'sms'} yes:mark no:mark"
                                  " in>c c>yes@true c>no@false");
    rig_op(&r, "ann", KAL_CUSTOMER_CREATE, "{'preferences':{'sms':false}}");
    rig_trigger(&r, flow, "ann")->body = json_of("{'preferences':{'sms':true}}");
    rig_act(&r);
    assert_trail(&r, "ann", "yes");
    rig_free(&r);
}

/* The welcome must not leave after the offer. */
static void sends_leave_in_the_order_of_the_walk(void **state)
{
    rig r = rig_new(state);
    walk(&r, "in:start a:send_email{'template_id':'t'} b:send_email{'template_id':'t'}"
             " c:send_email{'template_id':'t'} in>a>b>c");
    const char *nodes[] = {"a", "b", "c"};
    size_t n = 0;
    for (const kal_sent *sent = r.batch->sent; sent; sent = sent->next)
        assert_true(kal_str_is(kal_json_get_str(sent->json, "node_id"), nodes[n++ % 3]));
    assert_int_equal(n, 3);
    rig_free(&r);
}

static void each_send_has_an_id_of_its_own(void **state)
{
    rig r = rig_new(state);
    walk(&r, "in:start a:mark b:mark x:send_email{'template_id':'t'} in>a>x in>b>x");
    assert_non_null(r.batch->sent);
    assert_non_null(r.batch->sent->next);
    assert_false(kal_uuid_eq(r.batch->sent->id, r.batch->sent->next->id));
    rig_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(branches_run_first_in_first_out),
        cmocka_unit_test(a_node_runs_once_per_arrival),
        cmocka_unit_test(a_trigger_starts_every_entry),
        cmocka_unit_test(a_branch_follows_its_own_edges_only),
        cmocka_unit_test(a_join_of_all_waits_for_the_slower_branch),
        cmocka_unit_test(a_join_of_any_fires_once),
        cmocka_unit_test(a_bypassed_join_fires_all_the_same),
        cmocka_unit_test(a_join_that_nothing_reaches_never_fires),
        cmocka_unit_test(nested_joins_fire_from_the_inner_to_the_outer),
        cmocka_unit_test(a_join_waits_for_a_branch_that_waits),
        cmocka_unit_test(a_join_of_any_absorbs_what_arrives_days_later),
        cmocka_unit_test(an_exit_drops_what_was_queued),
        cmocka_unit_test(a_goal_ends_everything_unless_told_otherwise),
        cmocka_unit_test(another_leaf_ends_its_branch_only),
        cmocka_unit_test(what_a_node_raises_fails_the_instance),
        cmocka_unit_test(on_error_continues_or_branches),
        cmocka_unit_test(a_failure_drops_what_was_queued),
        cmocka_unit_test(a_walk_sees_its_own_changes_of_the_profile),
        cmocka_unit_test(a_config_that_is_refused_today_fails_at_its_node),
        cmocka_unit_test(nodes_see_the_ids_and_what_the_caller_gave),
        cmocka_unit_test(preferences_of_the_caller_go_before_the_customers),
        cmocka_unit_test(sends_leave_in_the_order_of_the_walk),
        cmocka_unit_test(each_send_has_an_id_of_its_own),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
