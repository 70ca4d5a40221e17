/* What an operator would lose: a segment that takes in whom it says, and a word about one that does
 * not compile. */
#include "host_test.h"

static json_t *json_text(const char *text)
{
    char error[160];
    json_t *value = kal_json_parse(kal_str_of(text), error);
    assert_non_null(value);
    return value;
}

static bool takes_in(kal_lua *lua, const char *definition, const char *customer)
{
    json_t *given = json_text(definition), *who = json_text(customer);
    kal_lua_ref segment = kal_lua_segment_new(lua, given);
    assert_int_not_equal(segment, KAL_LUA_NONE);
    bool in = kal_lua_segment_matches(lua, segment, who, 1);
    kal_lua_unref(lua, segment);
    json_decref(given);
    json_decref(who);
    return in;
}

static void a_definition_is_asked_about_customers(void **state)
{
    (void)state;
    kal_lua *lua = host_open(".");
    const char *vip = "{\"type\":\"dynamic\",\"rules\":[{\"field\":\"plan\",\"operator\":\"eq\","
                      "\"value\":\"vip\"}]}";
    assert_true(takes_in(lua, vip, "{\"properties\":{\"plan\":\"vip\"}}"));
    assert_false(takes_in(lua, vip, "{\"properties\":{\"plan\":\"free\"}}"));
    assert_true(takes_in(lua, "{\"expression\":\"name == 'x'\"}", "{\"name\":\"x\"}"));
    kal_lua_free(lua);
}

/* What raises takes nobody in, and the state lives on. */
static void what_cannot_be_asked_has_no_members(void **state)
{
    (void)state;
    kal_lua *lua = host_open(".");
    json_t *broken = json_text("{\"rules\":[5]}"), *who = json_text("{}");
    kal_lua_ref segment = kal_lua_segment_new(lua, broken);
    assert_int_equal(segment, KAL_LUA_NONE);
    assert_false(kal_lua_segment_matches(lua, segment, who, 1));
    assert_int_equal(kal_lua_segment_new(lua, NULL), KAL_LUA_NONE);
    assert_false(
        takes_in(lua, "{\"rules\":[{\"field\":\"a\",\"operator\":\"eq\",\"value\":1}]}", "5"));
    assert_true(takes_in(lua, "{\"rules\":[]}", "{}"));
    json_decref(broken);
    json_decref(who);
    kal_lua_free(lua);
}

static void problems_come_by_field(void **state)
{
    (void)state;
    kal_lua *lua = host_open(".");
    kal_buf error = {0};
    json_t *wrong = json_text("{\"rules\":{},\"expression\":5}"), *right = json_text("{}");
    json_t *problems = kal_lua_segment_check(lua, wrong, &error);
    assert_int_equal(json_object_size(problems), 2);
    json_decref(problems);
    problems = kal_lua_segment_check(lua, right, &error);
    assert_true(json_is_object(problems));
    assert_int_equal(json_object_size(problems), 0);
    json_decref(problems);
    assert_null(kal_lua_segment_check(lua, NULL, &error));
    assert_true(error.len > 0);
    kal_buf_deinit(&error);
    json_decref(wrong);
    json_decref(right);
    kal_lua_free(lua);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_definition_is_asked_about_customers),
        cmocka_unit_test(what_cannot_be_asked_has_no_members),
        cmocka_unit_test(problems_come_by_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
