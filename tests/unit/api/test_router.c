/* What a caller would lose: the right route, honest 404 and 405 answers, decoded ids. */
#include "api/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static kal_err find(const char *method, const char *path, kal_route_match *match, kal_buf *allow)
{
    size_t count;
    const kal_route *routes = kal_routes(&count);

    memset(match, 0, sizeof(*match));
    return kal_router_match(routes, count, kal_str_of(method), kal_str_of(path), match, allow);
}

static void test_finds_a_route_and_its_parameters(void **state)
{
    kal_route_match match;
    kal_buf allow = {0};

    (void)state;
    assert_int_equal(find("GET", "/api/v1/flows/abc/versions/7", &match, &allow), KAL_OK);
    assert_string_equal(match.route->pattern, "/api/v1/flows/:id/versions/:n");
    assert_true(kal_str_is(match.params[0], "abc"));
    assert_true(kal_str_is(match.params[1], "7"));
    assert_int_equal(find("POST", "/api/v1/events/batch", &match, &allow), KAL_OK);
    assert_string_equal(match.route->pattern, "/api/v1/events/batch");
    kal_buf_deinit(&allow);
}

static void test_head_takes_the_row_of_get(void **state)
{
    kal_route_match match;
    kal_buf allow = {0};

    (void)state;
    assert_int_equal(find("HEAD", "/health", &match, &allow), KAL_OK);
    assert_string_equal(match.route->method, "GET");
    kal_buf_deinit(&allow);
}

static void test_an_unknown_path_is_not_found(void **state)
{
    static const char *const paths[] = {
        "/",       "", "/api/v1/flow", "/api/v1/flows/", "/api/v1/flows//", "/api/v1/flows/a/b",
        "/health/"};
    kal_route_match match;
    kal_buf allow = {0};
    char longest[KAL_PATH_MAX + 2];

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        assert_int_equal(find("GET", paths[i], &match, &allow), KAL_ERR_NOT_FOUND);
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    memcpy(longest, "/api/v1/flows/", 14);
    assert_int_equal(find("GET", longest, &match, &allow), KAL_ERR_NOT_FOUND);
    longest[KAL_PATH_MAX] = '\0';
    assert_int_equal(find("GET", longest, &match, &allow), KAL_OK);
    kal_buf_deinit(&allow);
}

static void test_another_method_tells_which_are_allowed(void **state)
{
    kal_route_match match;
    kal_buf allow = {0};

    (void)state;
    assert_int_equal(find("PATCH", "/api/v1/flows/abc", &match, &allow),
                     KAL_ERR_METHOD_NOT_ALLOWED);
    assert_string_equal(allow.data, "GET, HEAD, PUT, DELETE");
    kal_buf_deinit(&allow);
}

static void test_a_journeys_path_takes_the_rows_of_its_flow(void **state)
{
    static const char *const own[] = {"/api/v1/journeys", "/api/v1/journeys/abc"};
    kal_route_match match;
    kal_buf allow = {0};

    (void)state;
    assert_int_equal(find("GET", "/api/v1/journeys/abc/versions/7", &match, &allow), KAL_OK);
    assert_string_equal(match.route->pattern, "/api/v1/flows/:id/versions/:n");
    assert_true(match.below_journey && kal_str_is(match.params[0], "abc"));
    assert_true(kal_str_is(match.params[1], "7"));
    assert_int_equal(find("POST", "/api/v1/journeys/abc/launch", &match, &allow), KAL_OK);
    assert_true(match.below_journey);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        assert_int_equal(find("GET", own[i], &match, &allow), KAL_OK);
        assert_false(match.below_journey);
    }
    assert_int_equal(find("GET", "/api/v1/flows/abc/versions", &match, &allow), KAL_OK);
    assert_false(match.below_journey);
    assert_int_equal(find("GET", "/api/v1/journeys/abc/", &match, &allow), KAL_ERR_NOT_FOUND);
    assert_int_equal(find("GET", "/api/v1/journeys//versions", &match, &allow), KAL_ERR_NOT_FOUND);
    assert_int_equal(find("DELETE", "/api/v1/journeys/abc/versions", &match, &allow),
                     KAL_ERR_METHOD_NOT_ALLOWED);
    assert_string_equal(allow.data, "GET, HEAD, POST");
    kal_buf_deinit(&allow);
}

static bool decodes(const char *text, const char *want, bool plus)
{
    char space[64];
    size_t n = strlen(text);

    memcpy(space, text, n + 1);
    return kal_percent_decode(space, &n, plus) && kal_str_is((kal_str){space, n}, want);
}

static void test_percent_decoding(void **state)
{
    (void)state;
    assert_true(decodes("external:a%2Fb%20c", "external:a/b c", false));
    assert_true(decodes("a+b", "a+b", false));
    assert_true(decodes("a+b%2b", "a b+", true));
    assert_true(decodes("", "", true));
    assert_false(decodes("%", "", false));
    assert_false(decodes("a%2", "", false));
    assert_false(decodes("%zz", "", false));
}

/* Two rows that fit the same path and method would hide each other. */
static void test_no_row_hides_another(void **state)
{
    size_t count;
    const kal_route *routes = kal_routes(&count);

    (void)state;
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            assert_false(strcmp(routes[i].method, routes[j].method) == 0 &&
                         strcmp(routes[i].pattern, routes[j].pattern) == 0);
}

static void test_each_row_answers_in_one_way(void **state)
{
    size_t count;
    const kal_route *routes = kal_routes(&count);

    (void)state;
    for (size_t i = 0; i < count; i++)
        assert_true((routes[i].handle != NULL) != (routes[i].read.kind != KAL_READ_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_a_route_and_its_parameters),
        cmocka_unit_test(test_head_takes_the_row_of_get),
        cmocka_unit_test(test_an_unknown_path_is_not_found),
        cmocka_unit_test(test_another_method_tells_which_are_allowed),
        cmocka_unit_test(test_a_journeys_path_takes_the_rows_of_its_flow),
        cmocka_unit_test(test_percent_decoding),
        cmocka_unit_test(test_no_row_hides_another),
        cmocka_unit_test(test_each_row_answers_in_one_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
