/* What a tenant would lose: a campaign at nine on weekdays, once, summer time or not. */
#include "base/cron.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static kal_cron parse(const char *text)
{
    kal_cron cron;
    const char *problem;
    assert_true(kal_cron_parse(kal_str_of(text), &cron, &problem));
    return cron;
}

/* The instants that follow one another, as a list of ISO texts that ends with NULL. */
static void assert_instants(const char *text, const char *zone, const char *after,
                            const char *const *instants)
{
    kal_cron cron = parse(text);
    int64_t ms;
    assert_true(kal_clock_parse(kal_str_of(after), &ms));
    for (; *instants; instants++) {
        char out[KAL_TIME_TEXT + 1];
        int64_t then = kal_cron_next(&cron, kal_str_of(zone), ms);
        assert_true(then > ms);
        kal_clock_format(then, out);
        assert_string_equal(out, *instants);
        ms = then;
    }
}

#define ASSERT_INSTANTS(text, zone, after, ...)                                                    \
    assert_instants(text, zone, after, (const char *const[]){__VA_ARGS__, NULL})

static void assert_refused(const char *text, const char *word)
{
    kal_cron cron;
    const char *problem = NULL;
    assert_false(kal_cron_parse(kal_str_of(text), &cron, &problem));
    assert_non_null(strstr(problem, word));
}

static void test_fields(void **state)
{
    (void)state;
    ASSERT_INSTANTS("* * * * *", "UTC", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00.000Z",
                    "2026-01-01T00:02:00.000Z");
    ASSERT_INSTANTS("* * * * *", "UTC", "2026-01-01T00:00:30.5Z", "2026-01-01T00:01:00.000Z");
    ASSERT_INSTANTS("0 9 * * mon-fri", "UTC", "2026-01-02T08:59:59Z", "2026-01-02T09:00:00.000Z",
                    "2026-01-05T09:00:00.000Z");
    ASSERT_INSTANTS("*/20 8-9,12 * * *", "UTC", "2026-01-01T09:30:00Z", "2026-01-01T09:40:00.000Z",
                    "2026-01-01T12:00:00.000Z", "2026-01-01T12:20:00.000Z");
    ASSERT_INSTANTS("10-30/10,55 0 1 Jan,JUL *", "UTC", "2026-01-01T00:10:00Z",
                    "2026-01-01T00:20:00.000Z", "2026-01-01T00:30:00.000Z",
                    "2026-01-01T00:55:00.000Z", "2026-07-01T00:10:00.000Z");
    ASSERT_INSTANTS("50/5 23 31 12 *", "UTC", "2026-01-01T00:00:00Z", "2026-12-31T23:50:00.000Z",
                    "2026-12-31T23:55:00.000Z", "2027-12-31T23:50:00.000Z");
    ASSERT_INSTANTS(" 0\t0  29 2 * ", "UTC", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00.000Z");
    ASSERT_INSTANTS("0 0 29 2 */7", "UTC", "2032-03-01T00:00:00Z", "2060-02-29T00:00:00.000Z",
                    "2088-02-29T00:00:00.000Z", "2128-02-29T00:00:00.000Z");
}

static void test_days_of_the_week(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        static const char *const sunday[] = {"0 0 * * 0", "0 0 * * 7", "0 0 * * Sun"};
        ASSERT_INSTANTS(sunday[i], "UTC", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00.000Z",
                        "2026-01-11T00:00:00.000Z");
    }
    ASSERT_INSTANTS("0 0 * * fri-sun", "UTC", "2026-01-01T12:00:00Z", "2026-01-02T00:00:00.000Z",
                    "2026-01-03T00:00:00.000Z", "2026-01-04T00:00:00.000Z",
                    "2026-01-09T00:00:00.000Z");
}

