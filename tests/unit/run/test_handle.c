/* Who may enter, who is held, what an event does: the answers that callers build upon. */
#include "run_rig.h"

#define HOLD "in:start w:wait_for_event{'event_type':'go'} a:mark in>w w>a@event_received"

static kal_err trigger(rig *r, const kal_flow *flow, const char *customer)
{
    kal_work *work = rig_trigger(r, flow, customer);
    rig_act(r);
    kal_err err = work->err;
    rig_next(r, 0);
    return err;
}

static kal_work *event(rig *r, const char *customer, const char *type, const char *data)
{
    kal_work *work = rig_event(r, customer, type, data);
    rig_act(r);
    return work;
}

static void assert_answer(const kal_work *work, int routed, int started, int held)
{
    assert_int_equal(work->err, KAL_OK);
    assert_int_equal(work->routed, routed);
    assert_int_equal(work->started, started);
    assert_int_equal(work->held, held);
}

/* ---- triggers ---- */

/* Each error is told before those below it: everything is wrong at first, and is put right from
 * the top down. */
static void errors_come_in_their_order(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = rig_flow(&r, HOLD);
    flow->entry_config = json_of("{'reentry':'never'}");
    assert_int_equal(trigger(&r, flow, "ann"), KAL_OK);
    flow->status = KAL_FLOW_UNKNOWN;
    flow->active_version = 0;
    assert_int_equal(trigger(&r, flow, "ann"), KAL_ERR_NOT_FOUND);
    const kal_flow_status inactive[] = {KAL_FLOW_DRAFT, KAL_FLOW_PAUSED, KAL_FLOW_ARCHIVED};
    for (size_t i = 0; i < 3; i++) {
        flow->status = inactive[i];
        assert_int_equal(trigger(&r, flow, "ann"), KAL_ERR_FLOW_NOT_ACTIVE);
    }
    flow->status = KAL_FLOW_ACTIVE;
    assert_int_equal(trigger(&r, flow, "ann"), KAL_ERR_NO_ACTIVE_VERSION);
    flow->active_version = 1;
    assert_int_equal(trigger(&r, flow, "ann"), KAL_ERR_ALREADY_IN_FLOW);
    event(&r, "ann", "go", "{}");
    rig_next(&r, 0);
    assert_int_equal(trigger(&r, flow, "ann"), KAL_ERR_REENTRY_NOT_ALLOWED);
    json_object_del(flow->entry_config, "reentry");
    assert_int_equal(trigger(&r, flow, "ann"), KAL_OK);
    rig_free(&r);
}

static void a_flow_of_another_tenant_is_not_there(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = rig_flow(&r, HOLD);
    r.tenant = kal_uuid_new(r.now);
    assert_int_equal(trigger(&r, flow, "ann"), KAL_ERR_NOT_FOUND);
    kal_flow unknown = {.id = r.tenant};
    assert_int_equal(trigger(&r, &unknown, "ann"), KAL_ERR_NOT_FOUND);
    rig_free(&r);
}

static void a_refused_trigger_changes_nothing(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = rig_flow(&r, HOLD);
    flow->status = KAL_FLOW_PAUSED;
    rig_trigger(&r, flow, "ann");
    rig_act(&r);
    assert_int_equal(kal_flush_rows(r.batch->flush), 0);
    assert_false(rig_customer(&r, "ann")->exists);
    rig_free(&r);
}

static void a_trigger_makes_and_touches_the_customer(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = rig_flow(&r, "in:start a:mark in>a");
    kal_work *work = rig_trigger(&r, flow, "ann");
    rig_act(&r);
    assert_true(kal_uuid_eq(work->instance_id, rig_instance(&r, "ann")->id));
    assert_true(rig_customer(&r, "ann")->created);
    rig_next(&r, HOUR);
    rig_trigger(&r, flow, "ann");
    rig_act(&r);
    const kal_customer *ann = rig_customer(&r, "ann");
    assert_false(ann->created);
    assert_int_equal(ann->created_ms, START_MS);
    assert_int_equal(ann->seen_ms, START_MS + HOUR);
    rig_free(&r);
}

