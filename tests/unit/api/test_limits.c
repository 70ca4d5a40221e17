/* What a tenant would lose: its share, exactly; what the server would lose: its shield. */
#include "api/limits.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND 1000000000ULL

static const kal_uuid one = {{1}}, two = {{2}};

static bool take(kal_limits *limits, kal_uuid tenant, kal_rate rate, uint64_t now, int64_t *retry)
{
    return kal_limits_take(limits, tenant, KAL_RATE_API, rate, now, retry);
}

static void test_a_full_bucket_then_as_it_flows_in(void **state)
{
    kal_limits *limits = kal_limits_new();
    kal_rate rate = {10, 60};
    int64_t retry = 0;

    (void)state;
    for (int i = 0; i < 10; i++)
        assert_true(take(limits, one, rate, SECOND, &retry));
    assert_false(take(limits, one, rate, SECOND, &retry));
    assert_int_equal(retry, 6);
    assert_true(take(limits, two, rate, SECOND, &retry));
    assert_true(kal_limits_take(limits, one, KAL_RATE_EVENTS, rate, SECOND, &retry));
    assert_false(take(limits, one, rate, 6 * SECOND, &retry));
    assert_int_equal(retry, 1);
    assert_true(take(limits, one, rate, 7 * SECOND + 1000, &retry));
    assert_false(take(limits, one, rate, 7 * SECOND + 1000, &retry));
    kal_limits_free(limits);
}

static void test_a_batch_is_paid_off_first(void **state)
{
    kal_limits *limits = kal_limits_new();
    kal_rate rate = {1000, 1};
    int64_t retry = 0;

    (void)state;
    assert_true(take(limits, one, rate, SECOND, &retry));
    kal_limits_spend(limits, one, KAL_RATE_API, rate, SECOND, 9999);
    assert_false(take(limits, one, rate, SECOND, &retry));
    assert_in_range(retry, 9, 10);
    assert_true(take(limits, one, rate, 11 * SECOND, &retry));
    kal_limits_free(limits);
}

static void test_zero_is_no_limit_and_a_change_begins_anew(void **state)
{
    kal_limits *limits = kal_limits_new();
    int64_t retry = 0;

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_true(take(limits, one, (kal_rate){0, 60}, SECOND, &retry));
    assert_true(take(limits, one, (kal_rate){1, 60}, SECOND, &retry));
    assert_false(take(limits, one, (kal_rate){1, 60}, SECOND, &retry));
    assert_true(take(limits, one, (kal_rate){2, 60}, SECOND, &retry));
    kal_limits_free(limits);
}

typedef struct racer {
    kal_limits *limits;
    int taken;
} racer;

static void *race(void *data)
{
    racer *r = data;
    int64_t retry;

    for (int i = 0; i < 10000; i++)
        r->taken += take(r->limits, one, (kal_rate){5000, 1000000}, SECOND, &retry);
    return NULL;
}

static void test_threads_share_one_bucket(void **state)
{
    racer racers[4];
    pthread_t threads[4];
    kal_limits *limits = kal_limits_new();
    int taken = 0;

    (void)state;
    for (int i = 0; i < 4; i++) {
        racers[i] = (racer){limits, 0};
        pthread_create(&threads[i], NULL, race, &racers[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        taken += racers[i].taken;
    }
    assert_int_equal(taken, 5000);
    kal_limits_free(limits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_full_bucket_then_as_it_flows_in),
        cmocka_unit_test(test_a_batch_is_paid_off_first),
        cmocka_unit_test(test_zero_is_no_limit_and_a_change_begins_anew),
        cmocka_unit_test(test_threads_share_one_bucket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
