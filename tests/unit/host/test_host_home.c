#include "host_test.h"

/* -- what a home must be ---------------------------------------------------------------------- */

static void assert_not_loaded(const char *home, const char *reason)
{
    kal_buf error = {0};
    assert_null(kal_lua_new(home, NULL, &error));
    assert_true(error.len > 0);
    if (strstr(error.data, reason) == NULL)
        fail_msg("\"%s\" is not in: %s", reason, error.data);
    assert_null(strchr(error.data, '\n'));
    kal_buf_deinit(&error);
}

static void with_file(const char *path, const char *text, const char *reason)
{
    char *home = host_home_new();
    host_write(home, path, text);
    assert_not_loaded(home, reason);
    kal_temp_dir_free(home);
}

static void test_a_broken_file_is_named(void **state)
{
    (void)state;
    with_file("nodes/wait/bad.lua", "return {", "nodes/wait/bad.lua:1: unexpected");
    with_file("nodes/bad.lua", "error 'no'", "nodes/bad.lua:1: no");
    with_file("nodes/bad.lua", "error('no', 0)", "nodes/bad.lua: no");
    with_file("nodes/x/bad.lua", "return 5", "nodes/x/bad.lua: no table returned");
    with_file("nodes/x.lua", "\x1bLJ\x02", "nodes/x.lua: attempt to load chunk");
    with_file("nodes/x.lua", "require 'kal.nothing'", "nodes/x.lua:1: module 'kal.nothing'");
    with_file("lua/kal/expr.lua", "return {}", "kal.expr has no function truth");
    with_file("lua/kal/runner.lua", "local x = ", "lua/kal/runner.lua:1");
}

static void test_a_missing_home_is_told(void **state)
{
    (void)state;
    assert_not_loaded("/tmp/kal-host-is-not-there", "kal.registry");
}

static void test_types_come_from_nodes_with_their_hash(void **state)
{
    (void)state;
    char *home = host_home_new();
    host_write(home, "nodes/.hidden.lua", "error 'hidden'");
    host_write(home, "nodes/README.md", "no Lua");
    host_write(home, "nodes/wait/one.lua", "return { type = 'one' }");
    kal_lua *lua = host_open(home);
    json_t *types = kal_lua_types(lua);
    kal_buf text = {0};
    kal_json_write(&text, types);
    assert_int_equal(json_array_size(types), 2);
    json_t *first = json_array_get(types, 0);
    assert_true(kal_str_is(kal_json_get_str(first, "type"), "code"));
    assert_true(kal_str_is(kal_json_get_str(first, "origin"), "builtin"));
    assert_true(kal_str_is(kal_json_get_str(first, "path"), "nodes/action/code.lua"));
    json_t *second = json_array_get(types, 1);
    assert_true(kal_str_is(kal_json_get_str(second, "hash"), /* of the file's bytes */
                           "b142a90d259566a4521b084b78626d79e0f887975c776b69aa5ecdaea32c8b4f"));
    json_decref(types);
    kal_buf_deinit(&text);
    kal_lua_free(lua);
    kal_temp_dir_free(home);
}

static void test_nothing_makes_a_global_after_loading(void **state)
{
    (void)state;
    char *home = host_home_new();
    kal_lua *lua = host_open(home);
    kal_lua_ref ref;
    kal_buf error = {0};
    bool truth;
    assert_int_equal(kal_lua_context_new(lua, kal_str_of(""), kal_str_of(""), &ref), KAL_OK);
    kal_err err = kal_lua_truth(lua, kal_str_of("leaked = 1"), ref, NULL, 0, &truth, &error);
    assert_int_equal(err, KAL_ERR_VALIDATION_FAILED);
    assert_non_null(strstr(error.data, "leaked"));
    kal_buf_deinit(&error);
    kal_lua_free(lua);
    kal_temp_dir_free(home);
}

/* -- the real home ---------------------------------------------------------------------------- */

static const char *real_home(void)
{
    const char *home = getenv("KALCIFER_HOME");
    return home != NULL && home[0] != '\0' ? home : ".";
}

