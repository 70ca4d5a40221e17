/* What a user would lose: the instant that was meant. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool parse(const char *text, int64_t *ms)
{
    return kal_clock_parse(kal_str_of(text), ms);
}

static void assert_instant(const char *text, const char *utc)
{
    char out[KAL_TIME_TEXT + 1];
    int64_t ms;
    if (!parse(text, &ms))
        fail_msg("%s", text);
    kal_clock_format(ms, out);
    assert_string_equal(out, utc);
}

static void test_texts_that_are_times(void **state)
{
    (void)state;
    assert_instant("1970-01-01", "1970-01-01T00:00:00.000Z");
    assert_instant("2026-11-21T07:45:00.000Z", "2026-11-21T07:45:00.000Z");
    assert_instant("2026-11-21t07:45:00z", "2026-11-21T07:45:00.000Z");
    assert_instant("2026-11-21T07:45", "2026-11-21T07:45:00.000Z");
    assert_instant("2026-11-21T07:45:00.1", "2026-11-21T07:45:00.100Z");
    assert_instant("2026-11-21T07:45:00.0019999999999Z", "2026-11-21T07:45:00.001Z");
    assert_instant("2026-11-21T00:30:00+01:00", "2026-11-20T23:30:00.000Z");
    assert_instant("2026-12-31T23:30:00-0130", "2027-01-01T01:00:00.000Z");
    assert_instant("2026-11-21T07:45:00+05", "2026-11-21T02:45:00.000Z");
    assert_instant("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z");
    assert_instant("2024-02-29", "2024-02-29T00:00:00.000Z");
    assert_instant("2000-02-29", "2000-02-29T00:00:00.000Z");
    assert_instant("0001-01-01", "0001-01-01T00:00:00.000Z");
    assert_instant("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z");
}

static void test_texts_that_are_none(void **state)
{
    static const char *const bad[] = {
        "",
        "2026",
        "2026-11",
        "2026-11-21T",
        "2026-11-21 07:45:00Z",
        "2026-11-21T7:45:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T07:60:00Z",
        "2026-11-21T07:45:60Z",
        "2026-11-21T07:45:00.Z",
        "2026-11-21T07:45:00ZZ",
        "2026-11-21T07:45:00+",
        "2026-11-21T07:45:00+1",
        "2026-11-21T07:45:00+01:",
        "2026-11-21T07:45:00+24:00",
        "2026-11-21T07:45:00+01:60",
        "2026-11-21T07Z",
        "2026-11-21Z",
        "2026-02-29",
        "1900-02-29",
        "2026-04-31",
        "2026-13-01",
        "2026-00-01",
        "2026-01-00",
        "0000-01-01",
        "10000-01-01",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "-2026-01-01",
        " 2026-01-01",
        "2026-01-01 ",
        "2026/01/01",
        "20260101",
    };
    int64_t ms;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (parse(bad[i], &ms))
            fail_msg("%s", bad[i]);
}

/* All 3,652,059 days, each one day after the one before. */
static void test_every_day_reads_back(void **state)
{
    char out[KAL_TIME_TEXT + 1];
    int64_t day = 86400000, first, last, ms;
    (void)state;
    assert_true(parse("0001-01-01T12:34:56.789Z", &first));
    assert_true(parse("9999-12-31T12:34:56.789Z", &last));
    assert_int_equal((last - first) / day, 3652058);
    for (int64_t at = first; at <= last; at += day) {
        kal_clock_format(at, out);
        if (!parse(out, &ms) || ms != at)
            fail_msg("%s", out);
    }
}

static void assert_duration(const char *text, int64_t expected)
{
    int64_t ms = -1;
    bool ok = kal_clock_duration(kal_str_of(text), &ms);
    if (ok != (expected >= 0) || ms != expected)
        fail_msg("%s", text);
}

static void test_durations(void **state)
{
    static const char *const bad[] = {
        "",
        "5",
        "d",
        "-1d",
        "+1d",
        "1.5h",
        "1 d",
        " 1d",
        "1d ",
        "1D",
        "1dd",
        "1y",
        "1min",
        "3654d",
        "522w",
        "99999999999999999999d",
        "9223372036854775807ms",
        "9223372036854775807w",
    };
    (void)state;
    assert_duration("0s", 0);
    assert_duration("0000000000000000000000001ms", 1);
    assert_duration("1500ms", 1500);
    assert_duration("30s", 30000);
    assert_duration("15m", 900000);
    assert_duration("12h", 43200000);
    assert_duration("3d", 259200000);
    assert_duration("2w", 1209600000);
    assert_duration("3653d", INT64_C(315619200000));
    assert_duration("521w", INT64_C(315100800000));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_duration(bad[i], -1);
}

static void test_virtual_time_only_moves_forward(void **state)
{
    kal_clock *clock = kal_clock_new_virtual(1000);
    (void)state;
    assert_true(kal_clock_is_virtual(clock));
    assert_int_equal(kal_clock_now(clock), 1000);
    kal_clock_set(clock, 2000);
    kal_clock_set(clock, 1500);
    assert_int_equal(kal_clock_now(clock), 2000);
    kal_clock_free(clock);
}

static void test_real_time_cannot_be_moved(void **state)
{
    kal_clock *clock = kal_clock_new_real();
    int64_t before = kal_clock_real_ms(), far = before + 3600000;
    (void)state;
    assert_false(kal_clock_is_virtual(clock));
    kal_clock_set(clock, far);
    int64_t now = kal_clock_now(clock);
    assert_true(now >= before && now < far);
    assert_true(kal_clock_now(clock) >= now);
    assert_true(kal_clock_mono_ns() <= kal_clock_mono_ns());
    kal_clock_free(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_that_are_times),
        cmocka_unit_test(test_texts_that_are_none),
        cmocka_unit_test(test_every_day_reads_back),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_virtual_time_only_moves_forward),
        cmocka_unit_test(test_real_time_cannot_be_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
