#include "host_test.h"

typedef struct fixture {
    char *home;
    kal_lua *lua;
    kal_arena *arena;
} fixture;

static int setup(void **state)
{
    fixture *f = malloc(sizeof *f);
    f->home = host_home_new();
    host_write(f->home, "lua/kal/helper.lua", "return { fail = function() error 'broken' end }");
    host_write(f->home, "plugins/mail/provider.lua",
               "return { send = function(delivery)\n"
               "  if delivery.raise then error 'down' end\n"
               "  if not delivery.to then return nil, 'there is no address' end\n"
               "  return { sink = 'log', line = { to = delivery.to, list = delivery.list } }\n"
               "end }");
    f->lua = host_open(f->home);
    f->arena = kal_arena_new();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    kal_lua_free(f->lua);
    kal_arena_free(f->arena);
    kal_temp_dir_free(f->home);
    free(f);
    return 0;
}

static kal_lua_node *code_node(fixture *f, const char *body)
{
    json_t *config = json_pack("{s:s}", "body", body);
    kal_lua_node *node =
        kal_lua_node_new(f->lua, kal_str_of("n1"), kal_str_of("code"), (kal_str){0}, config);
    json_decref(config);
    assert_non_null(node);
    return node;
}

static kal_lua_ref context(fixture *f, const char *text)
{
    kal_lua_ref ref;
    assert_int_equal(kal_lua_context_new(f->lua, kal_str_of(text), kal_str_of(""), &ref), KAL_OK);
    assert_int_not_equal(ref, KAL_LUA_NONE);
    return ref;
}

/* Runs a node once; what it leaves in `accumulated` goes to `left` (may be NULL). */
static kal_outcome run(fixture *f, const char *body, kal_lua_call call, kal_buf *left)
{
    kal_outcome out;
    kal_lua_node *node = code_node(f, body);
    call.node = node;
    call.context = context(f, "{\"name\":\"Ada\",\"list\":[]}");
    kal_lua_run(f->lua, &call, f->arena, &out);
    if (left != NULL)
        assert_int_equal(kal_lua_context_accumulated(f->lua, call.context, left), KAL_OK);
    kal_lua_unref(f->lua, call.context);
    kal_lua_node_free(f->lua, node);
    return out;
}

static void assert_text(kal_str text, const char *expected)
{
    assert_non_null(text.p);
    assert_int_equal(text.n, strlen(expected));
    assert_string_equal(text.p, expected);
}

static void assert_fails(fixture *f, const char *body, const char *reason)
{
    kal_buf left = {0};
    kal_outcome out = run(f, body, (kal_lua_call){0}, &left);
    assert_int_equal(out.kind, KAL_OUTCOME_FAIL);
    assert_non_null(out.reason.p);
    if (strstr(out.reason.p, reason) == NULL)
        fail_msg("\"%s\" is not in: %s", reason, out.reason.p);
    assert_null(out.result.p);
    assert_null(out.state);
    assert_null(out.effects);
    assert_string_equal(left.data, "{}"); /* nothing is left behind that could not be saved */
    kal_buf_deinit(&left);
}

static void test_a_result_goes_to_the_step_and_the_context(void **state)
{
    fixture *f = *state;
    kal_buf left = {0};
    kal_outcome out = run(f, "return 'complete', { b = { }, a = 49.99, name = context.name }",
                          (kal_lua_call){0}, &left);
    assert_int_equal(out.kind, KAL_OUTCOME_COMPLETE);
    assert_text(out.result, "{\"a\":49.99,\"b\":{},\"name\":\"Ada\"}");
    assert_string_equal(left.data, "{\"n1\":{\"a\":49.99,\"b\":{},\"name\":\"Ada\"}}");
    assert_null(out.branch.p);
    assert_null(out.reason.p);
    kal_buf_deinit(&left);
}

