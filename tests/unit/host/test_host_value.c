#include "host_test.h"

#include <float.h>
#include <math.h>

typedef struct fixture {
    char *home;
    kal_lua *lua;
} fixture;

static int setup(void **state)
{
    fixture *f = malloc(sizeof *f);
    f->home = host_home_new();
    f->lua = host_open(f->home);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    kal_lua_free(f->lua);
    kal_temp_dir_free(f->home);
    free(f);
    return 0;
}

/* JSON text through Lua and back. */
static void round_trip(kal_lua *lua, kal_str text, kal_buf *out)
{
    kal_lua_ref ref;
    kal_buf_clear(out);
    assert_int_equal(kal_lua_context_new(lua, kal_str_of("{}"), text, &ref), KAL_OK);
    assert_int_equal(kal_lua_context_accumulated(lua, ref, out), KAL_OK);
    kal_lua_unref(lua, ref);
}

static void assert_kept(kal_lua *lua, const char *text)
{
    kal_buf out = {0};
    round_trip(lua, kal_str_of(text), &out);
    assert_string_equal(out.data, text);
    kal_buf_deinit(&out);
}

/* Runs Lua and expects it to be true. */
static void assert_true_in(kal_lua *lua, const char *code)
{
    kal_lua_ref ref;
    kal_buf error = {0};
    bool truth = false;
    assert_int_equal(kal_lua_context_new(lua, kal_str_of(""), kal_str_of(""), &ref), KAL_OK);
    if (kal_lua_truth(lua, kal_str_of(code), ref, NULL, 0, &truth, &error) != KAL_OK)
        fail_msg("%s: %s", code, error.data);
    if (!truth)
        fail_msg("not true: %s", code);
    kal_lua_unref(lua, ref);
    kal_buf_deinit(&error);
}

static void test_values_keep_their_type(void **state)
{
    fixture *f = *state;
    assert_kept(f->lua, "{}");
    assert_kept(f->lua, "{\"a\":[],\"b\":{},\"c\":null,\"d\":[{},[]],\"e\":[null]}");
    assert_kept(f->lua, "{\"no\":false,\"text\":\"\",\"yes\":true}");
    assert_kept(f->lua, "{\"\":\"\\\"\\\\ \xc3\xa4 \xf0\x9f\x99\x82\",\"1\":\"2\"}");
}

static void test_prices_and_large_ids_stay_exact(void **state)
{
    fixture *f = *state;
    assert_kept(f->lua, "{\"price\":49.99,\"small\":0.1,\"tiny\":-0.000125}");
    assert_kept(f->lua, "{\"a\":9007199254740992,\"b\":9007199254740993,\"c\":-9007199254740993}");
    assert_kept(f->lua, "{\"a\":9223372036854775807,\"b\":-9223372036854775808,\"c\":0}");
    assert_kept(f->lua, "{\"a\":4294967296000000001,\"b\":-4294967297000000001}");
}

static void test_a_whole_double_is_an_integer_again(void **state)
{
    fixture *f = *state;
    kal_buf out = {0};
    round_trip(f->lua, kal_str_of("{\"n\":1.0}"), &out);
    assert_string_equal(out.data, "{\"n\":1}");
    kal_buf_deinit(&out);
}

static void test_keys_come_sorted(void **state)
{
    fixture *f = *state;
    kal_buf out = {0};
    round_trip(f->lua, kal_str_of("{\"b\":1,\"a\":{\"z\":1,\"y\":2},\"ab\":3}"), &out);
    assert_string_equal(out.data, "{\"a\":{\"y\":2,\"z\":1},\"ab\":3,\"b\":1}");
    kal_buf_deinit(&out);
}

/* -- random values ---------------------------------------------------------------------------- */

