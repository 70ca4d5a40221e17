/* What a customer would lose: a cap that reads as none lets everything through, one that is made up
 * keeps messages back. */
#include "flow/caps.h"
#include "flow_test.h"

static void assert_caps(const char *json, const char *expected)
{
    kal_caps caps = {0};
    kal_buf text = {0};
    json_t *given = json_of(json);
    kal_caps_read(&caps, given);
    for (size_t i = 0; i < caps.len; i++)
        kal_buf_printf(&text, "%s%.*s %lld/%lld", i ? ", " : "", (int)caps.items[i].channel.n,
                       caps.items[i].channel.p, (long long)caps.items[i].max,
                       (long long)caps.items[i].window_ms);
    assert_string_equal(text.data ? text.data : "", expected);
    kal_buf_deinit(&text);
    kal_caps_deinit(&caps);
    json_decref(given);
}

static void both_shapes_are_read(void **state)
{
    (void)state;
    assert_caps("{'max_messages':3,'time_window':'1s'}", "all 3/1000");
    assert_caps("{'max_messages':0,'time_window':'1d','channel':'sms'}", "sms 0/86400000");
    assert_caps("{'email':{'max':2,'window':'1s'},'in_app':{'max':1,'window':'2s'}}",
                "email 2/1000, in_app 1/2000");
    assert_caps("{'all':{'max':2,'window':'1s'},'webhook':{'max':10000,'window':'1ms'}}",
                "all 2/1000, webhook 10000/1");
}

static void nonsense_is_no_cap(void **state)
{
    static const char *const nonsense[] = {
        "{}",
        "[]",
        "7",
        "{'max_messages':1}",
        "{'time_window':'1d'}",
        "{'max_messages':'1','time_window':'1d'}",
        "{'max_messages':1.5,'time_window':'1d'}",
        "{'max_messages':-1,'time_window':'1d'}",
        "{'max_messages':10001,'time_window':'1d'}",
        "{'max_messages':1,'time_window':'0s'}",
        "{'max_messages':1,'time_window':'soon'}",
        "{'max_messages':1,'time_window':7}",
        "{'max_messages':1,'time_window':'1d','channel':'pigeon'}",
        "{'pigeon':{'max':1,'window':'1d'}}",
        "{'email':1}",
        "{'email':{'max':1}}",
        "{'email':[1,'1d']}",
        "{'email':{'window':'1d'}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++)
        assert_caps(nonsense[i], "");
    kal_caps caps = {0};
    kal_caps_read(&caps, NULL);
    assert_int_equal(caps.len, 0);
}

static void a_cap_is_there_once(void **state)
{
    (void)state;
    kal_caps caps = {0};
    kal_caps_add(&caps, (kal_cap){kal_str_of("email"), 1000, -1});
    kal_caps_add(&caps, (kal_cap){kal_str_of("email"), 1000, -1});
    kal_caps_add(&caps, (kal_cap){kal_str_of("email"), 1000, 2});
    kal_caps_add(&caps, (kal_cap){kal_str_of("email"), 2000, -1});
    assert_int_equal(caps.len, 3);
    kal_caps_deinit(&caps);
}

static void a_cap_counts_its_channel(void **state)
{
    (void)state;
    kal_cap email = {kal_str_of("email"), 1, 1}, all = {kal_str_of("all"), 1, 1};
    assert_true(kal_caps_count_in(&email, kal_str_of("email")));
    assert_false(kal_caps_count_in(&email, kal_str_of("sms")));
    assert_true(kal_caps_count_in(&all, kal_str_of("sms")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_shapes_are_read),
        cmocka_unit_test(nonsense_is_no_cap),
        cmocka_unit_test(a_cap_is_there_once),
        cmocka_unit_test(a_cap_counts_its_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