static void test_a_branch_is_named(void **state)
{
    kal_outcome out = run(*state, "return 'complete', {}, 'true'", (kal_lua_call){0}, NULL);
    assert_int_equal(out.kind, KAL_OUTCOME_COMPLETE);
    assert_text(out.branch, "true");
    assert_text(out.result, "{}");
}

static void test_a_wait_has_its_time_and_state(void **state)
{
    fixture *f = *state;
    const char *body = "return 'wait', nil, nil, nil, now + 5, true, { seen = native.array {} }";
    kal_outcome out = run(f, body, (kal_lua_call){.now_ms = 1732147200123}, NULL);
    assert_int_equal(out.kind, KAL_OUTCOME_WAIT);
    assert_true(out.until_ms == 1732147200128);
    assert_true(out.absolute);
    assert_int_equal(json_array_size(json_object_get(out.state, "seen")), 0);
    assert_true(json_is_array(json_object_get(out.state, "seen")));
    json_decref(out.state);

    out = run(f, "return 'wait'", (kal_lua_call){0}, NULL);
    assert_int_equal(out.kind, KAL_OUTCOME_WAIT);
    assert_true(out.until_ms == -1);
    assert_false(out.absolute);
    assert_null(out.state);
}

static void test_a_resume_sees_event_state_and_trigger(void **state)
{
    json_t *event = json_pack("{s:s, s:{s:I}}", "id", "e1", "data", "n", INT64_C(9007199254740993));
    json_t *kept = json_pack("{s:i}", "round", 2);
    kal_lua_call call = {.trigger = "event", .event = event, .state = kept};
    kal_outcome out = run(*state,
                          "return 'complete', { id = event.id, n = event.data.n, trigger = trigger,"
                          " round = state.round + 1 }",
                          call, NULL);
    assert_text(out.result,
                "{\"id\":\"e1\",\"n\":9007199254740993,\"round\":3,\"trigger\":\"event\"}");
    json_decref(event);
    json_decref(kept);

    out = run(*state, "return 'complete', { none = trigger == nil and event == nil }",
              (kal_lua_call){0}, NULL);
    assert_text(out.result, "{\"none\":true}");
}

static void test_an_exit_keeps_its_reason(void **state)
{
    kal_outcome out = run(*state, "return 'exit', {}, nil, 'goal'", (kal_lua_call){0}, NULL);
    assert_int_equal(out.kind, KAL_OUTCOME_EXIT);
    assert_text(out.reason, "goal");
}

static void test_effects_come_out_in_order(void **state)
{
    kal_outcome out = run(*state,
                          "return 'complete', {}, nil, nil, nil, nil, nil,"
                          " { { kind = 'send', id = 'a' }, { kind = 'add_tag', tag = 'b' } }",
                          (kal_lua_call){0}, NULL);
    assert_int_equal(json_array_size(out.effects), 2);
    kal_str tag = kal_json_get_str(json_array_get(out.effects, 1), "tag");
    assert_true(kal_str_is(tag, "b"));
    json_decref(out.effects);
}

static void test_a_failure_says_why(void **state)
{
    fixture *f = *state;
    assert_fails(f, "return 'fail', nil, nil, 'no address'", "no address");
    assert_fails(f, "error('it is raining', 0)", "it is raining");
    assert_fails(f, "return nil + 1", "arithmetic");
    assert_fails(f, "error { code = 1 }", "no text");
    assert_fails(f, "return 'later'", "unknown kind");
    assert_fails(f, "return", "unknown kind");
}