static void one_of_two_triggers_in_a_batch_wins(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = rig_flow(&r, HOLD);
    kal_work *first = rig_trigger(&r, flow, "ann");
    kal_work *second = rig_trigger(&r, flow, "ann");
    kal_work *other = rig_trigger(&r, flow, "bob");
    rig_act(&r);
    assert_int_equal(first->err, KAL_OK);
    assert_int_equal(second->err, KAL_ERR_ALREADY_IN_FLOW);
    assert_int_equal(other->err, KAL_OK);
    assert_null(rig_customer(&r, "ann")->instances->next);
    rig_free(&r);
}

/* The index tells what the batch did not load. */
static void a_wait_in_the_index_means_in_the_flow(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = rig_flow(&r, HOLD);
    uint64_t key = kal_customer_key(r.tenant, kal_str_of("ann"));
    kal_waits_add(r.waits, key, kal_uuid_new(r.now), 1,
                  kal_flows_place(r.flows, flow->versions, kal_str_of("w")));
    assert_int_equal(trigger(&r, flow, "ann"), KAL_ERR_ALREADY_IN_FLOW);
    rig_free(&r);
}

static void reentry_never_and_after_a_time(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = rig_flow(&r, "in:start a:mark in>a");
    flow->entry_config = json_of("{'reentry':'never'}");
    assert_int_equal(trigger(&r, flow, "ann"), KAL_OK);
    rig_next(&r, 10 * 365 * 24 * HOUR);
    assert_int_equal(trigger(&r, flow, "ann"), KAL_ERR_REENTRY_NOT_ALLOWED);
    json_object_set_new(flow->entry_config, "reentry", json_string("1h"));
    assert_int_equal(trigger(&r, flow, "ann"), KAL_OK); /* the last one ended years ago */
    rig_next(&r, HOUR - 1);
    assert_int_equal(trigger(&r, flow, "ann"), KAL_ERR_REENTRY_NOT_ALLOWED);
    rig_next(&r, 1);
    assert_int_equal(trigger(&r, flow, "ann"), KAL_OK);
    rig_free(&r);
}

static void reentry_counts_within_a_batch(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = rig_flow(&r, "in:start a:mark in>a");
    flow->entry_config = json_of("{'reentry':'never'}");
    rig_trigger(&r, flow, "ann");
    kal_work *second = rig_trigger(&r, flow, "ann");
    rig_act(&r);
    assert_int_equal(second->err, KAL_ERR_REENTRY_NOT_ALLOWED);
    rig_free(&r);
}

static void a_context_over_the_limit_is_refused(void **state)
{
    rig r = rig_new(state);
    kal_work *work = rig_trigger(&r, rig_flow(&r, HOLD), "ann");
    char *text = kal_alloc(257 * 1024);
    memset(text, 'x', 257 * 1024);
    work->body = json_pack("{s:s#}", "given", text, 257 * 1024);
    kal_free(text);
    rig_act(&r);
    assert_int_equal(work->err, KAL_ERR_CONTEXT_TOO_LARGE);
    assert_null(rig_instance(&r, "ann"));
    rig_free(&r);
}

/* ---- events ---- */

#define ENTRY                                                                                      \
    "in:event_entry{'event_type':'seen','filter':{'page':['a','b']}}"                              \
    " w:wait_for_event{'event_type':'go'} a:mark in>w w>a@event_received"

static void an_event_starts_by_type_and_filter(void **state)
{
    rig r = rig_new(state);
    rig_flow(&r, ENTRY);
    kal_work *wrong = rig_event(&r, "ann", "seen", "{'page':'c'}");
    kal_work *other = rig_event(&r, "ann", "left", "{'page':'a'}");
    kal_work *right = rig_event(&r, "bob", "seen", "{'page':'b'}");
    rig_act(&r);
    assert_answer(wrong, 0, 0, 0);
    assert_answer(other, 0, 0, 0);
    assert_answer(right, 0, 1, 0);
    assert_null(rig_instance(&r, "ann"));
    json_t *result = result_of(&r, rig_instance(&r, "bob"), "in");
    assert_string_equal(json_string_value(kal_json_path(result, kal_str_of("data.page"))), "b");
    json_decref(result);
    rig_free(&r);
}

