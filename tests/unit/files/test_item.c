/* What an operator would lose: a file of its own for each item, always the same one, in the
 * folder. */
#include "api/files/item.h"
#include "api/files/refs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { SEGMENT, FLOW, JOURNEY };

static void expect_slug(const char *name, const char *want)
{
    kal_buf out = {0};

    kal_buf_puts(&out, "flows/");
    kal_item_slug(kal_str_of(name), &out);
    assert_string_equal(out.data + 6, want);
    kal_buf_deinit(&out);
}

static void test_a_name_becomes_a_file_name(void **state)
{
    char longest[256];

    (void)state;
    expect_slug("Welcome", "welcome");
    expect_slug("  Spring / Sale -- 2026!  ", "spring-sale-2026");
    expect_slug("../x", "x");
    expect_slug("", "unnamed");
    expect_slug("?!", "unnamed");
    expect_slug("\xc3\x9c"
                "ber",
                "\xc3\x9c"
                "ber");
    memset(longest, 'a', 99);
    static const char end[] = "\xc3\xa4\xc3\xa4 end";
    memcpy(longest + 99, end, sizeof end); /* cut between letters, not within one */
    kal_buf out = {0};
    kal_item_slug(kal_str_of(longest), &out);
    assert_int_equal(out.len, 101);
    assert_true(kal_str_utf8((kal_str){out.data, out.len}));
    kal_buf_deinit(&out);
}

static kal_item *add(kal_items *items, const kal_item_kind *kind, const char *name, uint8_t id)
{
    kal_item *item = kal_items_add(items, kind, json_pack("{s:s}", "name", name));

    item->id.b[15] = id;
    return item;
}

static void test_each_item_has_a_number_and_a_file_of_its_own(void **state)
{
    static const char *const names[] = {"A", "a!", "A", "a 2"};
    static const char *const files[] = {"flows/a.json", "flows/a-2.json", "flows/a-3.json",
                                        "flows/a-2-2.json"};
    static const int numbers[] = {1, 1, 2, 1};
    size_t count;
    const kal_item_kind *kinds = kal_item_kinds(&count);
    kal_items items = {0};

    (void)state;
    for (size_t i = 0; i < 4; i++)
        add(&items, &kinds[FLOW], names[i], (uint8_t)i);
    add(&items, &kinds[JOURNEY], "A", 9);
    kal_items_number(&items);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(items.list[i].file, files[i]);
        assert_int_equal(items.list[i].number, numbers[i]);
    }
    assert_string_equal(items.list[4].file, "journeys/a.json");
    assert_int_equal(items.list[4].number, 1);
    assert_ptr_equal(kal_items_find(&items, &kinds[FLOW], kal_str_of("A"), 2), &items.list[2]);
    assert_null(kal_items_find(&items, &kinds[FLOW], kal_str_of("A"), 3));
    kal_items_deinit(&items);
}

static void test_names_stand_for_ids_and_back(void **state)
{
    static const char before[] =
        "{\"graph\":{\"nodes\":[{\"config\":{\"flow_id\":\"00000000-0000-0000-0000-000000000002\"}}"
        ","
        "{\"config\":{\"flow_id\":\"00000000-0000-0000-0000-0000000000ff\"}},{\"config\":7},8,"
        "{\"id\":\"vip\",\"config\":{\"segment_id\":\"00000000-0000-0000-0000-000000000002\"}}"
        "]}}";
    char error[160];
    size_t count;
    const kal_item_kind *kinds = kal_item_kinds(&count);
    kal_items items = {0}, none = {0};
    kal_buf text = {0};
    json_t *problems = json_array();

    (void)state;
    add(&items, &kinds[SEGMENT], "B", 2);
    add(&items, &kinds[FLOW], "A", 1);
    add(&items, &kinds[FLOW], "A", 2);
    kal_items_number(&items);
    json_t *object = kal_json_parse(kal_str_of(before), error);
    json_t *copy = json_deep_copy(object);
    kal_refs_name(object, &items);
    kal_json_write(&text, object);
    assert_non_null(strstr(text.data, "{\"flow_id\":{\"flow\":\"A\",\"number\":2}}"));
    assert_non_null(strstr(text.data, "{\"segment_id\":{\"segment\":\"B\"}}"));
    assert_non_null(strstr(text.data, "0000000000ff"));
    json_t *again = json_deep_copy(object);
    kal_refs_resolve(again, &none, &items, "a.json", problems);
    assert_int_equal(json_array_size(problems), 0);
    assert_true(kal_json_equal(again, copy));
    kal_refs_resolve(object, &none, &none, "a.json", problems);
    kal_buf_clear(&text);
    kal_json_write(&text, problems);
    assert_string_equal(
        text.data, "[{\"file\":\"a.json\",\"problem\":\"flow_id: there is no flow "
                   "{\\\"flow\\\":\\\"A\\\",\\\"number\\\":2}\"},"
                   "{\"file\":\"a.json\",\"problem\":\"node vip: segment_id: there is no segment "
                   "{\\\"segment\\\":\\\"B\\\"}\"}]");
    json_decref(again);
    json_decref(copy);
    json_decref(object);
    json_decref(problems);
    kal_buf_deinit(&text);
    kal_items_deinit(&items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_becomes_a_file_name),
        cmocka_unit_test(test_each_item_has_a_number_and_a_file_of_its_own),
        cmocka_unit_test(test_names_stand_for_ids_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