static void test_an_outcome_that_cannot_be_kept_is_a_failure(void **state)
{
    fixture *f = *state;
    assert_fails(f, "return 'complete', { a = 0/0 }", "result cannot be kept: NaN");
    assert_fails(f, "return 'complete', { a = print }", "function");
    assert_fails(f, "local t = {} t.t = t return 'complete', t", "99 levels");
    assert_fails(f, "return 'complete', { context = context }", "99 levels");
    assert_fails(f, "return 'complete', { 1, nil, 3 }", "holes");
    assert_fails(f, "return 'complete', {}, '\\255'", "branch is not valid UTF-8");
    assert_fails(f, "return 'complete', {}, 5", "branch is a number");
    assert_fails(f, "return 'wait', nil, nil, nil, 0/0", "until_ms");
    assert_fails(f, "return 'wait', nil, nil, nil, 'soon'", "until_ms");
    assert_fails(f, "return 'wait', nil, nil, nil, nil, nil, { f = print }",
                 "state cannot be kept");
    assert_fails(f, "return 'complete', {}, nil, nil, nil, nil, { a = 1 }, { {} }", "effects");
}

/* 99 levels and `accumulated` around them are all that a reload can read. */
/* What a node's first arrival gave is still true when the second one fails. */
static void test_a_failure_leaves_the_older_result(void **state)
{
    static const char body[] = "context.runs = (context.runs or 0) + 1\n"
                               "if context.runs == 2 then error 'broken' end\n"
                               "return 'complete', { run = context.runs,\n"
                               "  f = context.runs == 3 and print or nil }";
    fixture *f = *state;
    kal_outcome out;
    kal_lua_node *node = code_node(f, body);
    kal_lua_call call = {.node = node, .context = context(f, "{}")};
    for (int i = 1; i <= 4; i++) {
        kal_buf left = {0};
        kal_lua_run(f->lua, &call, f->arena, &out);
        assert_int_equal(out.kind, i == 2 || i == 3 ? KAL_OUTCOME_FAIL : KAL_OUTCOME_COMPLETE);
        if (i == 4)
            kal_lua_forget(f->lua, &call); /* the engine found it too large */
        assert_int_equal(kal_lua_context_accumulated(f->lua, call.context, &left), KAL_OK);
        assert_string_equal(left.data, "{\"n1\":{\"run\":1}}");
        kal_buf_deinit(&left);
    }
    kal_lua_unref(f->lua, call.context);
    kal_lua_node_free(f->lua, node);
}

/* A large event is made into tables once, however many nodes it passes. */
static void test_an_event_is_brought_in_once(void **state)
{
    fixture *f = *state;
    kal_outcome out;
    kal_lua_node *node = code_node(f, "local known = context.known\n"
                                      "context.known = event\n"
                                      "return 'complete', { same = known == event }");
    kal_lua_call call = {.node = node, .context = context(f, "{}")};
    json_t *events[] = {json_pack("{s:i}", "n", 1), json_pack("{s:i}", "n", 1)};
    const char *same[] = {"{\"same\":false}", "{\"same\":true}", "{\"same\":false}"};
    for (int i = 0; i < 3; i++) {
        call.event = events[i / 2];
        kal_lua_run(f->lua, &call, f->arena, &out);
        assert_text(out.result, same[i]);
    }
    json_decref(events[0]);
    json_decref(events[1]);
    kal_lua_unref(f->lua, call.context);
    kal_lua_node_free(f->lua, node);
}

static void test_the_deepest_result_can_be_read_again(void **state)
{
    fixture *f = *state;
    kal_lua_ref ref;
    kal_buf left = {0};
    const char *body = "return 'complete', native.decode(('['):rep(%d) .. (']'):rep(%d))";
    char code[160];
    snprintf(code, sizeof code, body, 99, 99);
    assert_int_equal(run(f, code, (kal_lua_call){0}, &left).kind, KAL_OUTCOME_COMPLETE);
    kal_str text = {left.data, left.len};
    assert_int_equal(kal_lua_context_new(f->lua, kal_str_of("{}"), text, &ref), KAL_OK);
    kal_lua_unref(f->lua, ref);
    kal_buf_deinit(&left);
    snprintf(code, sizeof code, body, 100, 100);
    assert_fails(f, code, "99 levels");
}