static void an_event_starts_only_its_own_entry(void **state)
{
    rig r = rig_new(state);
    rig_flow(&r, "in:event_entry{'event_type':'seen'} other:event_entry{'event_type':'left'}"
                 " a:mark b:mark in>a other>b");
    assert_answer(event(&r, "ann", "seen", "{}"), 0, 1, 0);
    assert_trail(&r, "ann", "a");
    rig_free(&r);
}

static void an_event_starts_no_flow_that_is_not_active(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = rig_flow(&r, ENTRY);
    flow->status = KAL_FLOW_PAUSED;
    assert_answer(event(&r, "ann", "seen", "{'page':'a'}"), 0, 0, 0);
    flow->status = KAL_FLOW_ARCHIVED;
    rig_next(&r, 0);
    assert_answer(event(&r, "ann", "seen", "{'page':'a'}"), 0, 0, 0);
    rig_free(&r);
}

static void an_unmatched_event_is_stored(void **state)
{
    rig r = rig_new(state);
    assert_answer(event(&r, "ann", "seen", "{}"), 0, 0, 0);
    assert_int_equal(kal_flush_rows(r.batch->flush), 1);
    assert_false(rig_customer(&r, "ann")->exists); /* an event alone makes nobody */
    rig_free(&r);
}

static void a_known_event_gets_its_first_answer(void **state)
{
    rig r = rig_new(state);
    rig_flow(&r, ENTRY);
    kal_work *works[3];
    for (int i = 0; i < 3; i++) {
        works[i] = rig_event(&r, "ann", "seen", "{'page':'a'}");
        works[i]->event_id = kal_strdup(i < 2 ? "e1" : "e2");
    }
    rig_act(&r);
    assert_answer(works[0], 0, 1, 0);
    assert_answer(works[1], 0, 1, 0); /* the duplicate of the same batch */
    assert_answer(works[2], 0, 0, 0); /* another id: in the flow already */
    assert_int_equal(r.batch->counts.events, 2);
    assert_null(rig_customer(&r, "ann")->instances->next);
    rig_next(&r, HOUR);
    kal_work *later = rig_event(&r, "ann", "other", "{}");
    later->event_id = kal_strdup("e1");
    kal_work *other = rig_event(&r, "bob", "seen", "{'page':'a'}");
    other->event_id = kal_strdup("e1"); /* ids are a customer's own */
    rig_act(&r);
    assert_answer(later, 0, 1, 0);
    assert_answer(other, 0, 1, 0);
    assert_int_equal(r.batch->counts.events, 1);
    rig_free(&r);
}

/* The purchase that ends the reminders must not begin them anew. */
static void an_event_that_ends_an_instance_does_not_start_it_again(void **state)
{
    rig r = rig_new(state);
    rig_flow(&r, "in:event_entry{'event_type':'paid'} w:wait_for_event{'event_type':'paid'}"
                 " in>w a:mark w>a@event_received");
    assert_answer(event(&r, "ann", "paid", "{}"), 0, 1, 0);
    rig_next(&r, 1);
    assert_answer(event(&r, "ann", "paid", "{}"), 1, 0, 0);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_COMPLETED, NULL);
    rig_next(&r, 1);
    assert_answer(event(&r, "ann", "paid", "{}"), 0, 1, 0); /* the next one may */
    rig_free(&r);
}

static void exit_criteria_do_not_start_it_again_either(void **state)
{
    rig r = rig_new(state);
    rig_flow_until(&r, "in:event_entry{'event_type':'paid'} w:wait{'duration':'1h'} in>w",
                   "{'event_type':'paid'}");
    assert_answer(event(&r, "ann", "paid", "{}"), 0, 1, 0);
    rig_next(&r, 1);
    assert_answer(event(&r, "ann", "paid", "{}"), 0, 0, 0);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_EXITED, "exit_criteria");
    assert_null(rig_customer(&r, "ann")->instances->next);
    rig_free(&r);
}

