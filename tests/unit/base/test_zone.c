/* What a customer would lose: a message at nine in their own morning, once a day. */
#include "base/zone.h"

#include "base/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

static void assert_next(const char *zone, int hour, int minute, const char *now, const char *then)
{
    char out[KAL_TIME_TEXT + 1];
    int64_t ms;
    assert_true(kal_clock_parse(kal_str_of(now), &ms));
    kal_clock_format(kal_zone_next(kal_str_of(zone), hour, minute, ms), out);
    assert_string_equal(out, then);
}

static void test_known_zones(void **state)
{
    static const char *const good[] = {"Europe/Berlin", "America/New_York",
                                       "UTC",           "Etc/UTC",
                                       "Asia/Kolkata",  "America/Argentina/ComodRivadavia"};
    static const char *const bad[] = {"",         "Europe/Atlantis", "Berlin", "Europe/Berlin ",
                                      "GMT+3:30", "europe/\xc3\xbc", "+01:00"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(kal_zone_known(kal_str_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(kal_zone_known(kal_str_of(bad[i])));
    assert_false(kal_zone_known((kal_str){0}));
}

static void test_today_or_tomorrow(void **state)
{
    (void)state;
    assert_next("Europe/Berlin", 9, 0, "2026-07-01T06:59:59.999Z", "2026-07-01T07:00:00.000Z");
    assert_next("Europe/Berlin", 9, 0, "2026-07-01T07:00:00Z", "2026-07-01T07:00:00.000Z");
    assert_next("Europe/Berlin", 9, 0, "2026-07-01T07:00:00.001Z", "2026-07-02T07:00:00.000Z");
    assert_next("Europe/Berlin", 9, 0, "2026-12-31T12:00:00Z", "2027-01-01T08:00:00.000Z");
    assert_next("Asia/Kolkata", 9, 15, "2026-07-01T00:00:00Z", "2026-07-01T03:45:00.000Z");
    assert_next("Pacific/Kiritimati", 0, 0, "2026-07-01T10:00:00Z", "2026-07-01T10:00:00.000Z");
}

static void test_a_time_that_is_skipped_comes_after_the_gap(void **state)
{
    (void)state;
    assert_next("Europe/Berlin", 2, 30, "2026-03-28T23:00:00Z", "2026-03-29T01:00:00.000Z");
    assert_next("Europe/Berlin", 2, 30, "2026-03-29T01:00:00.001Z", "2026-03-30T00:30:00.000Z");
    assert_next("Europe/Berlin", 3, 0, "2026-03-28T23:00:00Z", "2026-03-29T01:00:00.000Z");
    assert_next("America/New_York", 2, 0, "2026-03-08T06:00:00Z", "2026-03-08T07:00:00.000Z");
    assert_next("America/New_York", 2, 59, "2026-03-08T06:00:00Z", "2026-03-08T07:00:00.000Z");
    assert_next("Africa/Cairo", 0, 0, "2010-04-29T20:00:00Z", "2010-04-29T22:00:00.000Z");
}

static void test_a_time_that_comes_twice_counts_once(void **state)
{
    (void)state;
    assert_next("Europe/Berlin", 2, 30, "2026-10-24T22:00:00Z", "2026-10-25T00:30:00.000Z");
    assert_next("Europe/Berlin", 2, 30, "2026-10-25T00:30:00.001Z", "2026-10-26T01:30:00.000Z");
    assert_next("America/New_York", 1, 15, "2026-11-01T04:00:00Z", "2026-11-01T05:15:00.000Z");
    assert_next("America/New_York", 1, 15, "2026-11-01T06:00:00Z", "2026-11-02T06:15:00.000Z");
}

static void test_an_unknown_zone_is_utc(void **state)
{
    (void)state;
    assert_next("Europe/Atlantis", 9, 0, "2026-07-01T08:00:00Z", "2026-07-01T09:00:00.000Z");
    assert_next("", 9, 0, "2026-07-01T08:00:00Z", "2026-07-01T09:00:00.000Z");
}

static const char *const others[] = {"Europe/Berlin",    "Europe/Lisbon", "Asia/Kolkata",
                                     "Asia/Tokyo",       "Asia/Kabul",    "Africa/Cairo",
                                     "America/New_York", "America/Lima",  "Pacific/Kiritimati"};

/* Asks for more zones than a thread keeps open, and counts the wrong answers. */
static void *ask_many_zones(void *wrong)
{
    char zone[32];
    for (int i = 0; i < 150; i++) {
        int hours = i % 25 - 12; /* POSIX's sign: Etc/GMT+5 is five hours behind */
        snprintf(zone, sizeof zone, "Etc/GMT%+d", hours);
        int64_t noon = kal_zone_next(kal_str_of(zone), 12, 0, 0);
        *(int *)wrong += noon != (12 + hours) % 24 * INT64_C(3600000);
        *(int *)wrong += kal_zone_next(kal_str_of(others[i % 9]), 12, 0, 0) < 0;
    }
    return NULL;
}

static void test_many_zones_on_many_threads(void **state)
{
    pthread_t threads[3];
    int wrong[3] = {0};
    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_many_zones, &wrong[i]), 0);
    for (size_t i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(wrong[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_zones),
        cmocka_unit_test(test_today_or_tomorrow),
        cmocka_unit_test(test_a_time_that_is_skipped_comes_after_the_gap),
        cmocka_unit_test(test_a_time_that_comes_twice_counts_once),
        cmocka_unit_test(test_an_unknown_zone_is_utc),
        cmocka_unit_test(test_many_zones_on_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
