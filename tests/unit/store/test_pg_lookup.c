/* A database named by its host must not hold up every event while a name server thinks. */
#include "store/pg_lookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka needs the above first. */
#include <cmocka.h>

typedef struct answer {
    int times;
    char hosts[200], addresses[200], error[200];
} answer;

static void keep(char out[200], const char *text)
{
    snprintf(out, 200, "%s", text ? text : "");
}

static void on_answer(void *data, const char *hosts, const char *addresses, const char *error)
{
    answer *a = data;
    a->times++;
    keep(a->hosts, hosts);
    keep(a->addresses, addresses);
    keep(a->error, error);
}

static answer ask(const char *conninfo, bool stop)
{
    uv_loop_t loop;
    answer a = {0};
    uv_loop_init(&loop);
    kal_pg_lookup *lookup = kal_pg_lookup_start(&loop, conninfo, on_answer, &a);
    assert_non_null(lookup);
    assert_int_equal(a.times, 0); /* never inside the call */
    if (stop)
        kal_pg_lookup_stop(lookup);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return a;
}

static size_t count(const char *text, char of)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == of;
    return n;
}

static void a_name_becomes_addresses(void **state)
{
    (void)state;
    answer a = ask("postgresql://u@localhost:5433/db", false);
    assert_int_equal(a.times, 1);
    assert_string_equal(a.error, "");
    assert_true(strstr(a.addresses, "127.0.0.1") || strstr(a.addresses, "::1"));
    assert_int_equal(strncmp(a.hosts, "localhost", 9), 0);
    assert_int_equal(count(a.hosts, ','), count(a.addresses, ',')); /* as libpq wants them */
}

static void a_name_that_is_none_says_so(void **state)
{
    (void)state;
    answer a = ask("host=no-such-host.invalid dbname=x", false);
    assert_int_equal(a.times, 1);
    assert_string_equal(a.addresses, "");
    assert_non_null(strstr(a.error, "no-such-host.invalid"));
}

static void a_stopped_lookup_tells_nobody(void **state)
{
    (void)state;
    assert_int_equal(ask("host=localhost", true).times, 0);
}

static void what_needs_no_answer_asks_nothing(void **state)
{
    (void)state;
    uv_loop_t loop;
    static const char *const known[] = {
        "host=/tmp dbname=x", "host=127.0.0.1",           "postgresql://[::1]/db",
        "host=a,b",           "host=a hostaddr=10.0.0.1", "not a conninfo =",
    };
    uv_loop_init(&loop);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_null(kal_pg_lookup_start(&loop, known[i], on_answer, NULL));
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_becomes_addresses),
        cmocka_unit_test(a_name_that_is_none_says_so),
        cmocka_unit_test(a_stopped_lookup_tells_nobody),
        cmocka_unit_test(what_needs_no_answer_asks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