static kal_outcome run(kal_lua *lua, const char *type, const char *config_text, int64_t now_ms,
                       const char *trigger, kal_arena *arena)
{
    char error[160];
    kal_outcome out;
    json_t *config = kal_json_parse(kal_str_of(config_text), error);
    kal_lua_node *node =
        kal_lua_node_new(lua, kal_str_of("n1"), kal_str_of(type), (kal_str){0}, config);
    json_decref(config);
    assert_non_null(node);
    kal_lua_call call = {.node = node, .now_ms = now_ms, .trigger = trigger};
    kal_str members = kal_str_of("{\"plan\":\"pro\",\"_customer_id\":\"c1\"}");
    assert_int_equal(kal_lua_context_new(lua, members, kal_str_of(""), &call.context), KAL_OK);
    kal_lua_run(lua, &call, arena, &out);
    kal_lua_unref(lua, call.context);
    kal_lua_node_free(lua, node);
    return out;
}

static void test_the_real_wait_waits_and_ends(void **state)
{
    (void)state;
    kal_lua *lua = host_open(real_home());
    kal_arena *arena = kal_arena_new();
    kal_outcome out = run(lua, "wait", "{\"duration\":\"3d\"}", 1000, NULL, arena);
    assert_int_equal(out.kind, KAL_OUTCOME_WAIT);
    assert_true(out.until_ms == 1000 + INT64_C(3) * 24 * 3600 * 1000);
    assert_false(out.absolute);
    json_decref(out.state);
    json_decref(out.effects);
    out = run(lua, "wait", "{\"duration\":\"3d\"}", 1000, "timeout", arena);
    assert_int_equal(out.kind, KAL_OUTCOME_COMPLETE);
    json_decref(out.state);
    json_decref(out.effects);
    kal_arena_free(arena);
    kal_lua_free(lua);
}

static void test_the_real_condition_branches(void **state)
{
    (void)state;
    kal_lua *lua = host_open(real_home());
    kal_arena *arena = kal_arena_new();
    const char *configs[] = {"{\"expression\":\"plan == 'pro'\"}",
                             "{\"expression\":\"plan == 'free'\"}"};
    const char *branches[] = {"true", "false"};
    for (size_t i = 0; i < 2; i++) {
        kal_outcome out = run(lua, "condition", configs[i], 0, NULL, arena);
        if (out.kind == KAL_OUTCOME_FAIL)
            fail_msg("%s", out.reason.p);
        assert_int_equal(out.kind, KAL_OUTCOME_COMPLETE);
        assert_true(kal_str_is(out.branch, branches[i]));
    }
    kal_arena_free(arena);
    kal_lua_free(lua);
}

static void test_the_real_types_describe_themselves(void **state)
{
    (void)state;
    kal_lua *lua = host_open(real_home());
    json_t *types = kal_lua_types(lua), *type;
    size_t i;
    assert_true(json_array_size(types) > 0);
    json_array_foreach(types, i, type)
    {
        kal_str name = kal_json_get_str(type, "type");
        json_t *about = kal_lua_describe(lua, name, (kal_str){0}, NULL);
        assert_true(json_is_array(json_object_get(about, "problems")));
        assert_true(
            kal_str_eq(kal_json_get_str(about, "category"), kal_json_get_str(type, "category")));
        json_decref(about);
    }
    assert_null(kal_lua_describe(lua, kal_str_of("no_such_type"), (kal_str){0}, NULL));
    json_decref(types);
    kal_lua_free(lua);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_broken_file_is_named),
        cmocka_unit_test(test_a_missing_home_is_told),
        cmocka_unit_test(test_types_come_from_nodes_with_their_hash),
        cmocka_unit_test(test_nothing_makes_a_global_after_loading),
        cmocka_unit_test(test_the_real_wait_waits_and_ends),
        cmocka_unit_test(test_the_real_condition_branches),
        cmocka_unit_test(test_the_real_types_describe_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