static void test_reasons_hold_no_paths_and_stay_short(void **state)
{
    fixture *f = *state;
    kal_outcome out = run(f, "require 'kal.helper'.fail()", (kal_lua_call){0}, NULL);
    assert_text(out.reason, "lua/kal/helper.lua:1: broken");

    char body[512];
    snprintf(body, sizeof body, "error('%s/nodes/x.lua: (/opt/a/b.so) see /a/b and http://c/d', 0)",
             f->home);
    out = run(f, body, (kal_lua_call){0}, NULL);
    assert_text(out.reason, "nodes/x.lua: (b.so) see /a/b and http://c/d");

    out = run(f, "require 'nowhere.to.be.found'", (kal_lua_call){0}, NULL);
    assert_null(strchr(out.reason.p, '/'));
    assert_non_null(strstr(out.reason.p, "nowhere.to.be.found"));

    out = run(f, "error(('\xc3\xa4'):rep(3000), 0)", (kal_lua_call){0}, NULL);
    assert_int_equal(out.reason.n, 500);
    assert_true(kal_str_utf8(out.reason));

    out = run(f, "error('a\\255\\0\\tb', 0)", (kal_lua_call){0}, NULL);
    assert_text(out.reason, "a?  b");
}

static void test_a_node_that_is_not_installed_fails(void **state)
{
    fixture *f = *state;
    kal_outcome out;
    kal_lua_call call = {.context = context(f, "{}")};
    assert_null(kal_lua_node_new(f->lua, kal_str_of("n"), kal_str_of("gone"), (kal_str){0}, NULL));
    kal_lua_run(f->lua, &call, f->arena, &out);
    assert_int_equal(out.kind, KAL_OUTCOME_FAIL);
    assert_text(out.reason, "the node's type is not installed");
    kal_lua_unref(f->lua, call.context);
}

static void test_a_run_without_a_context_fails(void **state)
{
    fixture *f = *state;
    kal_outcome out;
    kal_lua_call call = {.node = code_node(f, "return context.name")};
    kal_lua_run(f->lua, &call, f->arena, &out);
    assert_int_equal(out.kind, KAL_OUTCOME_FAIL);
    kal_lua_node_free(f->lua, (kal_lua_node *)call.node);
}

static void test_contexts(void **state)
{
    fixture *f = *state;
    kal_lua_ref ref;
    kal_buf error = {0};
    bool truth;
    const char *broken[] = {"[]", "{", "1"};
    for (size_t i = 0; i < 3; i++) {
        kal_str bad = kal_str_of(broken[i]), good = kal_str_of("{}");
        assert_int_equal(kal_lua_context_new(f->lua, bad, good, &ref), KAL_ERR_MALFORMED_JSON);
        assert_int_equal(kal_lua_context_new(f->lua, good, bad, &ref), KAL_ERR_MALFORMED_JSON);
        assert_int_equal(ref, KAL_LUA_NONE);
    }
    ref = context(f, "{\"plan\":\"pro\"}");
    json_t *customer = json_pack("{s:s}", "email", "a@b.c");
    kal_lua_context_set(f->lua, ref, "_customer", customer);
    json_decref(customer);
    kal_str expression = kal_str_of("return context._customer.email == 'a@b.c' and"
                                    " context.plan == 'pro' and next(context.accumulated) == nil");
    assert_int_equal(kal_lua_truth(f->lua, expression, ref, NULL, 0, &truth, &error), KAL_OK);
    assert_true(truth);
    kal_lua_unref(f->lua, ref);
    kal_lua_unref(f->lua, KAL_LUA_NONE);
}

