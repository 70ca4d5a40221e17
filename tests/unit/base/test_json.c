/* What a user would lose: values that come back as they went in. */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *parse(const char *text)
{
    char error[160] = "";
    json_t *value = kal_json_parse(kal_str_of(text), error);
    if (!value)
        fail_msg("%s: %s", text, error);
    return value;
}

static void assert_written(const char *text, const char *expected)
{
    json_t *value = parse(text);
    kal_buf out = {0};
    kal_json_write(&out, value);
    assert_string_equal(out.data, expected);
    kal_buf_deinit(&out);
    json_decref(value);
}

static void test_values_come_back(void **state)
{
    static const char *const texts[] = {
        "49.99",
        "1732147200123456789",
        "-9223372036854775808",
        "9223372036854775807",
        "1e+308",
        "1.0",
        "-0.0",
        "0.1",
        "100.5",
        "1e+22",
        "0.30000000000000004",
        "1.7976931348623157e+308",
        "5e-324",
        "1e-07",
        "2.2250738585072014e-308",
        "123456789012345.6",
        "0",
        "-1",
        "true",
        "false",
        "null",
        "\"\"",
        "[]",
        "{}",
        "[[],{}]",
        "{\"b\":1,\"a\":[1,2.5,\"x\"]}",
        "\"Größe \\\\ \\\" \\n \\u0001\"",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_written(texts[i], texts[i]);
    assert_written(" { \"a\" : 1e308 , \"a\" : 2e0 } ", "{\"a\":2.0}");
    assert_written("\"\\u00e9\\/\\b\\f\\r\\t\x7f\"", "\"\xc3\xa9/\\b\\f\\r\\t\x7f\"");
    assert_written("-0", "0");
}

static double random_double(void)
{
    union {
        uint64_t bits;
        double value;
    } u;
    do
        u.bits = (uint64_t)random() << 42 ^ (uint64_t)random() << 21 ^ (uint64_t)random();
    while (!isfinite(u.value));
    return u.value;
}

static void assert_reads_back(double value)
{
    kal_buf out = {0};
    kal_json_write_double(&out, value);
    double back = strtod(out.data, NULL);
    bool same = back == value && signbit(back) == signbit(value);
    if (!same || !strpbrk(out.data, ".e"))
        fail_msg("%.17g became %s", value, out.data);
    kal_buf_deinit(&out);
}

static void test_doubles_read_back_and_stay_real(void **state)
{
    (void)state;
    srandom(4);
    for (int i = 0; i < 200000; i++) {
        assert_reads_back(random_double());
        assert_reads_back((double)(random() % 2000001 - 1000000) / 100);
        assert_reads_back((double)random() * 1e6 + 0.5);
    }
}

static void assert_refused(kal_str text, const char *why)
{
    char error[160] = "";
    if (kal_json_parse(text, error) || !strstr(error, why))
        fail_msg("%.*s: %s", (int)text.n, text.p, error);
}

static void test_what_the_database_could_not_hold_is_refused(void **state)
{
    (void)state;
    assert_refused(kal_str_of("\"\\u0000\""), "NUL");
    assert_refused(kal_str_of("{\"\\u0000\":1}"), "NUL");
    assert_refused((kal_str){"\"a\0b\"", 5}, "line 1");
    assert_refused(kal_str_of("\"\xff\""), "UTF-8");
    assert_refused(kal_str_of("\"\xed\xa0\x80\""), "UTF-8");
    assert_refused(kal_str_of("\"\\ud800\""), "line 1");
    assert_refused(kal_str_of("1e309"), "out of range");
    assert_refused(kal_str_of("9223372036854775808"), "out of range");
    assert_refused(kal_str_of("NaN"), "invalid JSON");
}

static void test_errors_tell_the_place_and_no_secret(void **state)
{
    char error[160];
    (void)state;
    assert_refused(kal_str_of("{\n\"a\": hunter2}"), "line 2, column");
    assert_refused(kal_str_of("{} {}"), "something follows");
    assert_refused(kal_str_of("{\"a\":"), "ends too early");
    assert_refused((kal_str){0}, "ends too early");
    assert_null(kal_json_parse(kal_str_of("{\"a\": hunter2}"), error));
    assert_null(strstr(error, "hunter2"));
}

static void nest(kal_buf *out, int depth)
{
    for (int i = 0; i < depth; i++)
        kal_buf_puts(out, "[");
    for (int i = 0; i < depth; i++)
        kal_buf_puts(out, "]");
}

static void test_depth_has_a_limit(void **state)
{
    kal_buf text = {0};
    (void)state;
    nest(&text, KAL_JSON_MAX_DEPTH);
    assert_written(text.data, text.data);
    kal_buf_clear(&text);
    nest(&text, KAL_JSON_MAX_DEPTH + 1);
    assert_refused((kal_str){text.data, text.len}, "deeper");
    kal_buf_clear(&text);
    kal_buf_putc(&text, '"');
    nest(&text, 200);
    kal_buf_puts(&text, "\\\"[\"");
    assert_written(text.data, text.data);
    kal_buf_deinit(&text);
}

static void test_paths(void **state)
{
    json_t *value = parse("{\"a\":{\"b\":[{\"c\":7},null]},\"1\":\"x\",\"\":{\"\":5}}");
    static const char *const missing[] = {"x",         "a.x",   "a.b.2", "a.b.-1",
                                          "a.b.0.c.d", "a.b.c", "a."};
    (void)state;
    assert_ptr_equal(kal_json_path(value, (kal_str){0}), value);
    assert_int_equal(json_integer_value(kal_json_path(value, kal_str_of("a.b.0.c"))), 7);
    assert_true(json_is_null(kal_json_path(value, kal_str_of("a.b.1"))));
    assert_string_equal(json_string_value(kal_json_path(value, kal_str_of("1"))), "x");
    assert_int_equal(json_integer_value(kal_json_path(value, kal_str_of("."))), 5);
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
        assert_null(kal_json_path(value, kal_str_of(missing[i])));
    assert_true(kal_str_is(kal_json_get_str(value, "1"), "x"));
    assert_null(kal_json_get_str(value, "a").p);
    json_decref(value);
}

static bool compare(bool (*relation)(const json_t *, const json_t *), const char *a, const char *b)
{
    json_t *x = parse(a), *y = parse(b);
    bool result = relation(x, y);
    json_decref(x);
    json_decref(y);
    return result;
}

static bool equal(const char *a, const char *b)
{
    return compare(kal_json_equal, a, b) && compare(kal_json_equal, b, a);
}

static void test_equality(void **state)
{
    (void)state;
    assert_true(equal("1", "1.0"));
    assert_true(equal("{\"a\":1,\"b\":[2.0]}", "{\"b\":[2],\"a\":1.0}"));
    assert_false(equal("9007199254740993", "9007199254740992.0"));
    assert_false(equal("9223372036854775807", "9223372036854775808.0"));
    assert_false(equal("1", "1.5"));
    assert_false(equal("1", "\"1\""));
    assert_false(equal("1", "true"));
    assert_false(equal("[1]", "[1,2]"));
    assert_false(equal("{\"a\":null}", "{\"b\":null}"));
    assert_true(equal("null", "null"));
}

static bool matches(const char *filter, const char *data)
{
    return compare(kal_json_matches, filter, data);
}

static void test_filters(void **state)
{
    (void)state;
    assert_true(matches("{}", "{\"a\":1}"));
    assert_true(kal_json_matches(NULL, NULL));
    assert_true(matches("{\"plan\":\"pro\",\"address.country\":[\"DE\",\"AT\"]}",
                        "{\"plan\":\"pro\",\"address\":{\"country\":\"AT\"}}"));
    assert_false(matches("{\"plan\":\"pro\",\"n\":1}", "{\"plan\":\"pro\",\"n\":2}"));
    assert_false(matches("{\"a\":[1,2]}", "{\"a\":3}"));
    assert_false(matches("{\"a\":[]}", "{\"a\":3}"));
    assert_true(matches("{\"items.0.id\":7}", "{\"items\":[{\"id\":7.0}]}"));
    assert_false(matches("{\"a\":1}", "{}"));
    assert_true(matches("{\"a\":null}", "{}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_come_back),
        cmocka_unit_test(test_doubles_read_back_and_stay_real),
        cmocka_unit_test(test_what_the_database_could_not_hold_is_refused),
        cmocka_unit_test(test_errors_tell_the_place_and_no_secret),
        cmocka_unit_test(test_depth_has_a_limit),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_equality),
        cmocka_unit_test(test_filters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
