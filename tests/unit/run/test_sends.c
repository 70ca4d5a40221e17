/* What a customer would suffer: messages beyond what a cap allows, because two walks of one batch,
 * or two branches of one walk, each counted without the other. */
#include "run_rig.h"

#include "run/sends.h"

#define DAY_MS INT64_C(86400000)
#define CAP(max) "cap:frequency_cap{'max_messages':" #max ",'time_window':'1d'} "
#define SEND " cap>m@allowed cap>no@capped m:send_email{'template_id':'t'} no:mark "

/* An active flow with a cap of its own. */
static kal_flow *rig_flow_capped(rig *r, const char *graph, const char *cap)
{
    kal_flow *flow = rig_flow(r, graph);
    flow->frequency_cap = json_of(cap);
    kal_caps_read(&flow->caps, flow->frequency_cap);
    return flow;
}

/* What the database has of a customer's messages. */
static void rig_found(rig *r, const char *customer, const char *channel, int64_t n)
{
    kal_sends_found(r->batch, rig_customer(r, customer), (kal_cap){kal_str_of(channel), DAY_MS, -1},
                    n);
}

static void assert_result(const rig *r, const kal_instance *instance, const char *node,
                          const char *expected)
{
    json_t *result = result_of(r, instance, node), *wanted = json_of(expected);
    if (!json_equal(result, wanted))
        fail_msg("%s gave %s", node, json_dumps(result, 0));
    json_decref(result);
    json_decref(wanted);
}

/* Messages that leave with the batch. */
static size_t sent(const rig *r)
{
    size_t n = 0;
    for (const kal_sent *s = r->batch->sent; s; s = s->next)
        n++;
    return n;
}

static void walks_of_one_batch_count_each_other(void **state)
{
    rig r = rig_new(state);
    for (int i = 0; i < 6; i++)
        rig_trigger(&r, rig_flow(&r, "in:start in>cap " CAP(4) SEND), "ann");
    rig_found(&r, "ann", "all", 1);
    rig_act(&r);
    assert_int_equal(sent(&r), 3);
    assert_result(&r, rig_instance(&r, "ann"), "cap", "{'capped':true,'count':4,'max':4}");
    rig_free(&r);
}

static void one_customers_messages_are_not_anothers(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = rig_flow(&r, "in:start in>cap " CAP(1) SEND);
    rig_trigger(&r, flow, "ann");
    rig_trigger(&r, flow, "bob");
    rig_act(&r);
    assert_int_equal(sent(&r), 2);
    rig_free(&r);
}

static void branches_of_one_walk_count_each_other(void **state)
{
    rig r = rig_new(state);
    rig_trigger(&r,
                rig_flow(&r, "in:start in>cap in>dap " CAP(1) SEND
                         "dap:frequency_cap{'max_messages':1,'time_window':'1d'} "
                         "dap>n@allowed dap>no@capped "
                         "n:send_sms{'template_id':'t'}"),
                "ann");
    rig_act(&r);
    assert_int_equal(sent(&r), 1);
    rig_free(&r);
}

static void a_place_that_nobody_takes_is_free_after_the_walk(void **state)
{
    rig r = rig_new(state);
    const char *graph = "in:start in>cap " CAP(1) "cap>a@allowed cap>b@capped a:mark b:mark";
    rig_trigger(&r, rig_flow(&r, graph), "ann");
    rig_trigger(&r, rig_flow(&r, graph), "ann");
    rig_act(&r);
    assert_trail(&r, "ann", "a a");
    rig_free(&r);
}

static void a_cap_of_another_channel_counts_nothing(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = rig_flow_capped(
        &r, "in:start in>a a:send_email{'template_id':'t'} a>b b:send_sms{'template_id':'t'}",
        "{'email':{'max':0,'window':'1d'}}");
    kal_customer *ann;
    rig_add(&r, KAL_WORK_TIMER, "ann");
    ann = rig_customer(&r, "ann");
    kal_sends_add(r.batch, ann, kal_str_of("push"));
    json_t *list = kal_sends_json(ann, flow->versions);
    assert_int_equal(json_array_size(list), 1);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "count")), 0);
    json_decref(list);
    assert_true(kal_sends_capped(ann, flow->versions));
    rig_free(&r);
}

static void a_flow_is_not_entered_beyond_its_cap(void **state)
{
    rig r = rig_new(state);
    kal_flow *one = rig_flow_capped(&r, "in:start in>m m:send_email{'template_id':'t'}",
                                    "{'max_messages':2,'time_window':'1d'}");
    kal_flow *two = rig_flow_capped(&r, "in:start in>m m:send_email{'template_id':'t'}",
                                    "{'email':{'max':2,'window':'1d'}}");
    kal_work *works[6];
    for (int i = 0; i < 6; i++)
        works[i] = rig_trigger(&r, i % 2 ? one : two, "ann");
    rig_act(&r);
    for (int i = 0; i < 6; i++)
        assert_int_equal(works[i]->err, i < 2 ? KAL_OK : KAL_ERR_FREQUENCY_CAP_EXCEEDED);
    assert_int_equal(sent(&r), 2);
    rig_free(&r);
}

static void a_capped_flow_sends_no_more_than_its_cap(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = rig_flow_capped(
        &r, "in:start in>a a:send_email{'template_id':'t'} a>b b:send_email{'template_id':'t'}",
        "{'email':{'max':1,'window':'1d'}}");
    rig_trigger(&r, flow, "ann");
    rig_act(&r);
    const kal_instance *instance = rig_instance(&r, "ann");
    assert_ended(instance, KAL_STATUS_COMPLETED, NULL);
    json_t *result = result_of(&r, instance, "b");
    assert_string_equal(kal_json_get_str(result, "status").p, "failed");
    assert_string_equal(kal_json_get_str(result, "error").p, "frequency_cap_exceeded");
    json_decref(result);
    assert_int_equal(sent(&r), 1);
    rig_free(&r);
}

/* A walk that would reach a cap before its next wait, and one that rests first. */
static void counts_are_needed_up_to_the_next_wait(void **state)
{
    rig r = rig_new(state);
    const kal_graph *near = rig_flow(&r, "in:start in>cap " CAP(1) SEND)->versions->graph;
    const kal_graph *far =
        rig_flow(&r, "in:start in>w w:wait{'duration':'1d'} w>cap " CAP(1) SEND)->versions->graph;
    assert_true(kal_graph_at(near, 0)->needs_caps);
    assert_false(kal_graph_at(far, 0)->needs_caps);
    assert_int_equal(kal_graph_caps(near)->len, 1);
    rig_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_of_one_batch_count_each_other),
        cmocka_unit_test(one_customers_messages_are_not_anothers),
        cmocka_unit_test(branches_of_one_walk_count_each_other),
        cmocka_unit_test(a_place_that_nobody_takes_is_free_after_the_walk),
        cmocka_unit_test(a_cap_of_another_channel_counts_nothing),
        cmocka_unit_test(a_flow_is_not_entered_beyond_its_cap),
        cmocka_unit_test(a_capped_flow_sends_no_more_than_its_cap),
        cmocka_unit_test(counts_are_needed_up_to_the_next_wait),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