/* Two doors for one event are one way in. */
static void two_entries_for_one_event_start_one_instance(void **state)
{
    rig r = rig_new(state);
    rig_flow(&r, "one:event_entry{'event_type':'seen'} two:event_entry{'event_type':'seen'}"
                 " a:mark b:mark one>a two>b");
    assert_answer(event(&r, "ann", "seen", "{}"), 0, 1, 0);
    assert_null(rig_customer(&r, "ann")->instances->next);
    rig_free(&r);
}

static void an_event_reaches_every_flow_of_the_customer(void **state)
{
    rig r = rig_new(state);
    kal_flow *one = rig_flow(&r, HOLD), *two = rig_flow(&r, HOLD);
    rig_trigger(&r, one, "ann");
    rig_trigger(&r, two, "ann");
    rig_act(&r);
    rig_next(&r, 0);
    assert_answer(event(&r, "ann", "go", "{}"), 2, 0, 0);
    rig_free(&r);
}

/* ---- pauses ---- */

static void events_for_a_paused_flow_are_held_and_replayed(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = rig_flow(&r, HOLD);
    trigger(&r, flow, "ann");
    flow->status = KAL_FLOW_PAUSED;
    kal_work *other = rig_event(&r, "ann", "other", "{}");
    assert_answer(event(&r, "ann", "go", "{'n':1}"), 0, 0, 1);
    assert_answer(other, 0, 0, 0); /* nothing there hears it */
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_WAITING, NULL);
    assert_int_equal(r.batch->counts.nodes, 0);
    rig_next(&r, HOUR);
    flow->status = KAL_FLOW_ACTIVE;
    kal_work *replay = rig_on(&r, KAL_WORK_REPLAY, rig_instance(&r, "ann"), 0);
    replay->held_id = kal_uuid_new(r.now);
    replay->body = json_of("{'stored_id':'01890000-0000-7000-8000-000000000001',"
                           "'id':null,'event_type':'go','data':{'n':1}}");
    rig_act(&r);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_COMPLETED, NULL);
    json_t *result = result_of(&r, rig_instance(&r, "ann"), "w");
    assert_int_equal(json_integer_value(kal_json_path(result, kal_str_of("event.n"))), 1);
    json_decref(result);
    rig_free(&r);
}

/* Better than to wait for ever for what has come. */
static void a_held_event_that_cannot_be_read_fails_its_instance(void **state)
{
    rig r = rig_new(state);
    trigger(&r, rig_flow(&r, HOLD), "ann");
    rig_on(&r, KAL_WORK_REPLAY, rig_instance(&r, "ann"), 0); /* without a body */
    rig_act(&r);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_FAILED, "a held event cannot be read");
    rig_free(&r);
}

static void a_replay_waits_when_the_flow_is_paused_again(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = rig_flow(&r, HOLD);
    trigger(&r, flow, "ann");
    flow->status = KAL_FLOW_PAUSED;
    kal_work *replay = rig_on(&r, KAL_WORK_REPLAY, rig_instance(&r, "ann"), 0);
    replay->body = json_of("{'stored_id':'01890000-0000-7000-8000-000000000001',"
                           "'id':null,'event_type':'go','data':{}}");
    rig_act(&r);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_WAITING, NULL);
    assert_int_equal(kal_flush_rows(r.batch->flush), 0); /* it stays held */
    rig_free(&r);
}

static void timers_of_a_paused_flow_are_put_off_and_shift(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = rig_flow(&r, "in:start w:wait{'duration':'1h'} u:wait_until{'datetime':"
                                  "'2026-09-21T20:13:20Z'} a:mark in>w>a in>u");
    assert_int_equal(trigger(&r, flow, "ann"), KAL_OK);
    flow->status = KAL_FLOW_PAUSED;
    assert_int_equal(rig_fire(&r, HOUR), 1);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_WAITING, NULL);
    assert_ptr_equal(r.batch->putoff->flow, flow);
    flow->status = KAL_FLOW_ACTIVE;
    flow->paused_ms = 2 * HOUR;
    const kal_instance *instance = rig_instance(&r, "ann");
    assert_int_equal(kal_wait_due(flow, wait_in(instance, "w")), START_MS + 3 * HOUR);
    assert_int_equal(kal_wait_due(flow, wait_in(instance, "u")), START_MS + 6 * HOUR);
    rig_free(&r);
}