static void test_truths_and_their_errors(void **state)
{
    fixture *f = *state;
    kal_lua_ref ref = context(f, "{}");
    kal_buf error = {0};
    bool truth;
    json_t *event = json_pack("{s:i}", "n", 3);
    kal_str expression = kal_str_of("return event.n == 3 and now == 7");
    assert_int_equal(kal_lua_truth(f->lua, expression, ref, event, 7, &truth, &error), KAL_OK);
    assert_true(truth);
    assert_int_equal(kal_lua_truth(f->lua, expression, ref, event, 8, &truth, &error), KAL_OK);
    assert_false(truth);
    json_decref(event);

    const char *broken[] = {"return (", "error 'no'"};
    for (size_t i = 0; i < 2; i++) {
        truth = true;
        kal_err err = kal_lua_truth(f->lua, kal_str_of(broken[i]), ref, NULL, 0, &truth, &error);
        assert_int_equal(err, KAL_ERR_VALIDATION_FAILED);
        assert_false(truth);
        assert_true(error.len > 0);
        kal_buf_clear(&error);
    }
    assert_true(kal_lua_expression_ok(f->lua, kal_str_of("return 1"), &error));
    assert_int_equal(error.len, 0);
    assert_false(kal_lua_expression_ok(f->lua, kal_str_of("return ("), &error));
    assert_true(error.len > 0);
    kal_buf_deinit(&error);
    kal_lua_unref(f->lua, ref);
}

static void send_fails(fixture *f, const char *provider, const char *key, const char *reason)
{
    kal_buf error = {0};
    json_t *delivery = json_pack("{s:b}", key, 1);
    assert_null(kal_lua_provider_send(f->lua, kal_str_of(provider), delivery, &error));
    assert_non_null(strstr(error.data, reason));
    json_decref(delivery);
    kal_buf_deinit(&error);
}

static void test_providers(void **state)
{
    fixture *f = *state;
    kal_buf error = {0}, text = {0};
    json_t *delivery = json_pack("{s:s, s:[]}", "to", "a@b.c", "list");
    json_t *done = kal_lua_provider_send(f->lua, kal_str_of("mail"), delivery, &error);
    assert_non_null(done);
    kal_json_write(&text, done);
    assert_string_equal(text.data, "{\"line\":{\"list\":[],\"to\":\"a@b.c\"},\"sink\":\"log\"}");
    kal_buf_deinit(&text);
    json_decref(done);
    json_decref(delivery);
    send_fails(f, "mail", "x", "there is no address");
    send_fails(f, "mail", "raise", "down");
    send_fails(f, "pigeon", "x", "there is no such provider");
}

/* A leak of a kilobyte a run would show as megabytes here. */
static void test_memory_stays_bounded(void **state)
{
    fixture *f = *state;
    size_t before = 0;
    for (int i = 0; i < 20000; i++) {
        run(f, "return 'complete', { text = ('x'):rep(1000) }", (kal_lua_call){0}, NULL);
        run(f, "return 'complete', { f = print }", (kal_lua_call){0}, NULL);
        kal_arena_reset(f->arena);
        if (i == 2000)
            before = kal_lua_memory(f->lua);
    }
    assert_true(before > 0);
    assert_true(kal_lua_memory(f->lua) < before + (4u << 20));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_result_goes_to_the_step_and_the_context),
        cmocka_unit_test(test_a_branch_is_named),
        cmocka_unit_test(test_a_wait_has_its_time_and_state),
        cmocka_unit_test(test_a_resume_sees_event_state_and_trigger),
        cmocka_unit_test(test_an_exit_keeps_its_reason),
        cmocka_unit_test(test_effects_come_out_in_order),
        cmocka_unit_test(test_a_failure_says_why),
        cmocka_unit_test(test_an_outcome_that_cannot_be_kept_is_a_failure),
        cmocka_unit_test(test_a_failure_leaves_the_older_result),
        cmocka_unit_test(test_an_event_is_brought_in_once),
        cmocka_unit_test(test_the_deepest_result_can_be_read_again),
        cmocka_unit_test(test_reasons_hold_no_paths_and_stay_short),
        cmocka_unit_test(test_a_node_that_is_not_installed_fails),
        cmocka_unit_test(test_a_run_without_a_context_fails),
        cmocka_unit_test(test_contexts),
        cmocka_unit_test(test_truths_and_their_errors),
        cmocka_unit_test(test_providers),
        cmocka_unit_test(test_memory_stays_bounded),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