static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static json_t *random_text(uint64_t *seed)
{
    static const char *const PIECES[] = {"a",
                                         "B",
                                         "0",
                                         " ",
                                         "\"",
                                         "\\",
                                         "\n",
                                         "\x01",
                                         "\xc3\xa4",
                                         "\xe2\x82\xac",
                                         "\xf0\x9f\x99\x82",
                                         "/"};
    kal_buf text = {0};
    kal_buf_puts(&text, "");
    for (uint64_t n = next(seed) % 8; n > 0; n--)
        kal_buf_puts(&text, PIECES[next(seed) % 12]);
    json_t *value = json_stringn(text.data, text.len);
    kal_buf_deinit(&text);
    return value;
}

static json_t *random_number(uint64_t *seed)
{
    uint64_t bits = next(seed);
    double real;
    memcpy(&real, &bits, sizeof real);
    switch (next(seed) % 4) {
    case 0:
        return json_integer((json_int_t)bits);
    case 1:
        return json_integer((json_int_t)(bits % 2001) - 1000);
    case 2:
        return json_real((double)(bits % 1000000) / 100);
    default:
        return json_real(isfinite(real) ? real : DBL_MAX);
    }
}

static json_t *random_value(uint64_t *seed, int depth)
{
    uint64_t kind = next(seed) % (depth > 0 ? 7 : 5);
    if (kind == 0)
        return random_text(seed);
    if (kind == 1 || kind == 2)
        return random_number(seed);
    if (kind == 3)
        return json_null();
    if (kind == 4)
        return json_boolean(next(seed) % 2);
    json_t *whole = kind == 5 ? json_array() : json_object();
    for (uint64_t n = next(seed) % 6; n > 0; n--) {
        json_t *key = random_text(seed);
        if (kind == 5)
            json_array_append_new(whole, random_value(seed, depth - 1));
        else
            json_object_set_new(whole, json_string_value(key), random_value(seed, depth - 1));
        json_decref(key);
    }
    return whole;
}

static void test_any_json_comes_back_equal(void **state)
{
    fixture *f = *state;
    uint64_t seed = 0x9E3779B97F4A7C15;
    kal_buf before = {0}, after = {0}, again = {0};
    for (int i = 0; i < 3000; i++) {
        json_t *value = json_pack("{s:o}", "value", random_value(&seed, 4));
        kal_buf_clear(&before);
        kal_json_write(&before, value);
        round_trip(f->lua, (kal_str){before.data, before.len}, &after);
        char error[160];
        json_t *back = kal_json_parse((kal_str){after.data, after.len}, error);
        if (back == NULL || !kal_json_equal(value, back))
            fail_msg("case %d: %s\nbecame %s", i, before.data, after.data);
        round_trip(f->lua, (kal_str){after.data, after.len}, &again);
        assert_string_equal(after.data, again.data);
        json_decref(value);
        json_decref(back);
    }
    kal_buf_deinit(&before);
    kal_buf_deinit(&after);
    kal_buf_deinit(&again);
}

/* -- what Lua may not give -------------------------------------------------------------------- */

static void assert_refused(kal_lua *lua, const char *value, const char *why)
{
    char code[512];
    snprintf(code, sizeof code,
             "local text, err = native.encode(%s) "
             "if text then error(text) end "
             "return err:find('%s', 1, true) or error(err)",
             value, why);
    assert_true_in(lua, code);
}

static void test_what_is_no_json_is_refused_with_its_reason(void **state)
{
    fixture *f = *state;
    assert_refused(f->lua, "0/0", "NaN");
    assert_refused(f->lua, "{ a = 1/0 }", "infinity");
    assert_refused(f->lua, "{ print }", "function");
    assert_refused(f->lua, "io.stdout", "userdata");
    assert_refused(f->lua, "coroutine.create(print)", "thread");
    assert_refused(f->lua, "2ULL", "cdata");
    assert_refused(f->lua, "{ 1, nil, 3 }", "holes");
    assert_refused(f->lua, "{ [2] = 1 }", "holes");
    assert_refused(f->lua, "{ [1.5] = 1 }", "holes");
    assert_refused(f->lua, "{ 1, a = 2 }", "other keys");
    assert_refused(f->lua, "native.array { a = 2 }", "other keys");
    assert_refused(f->lua, "{ [true] = 2 }", "boolean");
    assert_refused(f->lua, "'\\255'", "UTF-8");
    assert_refused(f->lua, "{ ['a\\0'] = 1 }", "NUL");
    assert_refused(f->lua, "(function() local t = {} t.t = t return t end)()", "100 levels");
}

