/* A rule that is written wrong and stored all the same is a customer who comes in twice, or one who
 * is written to after they left: each is told with its place and what would be right. */
#include "flow/rules.h"
#include "flow_test.h"

#define LONG_TYPE                                                                                  \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"                             \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"                             \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"                             \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"

/* Exactly these problems, in order (a list closed by NULL). */
static void assert_said(json_t *problems, va_list texts)
{
    size_t i = 0;
    for (const char *text; (text = va_arg(texts, const char *)); i++) {
        const char *said = json_string_value(json_array_get(problems, i));
        if (!said || strcmp(said, text) != 0) {
            print_problems(problems);
            fail_msg("not said in place %zu: %s", i, text);
        }
    }
    if (json_array_size(problems) != i) {
        print_problems(problems);
        fail_msg("%zu problems, not %zu", json_array_size(problems), i);
    }
    json_decref(problems);
}

static void assert_exit(kal_lua *lua, const char *criteria, ...)
{
    json_t *json = json_of(criteria), *problems = json_array();
    va_list texts;
    va_start(texts, criteria);
    kal_rules_exit(lua, json, "/exit_criteria", problems);
    assert_said(problems, texts);
    va_end(texts);
    json_decref(json);
}

static void assert_entry(const char *config, ...)
{
    json_t *json = json_of(config), *problems = json_array();
    va_list texts;
    va_start(texts, config);
    kal_rules_entry(json, "flow: /entry_config", problems);
    assert_said(problems, texts);
    va_end(texts);
    json_decref(json);
}

static void an_exit_names_an_event_or_a_condition(void **state)
{
    static const char *const right[] = {
        "{}",
        "{'event_type':'bye'}",
        "{'event_type':'bye','filter':{'plan':['a','b'],'n.m':null}}",
        "{'event_type':'bye','filter':null,'condition':null}",
        "{'condition':'accumulated.a.b > 3 && !_customer.properties.vip'}",
        "{'event_type':'bye','filter':{},'condition':'len(_customer.tags) > 2','note':1}",
        "{'event_type':'" LONG_TYPE "'}",
    };
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        assert_exit(*state, right[i], NULL);
    const char *none = "/exit_criteria: needs an event_type or a condition";
    assert_exit(*state, "{'event_typ':'bye'}", none, NULL);
    assert_exit(*state, "{'event_type':null,'filter':{'a':1}}", none, NULL);
    assert_exit(*state, "[]", "/exit_criteria: must be a map", NULL);
    assert_exit(*state, "'bye'", "/exit_criteria: must be a map", NULL);
}

static void the_event_of_an_exit_has_a_name(void **state)
{
    static const char *const wrong[] = {"{'event_type':''}", "{'event_type':7}",
                                        "{'event_type':['bye']}",
                                        "{'event_type':'" LONG_TYPE "x'}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_exit(*state, wrong[i],
                    "/exit_criteria/event_type: must be the name of an event, text of 1 to 255 "
                    "bytes",
                    NULL);
}

static void a_filter_belongs_to_an_event(void **state)
{
    const char *kind = "/exit_criteria/filter: must be a map from paths in the event's data to the "
                       "values wanted there";
    assert_exit(*state, "{'event_type':'bye','filter':'x'}", kind, NULL);
    assert_exit(*state, "{'event_type':'bye','filter':[]}", kind, NULL);
    assert_exit(*state, "{'condition':'true','filter':{'a':1}}",
                "/exit_criteria/filter: looks at an event only; name its event_type too, or put "
                "this into the condition",
                NULL);
}

static void the_condition_of_an_exit_compiles(void **state)
{
    const char *kind = "/exit_criteria/condition: must be an expression, as text";
    assert_exit(*state, "{'condition':7}", kind, NULL);
    assert_exit(*state, "{'condition':{}}", kind, NULL);
    static const char *const wrong[] = {"{'condition':''}", "{'condition':'1 +'}",
                                        "{'condition':'1 / 0 == 1'}", "{'condition':'launch(1)'}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        json_t *json = json_of(wrong[i]), *problems = json_array();
        kal_rules_exit(*state, json, "/exit_criteria", problems);
        assert_int_equal(json_array_size(problems), 1);
        const char *text = json_string_value(json_array_get(problems, 0));
        assert_int_equal(strncmp(text, "/exit_criteria/condition: ", 26), 0);
        assert_true(strlen(text) > 26);
        json_decref(problems);
        json_decref(json);
    }
}

