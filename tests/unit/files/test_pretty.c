/* What an operator would lose: a git diff of the lines that changed, and of no others. */
#include "api/files/pretty.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect(const char *json, const char *want)
{
    char error[160];
    kal_buf out = {0}, again = {0};
    json_t *value = kal_json_parse(kal_str_of(json), error);

    assert_non_null(value);
    kal_pretty_write(&out, value);
    assert_string_equal(out.data, want);
    json_decref(value);
    value = kal_json_parse((kal_str){out.data, out.len}, error);
    kal_pretty_write(&again, value);
    assert_string_equal(again.data, want);
    json_decref(value);
    kal_buf_deinit(&out);
    kal_buf_deinit(&again);
}

static void test_the_order_of_keys_is_theirs(void **state)
{
    (void)state;
    expect("{\"b\":1,\"a\":{\"z\":true,\"Y\":null},\"\":0}",
           "{\n  \"\": 0,\n  \"a\": {\n    \"Y\": null,\n    \"z\": true\n  },\n  \"b\": 1\n}\n");
}

static void test_a_list_keeps_its_order_a_line_each(void **state)
{
    (void)state;
    expect("[3,[\"x\"],{\"a\":[]},{}]",
           "[\n  3,\n  [\n    \"x\"\n  ],\n  {\n    \"a\": []\n  },\n  {}\n]\n");
}

static void test_what_is_no_list_is_one_line(void **state)
{
    (void)state;
    expect("49.99", "49.99\n");
    expect("9007199254740993", "9007199254740993\n");
    expect("\"a\\n\\\"\\u00e4\"", "\"a\\n\\\"\xc3\xa4\"\n");
    expect("{}", "{}\n");
    expect("[]", "[]\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_order_of_keys_is_theirs),
        cmocka_unit_test(test_a_list_keeps_its_order_a_line_each),
        cmocka_unit_test(test_what_is_no_list_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
