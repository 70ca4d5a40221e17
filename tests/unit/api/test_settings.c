/* What an operator would lose: limits per tenant, and a clear no to settings that mean nothing. */
#include "api/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static size_t problems(const char *text)
{
    char error[160];
    json_t *body = json_object(), *errors = json_object();

    json_object_set_new(body, "settings", kal_json_parse(kal_str_of(text), error));
    kal_settings_check(body, errors);
    size_t n = json_object_size(errors);
    json_decref(errors);
    json_decref(body);
    return n;
}

static void test_rates_override_the_defaults(void **state)
{
    kal_rate rates[KAL_RATE_CLASSES] = {{0, 0}, {100, 60}, {1000, 1}, {600, 60}};

    (void)state;
    kal_settings_rates(
        kal_str_of("{\"rate_limits\": {\"trigger\": {\"max_requests\": 5, \"window_seconds\": 10},"
                   "\"events\": {\"max_requests\": 0}}}"),
        rates);
    assert_int_equal(rates[KAL_RATE_TRIGGER].max_requests, 5);
    assert_int_equal(rates[KAL_RATE_TRIGGER].window_seconds, 10);
    assert_int_equal(rates[KAL_RATE_EVENTS].max_requests, 0);
    assert_int_equal(rates[KAL_RATE_EVENTS].window_seconds, 1);
    assert_int_equal(rates[KAL_RATE_API].max_requests, 600);
}

static void test_right_settings_pass(void **state)
{
    (void)state;
    assert_int_equal(problems("{}"), 0);
    assert_int_equal(problems("{\"timezone\":\"Europe/Berlin\",\"quotas\":{\"instances\":10},"
                              "\"outbound_allow\":[\"127.0.0.1\",\"10.0.0.0/8\",\"fd00::/8\"],"
                              "\"rate_limits\":{\"api\":{\"max_requests\":1,\"window_seconds\":1},"
                              "\"events\":null}}"),
                     0);
}

static void test_wrong_settings_are_named(void **state)
{
    static const char *const wrong[] = {
        "[]",
        "{\"timezone\":\"Mars/Base\"}",
        "{\"timezone\":7}",
        "{\"quotas\":{\"instances\":-1}}",
        "{\"quotas\":{\"sheep\":1}}",
        "{\"rate_limits\":{\"api\":{\"max_requests\":\"many\"}}}",
        "{\"rate_limits\":{\"api\":{\"window_seconds\":0}}}",
        "{\"rate_limits\":{\"apple\":{}}}",
        "{\"outbound_allow\":[\"10.0.0.0/33\"]}",
        "{\"outbound_allow\":[\"localhost\"]}",
        "{\"outbound_allow\":\"10.0.0.0\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(problems(wrong[i]), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates_override_the_defaults),
        cmocka_unit_test(test_right_settings_pass),
        cmocka_unit_test(test_wrong_settings_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