/* A wait that begins after a pause has nothing to do with it. */
static void a_wait_after_a_pause_does_not_shift(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = rig_flow(&r, "in:start w:wait{'duration':'1h'} a:mark in>w>a");
    flow->paused_ms = 5 * HOUR;
    trigger(&r, flow, "ann");
    assert_int_equal(kal_wait_due(flow, wait_in(rig_instance(&r, "ann"), "w")), START_MS + HOUR);
    assert_int_equal(rig_fire(&r, HOUR), 1);
    assert_trail(&r, "ann", "a");
    rig_free(&r);
}

/* ---- ends from outside ---- */

static void operators_cancel_and_archives_exit(void **state)
{
    rig r = rig_new(state);
    kal_flow *flow = rig_flow(&r, HOLD);
    trigger(&r, flow, "ann");
    trigger(&r, flow, "bob");
    rig_on(&r, KAL_WORK_CANCEL, rig_instance(&r, "ann"), 0);
    kal_work *again = rig_on(&r, KAL_WORK_CANCEL, rig_instance(&r, "ann"), 0);
    flow->status = KAL_FLOW_ARCHIVED;
    rig_on(&r, KAL_WORK_EXIT, rig_instance(&r, "bob"), 0)->reason = kal_strdup("flow_archived");
    rig_act(&r);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_EXITED, "cancelled_by_operator");
    assert_ended(rig_instance(&r, "bob"), KAL_STATUS_EXITED, "flow_archived");
    assert_int_equal(again->err, KAL_ERR_NOT_CANCELLABLE);
    assert_int_equal(r.batch->counts.exits, 2);
    rig_free(&r);
}

static void what_the_server_refuses_fails_its_instance(void **state)
{
    rig r = rig_new(state);
    trigger(&r, rig_flow(&r, HOLD), "ann");
    rig_on(&r, KAL_WORK_FAIL, rig_instance(&r, "ann"), 0)->reason = kal_strdup("bad bytes");
    kal_work *gone = rig_add(&r, KAL_WORK_CANCEL, "ann");
    gone->instance_id = kal_uuid_new(r.now);
    rig_act(&r);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_FAILED, "bad bytes");
    assert_int_equal(gone->err, KAL_ERR_NOT_FOUND);
    rig_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_come_in_their_order),
        cmocka_unit_test(a_flow_of_another_tenant_is_not_there),
        cmocka_unit_test(a_refused_trigger_changes_nothing),
        cmocka_unit_test(a_trigger_makes_and_touches_the_customer),
        cmocka_unit_test(one_of_two_triggers_in_a_batch_wins),
        cmocka_unit_test(a_wait_in_the_index_means_in_the_flow),
        cmocka_unit_test(reentry_never_and_after_a_time),
        cmocka_unit_test(reentry_counts_within_a_batch),
        cmocka_unit_test(a_context_over_the_limit_is_refused),
        cmocka_unit_test(an_event_starts_by_type_and_filter),
        cmocka_unit_test(an_event_starts_only_its_own_entry),
        cmocka_unit_test(an_event_starts_no_flow_that_is_not_active),
        cmocka_unit_test(an_unmatched_event_is_stored),
        cmocka_unit_test(a_known_event_gets_its_first_answer),
        cmocka_unit_test(an_event_that_ends_an_instance_does_not_start_it_again),
        cmocka_unit_test(exit_criteria_do_not_start_it_again_either),
        cmocka_unit_test(two_entries_for_one_event_start_one_instance),
        cmocka_unit_test(an_event_reaches_every_flow_of_the_customer),
        cmocka_unit_test(events_for_a_paused_flow_are_held_and_replayed),
        cmocka_unit_test(a_held_event_that_cannot_be_read_fails_its_instance),
        cmocka_unit_test(a_replay_waits_when_the_flow_is_paused_again),
        cmocka_unit_test(timers_of_a_paused_flow_are_put_off_and_shift),
        cmocka_unit_test(a_wait_after_a_pause_does_not_shift),
        cmocka_unit_test(operators_cancel_and_archives_exit),
        cmocka_unit_test(what_the_server_refuses_fails_its_instance),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