static void all_problems_of_an_exit_come_together(void **state)
{
    assert_exit(*state, "{'event_type':'','filter':7,'condition':7}",
                "/exit_criteria/event_type: must be the name of an event, text of 1 to 255 bytes",
                "/exit_criteria/filter: must be a map from paths in the event's data to the values "
                "wanted there",
                "/exit_criteria/condition: must be an expression, as text", NULL);
}

static void a_customer_comes_again_never_or_after_a_time(void **state)
{
    (void)state;
    static const char *const right[] = {"{}",
                                        "{'reentry':null}",
                                        "{'reentry':'never'}",
                                        "{'reentry':'0s'}",
                                        "{'reentry':'30d'}",
                                        "{'reentry':'3650d','color':'red'}",
                                        "{'reentry':'500ms'}"};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        assert_entry(right[i], NULL);
    static const char *const wrong[] = {"''",      "'Never'", "'always'", "'30'",   "'d'",
                                        "'1y'",    "'-1d'",   "'1.5h'",   "' 1d'",  "'1d '",
                                        "'4000d'", "30",      "true",     "['1d']", "{}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char config[64];
        (void)snprintf(config, sizeof config, "{'reentry':%s}", wrong[i]);
        assert_entry(config,
                     "flow: /entry_config/reentry: must be \"never\" or a duration of at most 10 "
                     "years such as 30d; without it a customer may enter again at once",
                     NULL);
    }
}

static void the_other_rules_of_an_entry_have_their_kind(void **state)
{
    (void)state;
    const char *members = "flow: /entry_config/existing_members: must be true or false";
    const char *secret = "flow: /entry_config/webhook_secret: must be text of 1 to 255 bytes";
    assert_entry("{'existing_members':false,'webhook_secret':'whsec_x'}", NULL);
    assert_entry("{'existing_members':null,'webhook_secret':null}", NULL);
    assert_entry("{'existing_members':'no'}", members, NULL);
    assert_entry("{'existing_members':0}", members, NULL);
    assert_entry("{'webhook_secret':''}", secret, NULL);
    assert_entry("{'webhook_secret':1234}", secret, NULL);
    assert_entry("{'webhook_secret':'" LONG_TYPE "x'}", secret, NULL);
    assert_entry("{'existing_members':'no','webhook_secret':''}", members, secret, NULL);
    assert_entry("[]", "flow: /entry_config: must be a map", NULL);
}

static void without_a_place_there_is_the_pointer_alone(void **state)
{
    json_t *criteria = json_of("{'filter':{}}"), *config = json_of("{'existing_members':1}");
    json_t *problems = json_array();
    kal_rules_exit(*state, criteria, "", problems);
    kal_rules_entry(config, "", problems);
    assert_int_equal(json_array_size(problems), 2);
    assert_problem(problems, "needs an event_type or a condition");
    assert_problem(problems, "/existing_members: must be true or false");
    json_decref(problems);
    json_decref(config);
    json_decref(criteria);
}

static void what_is_not_there_is_right(void **state)
{
    json_t *problems = json_array();
    kal_rules_exit(*state, NULL, "/exit_criteria", problems);
    kal_rules_entry(NULL, "/entry_config", problems);
    assert_int_equal(json_array_size(problems), 0);
    json_decref(problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exit_names_an_event_or_a_condition),
        cmocka_unit_test(the_event_of_an_exit_has_a_name),
        cmocka_unit_test(a_filter_belongs_to_an_event),
        cmocka_unit_test(the_condition_of_an_exit_compiles),
        cmocka_unit_test(all_problems_of_an_exit_come_together),
        cmocka_unit_test(a_customer_comes_again_never_or_after_a_time),
        cmocka_unit_test(the_other_rules_of_an_entry_have_their_kind),
        cmocka_unit_test(without_a_place_there_is_the_pointer_alone),
        cmocka_unit_test(what_is_not_there_is_right),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
