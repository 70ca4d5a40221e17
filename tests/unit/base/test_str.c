/* What the database would refuse, or users would read as something else. */
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static bool utf8(const char *text)
{
    return kal_str_utf8(kal_str_of(text));
}

static void test_utf8_is_told_from_what_only_looks_like_it(void **state)
{
    static const char *const good[] = {"",
                                       "a",
                                       "eight888",
                                       "Größe",
                                       "\xe2\x82\xac",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {
        "\x80",         "\xc0\x80",         "\xc1\xbf",         "\xe0\x9f\xbf", "\xed\xa0\x80",
        "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80", "\xff",
        "\xc3",         "\xe2\x82",         "\xf0\x90\x80",     "\xe2\x28\xa1", "\xf0\x90\x80\x41",
        "\xc3\xc3",
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(utf8(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(utf8(bad[i]));
}

static void test_a_bad_byte_is_found_at_every_place(void **state)
{
    char text[40];
    (void)state;
    for (size_t n = 1; n <= sizeof text; n++) {
        for (size_t i = 0; i < n; i++) {
            memset(text, 'x', sizeof text);
            assert_true(kal_str_utf8((kal_str){text, n}));
            text[i] = 0;
            assert_false(kal_str_utf8((kal_str){text, n}));
            text[i] = (char)0xbf;
            assert_false(kal_str_utf8((kal_str){text, n}));
        }
    }
}

static bool integer(const char *text, int64_t *out)
{
    return kal_str_int(kal_str_of(text), out);
}

static void test_integers_to_their_limits(void **state)
{
    static const char *const bad[] = {"",
                                      "-",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1.0",
                                      "0x1",
                                      "1e3",
                                      "--1",
                                      "9223372036854775808",
                                      "-9223372036854775809"};
    int64_t value;
    (void)state;
    assert_true(integer("0", &value) && value == 0);
    assert_true(integer("-12", &value) && value == -12);
    assert_true(integer("9223372036854775807", &value) && value == INT64_MAX);
    assert_true(integer("-9223372036854775808", &value) && value == INT64_MIN);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(integer(bad[i], &value));
}

static void test_slices_compare_by_content(void **state)
{
    char hex[9];
    (void)state;
    assert_true(kal_str_eq((kal_str){0}, kal_str_of("")));
    assert_true(kal_str_is((kal_str){"flows", 4}, "flow"));
    assert_false(kal_str_is(kal_str_of("flow"), "flows"));
    assert_null(kal_str_of(NULL).p);
    assert_int_equal(kal_str_hash(kal_str_of("a")), kal_str_hash((kal_str){"ab", 1}));
    kal_str_hex("\x00\xab\xcd\xff", 4, hex);
    assert_string_equal(hex, "00abcdff");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8_is_told_from_what_only_looks_like_it),
        cmocka_unit_test(test_a_bad_byte_is_found_at_every_place),
        cmocka_unit_test(test_integers_to_their_limits),
        cmocka_unit_test(test_slices_compare_by_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
