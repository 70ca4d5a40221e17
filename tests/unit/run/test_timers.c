/* A timer that memory and database both leave to the other never fires. */
#include "run_test.h"

#include "run/timers.h"

static kal_timer timer(int64_t due_ms, uint8_t instance, uint32_t seq)
{
    return (kal_timer){.due_ms = due_ms, .instance = {.b = {instance}}, .seq = seq};
}

static void assert_popped(kal_timers *timers, int64_t now_ms, kal_timer expected)
{
    kal_timer out;
    assert_true(kal_timers_pop(timers, now_ms, &out));
    assert_int_equal(out.due_ms, expected.due_ms);
    assert_true(kal_uuid_eq(out.instance, expected.instance));
    assert_int_equal(out.seq, expected.seq);
}

static void assert_none(kal_timers *timers, int64_t now_ms)
{
    kal_timer out;
    assert_false(kal_timers_pop(timers, now_ms, &out));
}

static void load_to(kal_timers *timers, kal_timer horizon, const kal_timer *last)
{
    kal_timer from;
    kal_timers_begin_load(timers, &horizon, &from);
    kal_timers_end_load(timers, last);
}

/* Before the first stretch is loaded the database has them all. */
static void nothing_is_kept_before_the_first_load(void **state)
{
    (void)state;
    kal_timers timers;
    kal_timer t = timer(INT64_C(-5000), 1, 1);
    kal_timers_init(&timers);
    kal_timers_committed(&timers, &t, t.due_ms);
    assert_int_equal(kal_timers_next(&timers), INT64_MAX);
    assert_none(&timers, INT64_MAX);
    kal_timers_deinit(&timers);
}

static void the_horizon_decides_who_keeps_a_commit(void **state)
{
    (void)state;
    kal_timers timers;
    kal_timers_init(&timers);
    load_to(&timers, timer(100, 5, 5), NULL);
    const kal_timer in[] = {timer(99, 9, 9), timer(100, 4, 9), timer(100, 5, 4), timer(100, 5, 5)};
    const kal_timer out[] = {timer(100, 5, 6), timer(100, 6, 1), timer(101, 1, 1)};
    for (size_t i = 0; i < 3; i++)
        kal_timers_committed(&timers, &out[i], out[i].due_ms);
    assert_int_equal(kal_timers_next(&timers), INT64_MAX);
    for (size_t i = 4; i-- > 0;)
        kal_timers_committed(&timers, &in[i], in[i].due_ms);
    for (size_t i = 0; i < 4; i++)
        assert_popped(&timers, 100, in[i]);
    assert_none(&timers, INT64_MAX);
    kal_timers_deinit(&timers);
}

/* What commits while the query is under way may be too late for the query's eyes. */
/* Its flow was paused for 50: it need not come up twice, nor be left to the database too early. */
static void a_shifted_timer_is_kept_by_its_stored_due_time(void **state)
{
    (void)state;
    kal_timers timers;
    kal_timers_init(&timers);
    load_to(&timers, timer(100, 5, 5), NULL);
    const kal_timer in = timer(60, 1, 1);
    const kal_timer out = timer(101, 2, 1);
    kal_timers_committed(&timers, &in, 110);
    kal_timers_committed(&timers, &out, 151);
    assert_none(&timers, 109);
    assert_popped(&timers, 110, timer(110, 1, 1));
    assert_none(&timers, INT64_MAX);
    kal_timers_deinit(&timers);
}

static void a_commit_during_a_load_is_kept(void **state)
{
    (void)state;
    kal_timers timers;
    kal_timer from, horizon = timer(1000, 255, UINT32_MAX), t = timer(700, 1, 1);
    kal_timers_init(&timers);
    kal_timers_begin_load(&timers, &horizon, &from);
    assert_true(timers.loading);
    assert_int_equal(from.due_ms, INT64_MIN);
    kal_timers_committed(&timers, &t, t.due_ms);
    kal_timers_end_load(&timers, NULL);
    assert_false(timers.loading);
    assert_popped(&timers, 700, t);
    kal_timers_deinit(&timers);
}

/* The query gave fewer rows than the stretch holds: the next one begins where they ended. */
static void a_short_answer_moves_the_horizon_back(void **state)
{
    (void)state;
    kal_timers timers;
    kal_timer from, last = timer(300, 3, 2), again = timer(1000, 0, 0);
    kal_timers_init(&timers);
    load_to(&timers, timer(1000, 0, 0), &last);
    const kal_timer near = timer(300, 3, 1), far = timer(300, 3, 3);
    kal_timers_committed(&timers, &far, far.due_ms);
    assert_int_equal(kal_timers_next(&timers), INT64_MAX);
    kal_timers_committed(&timers, &near, near.due_ms);
    assert_int_equal(kal_timers_next(&timers), 300);
    kal_timers_begin_load(&timers, &again, &from);
    assert_int_equal(from.due_ms, 300);
    assert_true(kal_uuid_eq(from.instance, last.instance));
    assert_int_equal(from.seq, 2);
    kal_timers_end_load(&timers, NULL);
    kal_timers_committed(&timers, &far, far.due_ms);
    assert_popped(&timers, 300, near);
    assert_popped(&timers, 300, far);
    kal_timers_deinit(&timers);
}

static void rows_and_timers_put_off_are_kept_whatever_the_horizon(void **state)
{
    (void)state;
    kal_timers timers;
    kal_timer t = timer(INT64_C(1) << 50, 1, 1);
    kal_timers_init(&timers);
    kal_timers_put(&timers, &t);
    assert_int_equal(kal_timers_next(&timers), t.due_ms);
    assert_none(&timers, t.due_ms - 1);
    assert_popped(&timers, t.due_ms, t);
    kal_timers_deinit(&timers);
}

/* Two replays of one night must give the same order. */
static void equal_due_times_come_up_by_instance_and_number(void **state)
{
    (void)state;
    kal_timers timers;
    kal_timers_init(&timers);
    enum { N = 500 };
    for (uint32_t i = 0; i < N; i++) {
        uint32_t k = (i * 263 + 17) % N; /* a permutation */
        kal_timer t = timer(k / 100, (uint8_t)(k / 10 % 10), k % 10);
        kal_timers_put(&timers, &t);
    }
    for (uint32_t k = 0; k < N; k++)
        assert_popped(&timers, 4, timer(k / 100, (uint8_t)(k / 10 % 10), k % 10));
    assert_none(&timers, INT64_MAX);
    kal_timers_deinit(&timers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_kept_before_the_first_load),
        cmocka_unit_test(the_horizon_decides_who_keeps_a_commit),
        cmocka_unit_test(a_shifted_timer_is_kept_by_its_stored_due_time),
        cmocka_unit_test(a_commit_during_a_load_is_kept),
        cmocka_unit_test(a_short_answer_moves_the_horizon_back),
        cmocka_unit_test(rows_and_timers_put_off_are_kept_whatever_the_horizon),
        cmocka_unit_test(equal_due_times_come_up_by_instance_and_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