static void test_depth_is_the_same_in_and_out(void **state)
{
    fixture *f = *state;
    assert_true_in(f->lua, "local text = ('['):rep(100) .. (']'):rep(100) "
                           "return native.encode(native.decode(text)) == text");
    assert_true_in(f->lua, "local value, err = native.decode(('['):rep(101) .. (']'):rep(101)) "
                           "return value == nil and #err > 0");
}

static void test_tables_without_a_mark(void **state)
{
    fixture *f = *state;
    assert_true_in(f->lua, "return native.encode {} == '{}'");
    assert_true_in(f->lua, "return native.encode(native.array()) == '[]'");
    assert_true_in(f->lua, "return native.encode { 1, 2 } == '[1,2]'");
    assert_true_in(f->lua, "return native.is_array(native.array {}) and not native.is_array {}");
    assert_true_in(f->lua, "return not native.is_array '' and not native.is_array(nil)");
    assert_true_in(f->lua, "return native.is_array(native.decode '[]')");
    assert_true_in(f->lua, "return not native.is_array(native.decode '{}')");
    assert_true_in(f->lua, "return getmetatable(native.array()).__jsontype == 'array'");
}

static void test_native_helpers(void **state)
{
    fixture *f = *state;
    assert_true_in(f->lua, "return native.null == require 'cjson'.null");
    assert_true_in(f->lua, "return native.decode 'null' == native.null");
    assert_true_in(f->lua, "return native.encode(native.null) == 'null'");
    assert_true_in(f->lua, "return native.decode '{' == nil and #select(2, native.decode '{') > 0");
    assert_true_in(f->lua, "return native.decode '9007199254740993' == 9007199254740993LL");
    assert_true_in(f->lua, "local h = native.hash 'a' return h >= 0 and h < 1 "
                           "and h == native.hash 'a' and h ~= native.hash 'b'");
    assert_true_in(f->lua, "return native.sha256 '' == "
                           "'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'");
    assert_true_in(f->lua, "return native.utf8_len 'h\xc3\xa4\xf0\x9f\x99\x82' == 3");
    assert_true_in(f->lua, "return native.zone_known 'Europe/Berlin' "
                           "and not native.zone_known 'Mars/Olympus'");
    assert_true_in(f->lua, "return native.zone_next('UTC', 9, 30, 0) == 34200000");
    assert_true_in(f->lua, "return native.parse_time '1970-01-01T00:00:01Z' == 1000 "
                           "and native.parse_time 'soon' == nil");
    assert_true_in(f->lua, "return native.format_time(1000) == '1970-01-01T00:00:01.000Z'");
    assert_true_in(f->lua, "return not pcall(native.format_time, 1e300) "
                           "and not pcall(native.zone_next, 'UTC', 24, 0, 0)");
}

static void test_encoding_works_inside_a_coroutine(void **state)
{
    fixture *f = *state;
    assert_true_in(f->lua, "return coroutine.wrap(function() "
                           "return native.encode(native.decode '[9223372036854775807]') "
                           "end)() == '[9223372036854775807]'");
    assert_kept(f->lua, "{\"a\":9223372036854775807}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_keep_their_type),
        cmocka_unit_test(test_prices_and_large_ids_stay_exact),
        cmocka_unit_test(test_a_whole_double_is_an_integer_again),
        cmocka_unit_test(test_keys_come_sorted),
        cmocka_unit_test(test_any_json_comes_back_equal),
        cmocka_unit_test(test_what_is_no_json_is_refused_with_its_reason),
        cmocka_unit_test(test_depth_is_the_same_in_and_out),
        cmocka_unit_test(test_tables_without_a_mark),
        cmocka_unit_test(test_native_helpers),
        cmocka_unit_test(test_encoding_works_inside_a_coroutine),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