static void test_either_day_is_enough_when_both_are_given(void **state)
{
    (void)state;
    ASSERT_INSTANTS("0 0 13 * 5", "UTC", "2026-01-02T00:00:00Z", "2026-01-09T00:00:00.000Z",
                    "2026-01-13T00:00:00.000Z", "2026-01-16T00:00:00.000Z");
    ASSERT_INSTANTS("0 0 */2 * 5", "UTC", "2026-01-02T00:00:00Z", "2026-01-09T00:00:00.000Z",
                    "2026-01-23T00:00:00.000Z");
}

static void test_local_time(void **state)
{
    (void)state;
    ASSERT_INSTANTS("0 9 * * *", "Europe/Berlin", "2026-03-28T09:00:00Z",
                    "2026-03-29T07:00:00.000Z", "2026-03-30T07:00:00.000Z");
    ASSERT_INSTANTS("0 0 1 * *", "Pacific/Kiritimati", "2026-01-01T00:00:00Z",
                    "2026-01-31T10:00:00.000Z");
    ASSERT_INSTANTS("0 9 * * *", "Nowhere/Atlantis", "2026-01-01T00:00:00Z",
                    "2026-01-01T09:00:00.000Z");
}

static void test_skipped_times_come_once_at_the_jump(void **state)
{
    (void)state;
    ASSERT_INSTANTS("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z",
                    "2026-03-29T01:00:00.000Z", "2026-03-30T00:30:00.000Z");
    ASSERT_INSTANTS("*/15 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z",
                    "2026-03-29T01:00:00.000Z", "2026-03-30T00:00:00.000Z");
    ASSERT_INSTANTS("0 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z",
                    "2026-03-29T01:00:00.000Z", "2026-03-30T00:00:00.000Z");
    ASSERT_INSTANTS("0 2 8 3 *", "America/New_York", "2026-01-01T00:00:00Z",
                    "2026-03-08T07:00:00.000Z", "2027-03-08T07:00:00.000Z");
    ASSERT_INSTANTS("30 0 * * *", "Africa/Cairo", "2010-04-29T12:00:00Z",
                    "2010-04-29T22:00:00.000Z", "2010-04-30T21:30:00.000Z");
}

static void test_doubled_times_come_once(void **state)
{
    (void)state;
    ASSERT_INSTANTS("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z",
                    "2026-10-25T00:30:00.000Z", "2026-10-26T01:30:00.000Z");
    ASSERT_INSTANTS("30 2,3 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z",
                    "2026-10-25T02:30:00.000Z");
    /* asked in the second of the two hours */
    ASSERT_INSTANTS("45 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z",
                    "2026-10-26T01:45:00.000Z");
}

static void test_what_is_no_schedule(void **state)
{
    (void)state;
    assert_refused("", "five fields");
    assert_refused("* * * *", "five fields");
    assert_refused("* * * * * *", "more than five");
    assert_refused("60 * * * *", "minute");
    assert_refused("*/0 * * * *", "minute");
    assert_refused("5-3 * * * *", "minute");
    assert_refused("1,,2 * * * *", "minute");
    assert_refused("1, * * * *", "minute");
    assert_refused("-1 * * * *", "minute");
    assert_refused("* 24 * * *", "hour");
    assert_refused("* 1-24 * * *", "hour");
    assert_refused("* * 0 * *", "day of the month");
    assert_refused("* * 32 * *", "day of the month");
    assert_refused("* * * 13 *", "month");
    assert_refused("* * * janu *", "month");
    assert_refused("* * * * 8", "week");
    assert_refused("* * * * monday", "week");
    assert_refused("@daily", "minute");
    assert_refused("99999999999999999999 * * * *", "minute");
    assert_refused("0 0 30 2 *", "never");
    assert_refused("0 0 31 4,6,9,11 *", "never");
    parse("0 0 30 2 mon"); /* Mondays of February */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_days_of_the_week),
        cmocka_unit_test(test_either_day_is_enough_when_both_are_given),
        cmocka_unit_test(test_local_time),
        cmocka_unit_test(test_skipped_times_come_once_at_the_jump),
        cmocka_unit_test(test_doubled_times_come_once),
        cmocka_unit_test(test_what_is_no_schedule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
