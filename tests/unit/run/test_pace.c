/* A storm of timers must not make callers wait, nor may callers keep it from ever ending. */
#include "run_test.h"

#include "run/pace.h"

#define MS UINT64_C(1000000)
#define NOW (1000 * MS) /* an instant */
#define ALL 200         /* a turn at full speed */
#define FEW 2           /* what a pace begins with */
#define CROWD 8         /* callers' works that make a turn large */

static const kal_uuid ann = {.b = {[15] = 1}}, bob = {.b = {[15] = 2}};

typedef struct rig {
    kal_pace_gate gate;
    kal_pace pace, other;
} rig;

static void rig_init(rig *r)
{
    memset(r, 0, sizeof *r);
    kal_pace_init(&r->pace, &r->gate);
    kal_pace_init(&r->other, &r->gate);
}

/* A caller is about, and a turn of patient work alone takes what it may and so long. */
static size_t turn(rig *r, uint64_t now_ns, uint64_t long_ns)
{
    kal_pace_called(&r->gate, &ann, now_ns);
    size_t share = kal_pace_begin(&r->pace, 0, NULL, now_ns);
    kal_pace_took(&r->pace, share);
    kal_pace_end(&r->pace, now_ns + long_ns);
    return share;
}

static void with_nobody_waiting_it_runs_at_full_speed(void **state)
{
    (void)state;
    rig r;
    rig_init(&r);
    assert_int_equal(kal_pace_begin(&r.pace, 0, NULL, NOW), ALL);
    kal_pace_took(&r.pace, ALL);
    kal_pace_end(&r.pace, NOW + 100 * MS);
    assert_int_equal(kal_pace_begin(&r.pace, 0, NULL, NOW + 100 * MS), ALL); /* without a rest */
    kal_pace_called(&r.gate, &ann, NOW);
    assert_int_equal(kal_pace_begin(&r.pace, 0, NULL, NOW + 250 * MS), ALL); /* that one is gone */
    assert_int_equal(kal_pace_begin(&r.other, 0, NULL, NOW + 250 * MS - 1), FEW);
    rig_init(&r);
    kal_pace_called(&r.gate, &ann, NOW);
    assert_int_equal(kal_pace_begin(&r.pace, 0, NULL, NOW - 1), FEW); /* told by another thread */
}

static void one_shard_at_a_time_and_then_a_rest(void **state)
{
    (void)state;
    rig r;
    rig_init(&r);
    kal_pace_called(&r.gate, &ann, NOW);
    assert_int_equal(kal_pace_begin(&r.pace, 0, NULL, NOW), FEW);
    assert_int_equal(kal_pace_begin(&r.other, 0, NULL, NOW), 0);
    assert_int_equal(kal_pace_wait_ms(&r.other, NOW), 1);
    kal_pace_took(&r.pace, FEW);
    kal_pace_end(&r.pace, NOW + 3 * MS);
    assert_int_equal(kal_pace_begin(&r.pace, 0, NULL, NOW + 3 * MS), 0); /* itself neither */
    kal_pace_end(&r.pace, NOW + 4 * MS);
    assert_int_equal(kal_pace_wait_ms(&r.other, NOW + 3 * MS), 6);
    assert_int_equal(kal_pace_wait_ms(&r.other, NOW + 9 * MS - 1), 1);
    assert_int_equal(kal_pace_begin(&r.other, 0, NULL, NOW + 9 * MS - 1), 0);
    assert_int_equal(kal_pace_begin(&r.other, 0, NULL, NOW + 9 * MS), FEW);
}

/* A database that answers and refuses is not asked as fast as it does so. */
/* A process that was stopped in a turn, or waited for a database that was, rests no longer. */
static void a_turn_that_stood_still_keeps_nobody_waiting(void **state)
{
    (void)state;
    rig r;
    rig_init(&r);
    uint64_t woken_ns = NOW + 12000 * MS;
    assert_int_equal(turn(&r, NOW, 12000 * MS), FEW);
    kal_pace_called(&r.gate, &ann, woken_ns);
    assert_int_equal(kal_pace_begin(&r.other, 0, NULL, woken_ns), 0);
    assert_int_equal(kal_pace_wait_ms(&r.other, woken_ns), 250);
    assert_int_equal(kal_pace_begin(&r.other, 0, NULL, woken_ns + 250 * MS), ALL);
}

static void after_a_failure_it_rests(void **state)
{
    (void)state;
    rig r;
    rig_init(&r);
    assert_int_equal(kal_pace_begin(&r.pace, 0, NULL, NOW), ALL);
    kal_pace_failed(&r.pace, NOW);
    kal_pace_end(&r.pace, NOW);
    assert_int_equal(kal_pace_begin(&r.pace, 3, NULL, NOW + 499 * MS), 0);
    assert_int_equal(kal_pace_wait_ms(&r.pace, NOW + 100 * MS), 400);
    assert_int_equal(kal_pace_begin(&r.other, 0, NULL, NOW + MS), ALL); /* its own rest */
    assert_int_equal(kal_pace_begin(&r.pace, 0, NULL, NOW + 500 * MS), ALL);
}

/* What the turn had no patient work for costs nobody a rest. */
static void a_turn_that_took_nothing_leaves_the_gate_open(void **state)
{
    (void)state;
    rig r;
    rig_init(&r);
    kal_pace_called(&r.gate, &ann, NOW);
    assert_int_equal(kal_pace_begin(&r.pace, 0, NULL, NOW), FEW);
    kal_pace_end(&r.pace, NOW + 50 * MS);
    assert_int_equal(r.pace.share, FEW);
    assert_int_equal(kal_pace_wait_ms(&r.other, NOW + 50 * MS), 1);
    assert_int_equal(kal_pace_begin(&r.other, 0, NULL, NOW + 50 * MS), FEW);
}

static void its_share_grows_and_halves_within_bounds(void **state)
{
    (void)state;
    rig r;
    size_t before = 1, share = 0;
    rig_init(&r);
    uint64_t now_ns = NOW;
    for (int i = 0; i < 40; i++, now_ns += 4 * MS, before = share) {
        share = turn(&r, now_ns, MS); /* just in time */
        assert_true(share > before || share == ALL);
        assert_in_range(share, FEW, ALL);
        kal_pace_idle(&r.pace);
    }
    assert_int_equal(share, ALL);
    for (int i = 0; i < 10; i++, now_ns += 4 * MS, before = share) {
        share = turn(&r, now_ns, MS + 1);
        assert_int_equal(share, i == 0 ? ALL : before / 2 < FEW ? FEW : before / 2);
        kal_pace_idle(&r.pace);
    }
    assert_int_equal(share, FEW);
}

static void a_share_that_was_not_used_up_does_not_grow(void **state)
{
    (void)state;
    rig r;
    rig_init(&r);
    kal_pace_called(&r.gate, &ann, NOW);
    (void)kal_pace_begin(&r.pace, 0, NULL, NOW);
    kal_pace_took(&r.pace, FEW - 1);
    kal_pace_end(&r.pace, NOW + 1);
    assert_int_equal(r.pace.share, FEW);
    (void)turn(&r, NOW + MS, 1);
    assert_true(r.pace.share > FEW);
}

/* A turn that is slow anyway takes as many patient works as callers', whoever is in the gate. */
static void large_turns_take_as_many_as_they_have_callers(void **state)
{
    (void)state;
    rig r;
    rig_init(&r);
    kal_pace_called(&r.gate, &ann, NOW);
    assert_int_equal(kal_pace_begin(&r.pace, CROWD - 1, NULL, NOW), FEW); /* not large */
    assert_int_equal(kal_pace_begin(&r.other, CROWD - 1, NULL, NOW), 0);
    assert_int_equal(kal_pace_begin(&r.other, CROWD, NULL, NOW), CROWD);
    assert_int_equal(kal_pace_begin(&r.other, 150, NULL, NOW), 150);
    assert_int_equal(kal_pace_begin(&r.other, 10000, NULL, NOW), ALL);
    kal_pace_end(&r.pace, NOW);
    r.other.share = 50;
    assert_int_equal(kal_pace_begin(&r.other, CROWD, NULL, NOW), 50); /* its share is more */
}

static void after_half_a_minute_it_is_patient_no_longer(void **state)
{
    (void)state;
    rig r;
    rig_init(&r);
    uint64_t later_ns = NOW + 30000 * MS;
    (void)turn(&r, NOW, 0);
    kal_pace_called(&r.gate, &ann, later_ns);
    r.pace.share = FEW;
    assert_int_equal(kal_pace_begin(&r.pace, 0, NULL, later_ns), FEW);
    kal_pace_end(&r.pace, later_ns);
    assert_int_equal(kal_pace_begin(&r.pace, 0, NULL, later_ns + 1), ALL);
    assert_int_equal(kal_pace_begin(&r.other, 0, NULL, later_ns + 1),
                     FEW); /* its own half minute */
    kal_pace_end(&r.other, later_ns + 1);
    kal_pace_idle(&r.pace);
    assert_int_equal(kal_pace_begin(&r.pace, 0, NULL, later_ns + 2), FEW);
}

/* A turn of callers alone ends like any other. */
static void an_end_without_a_begin_is_harmless(void **state)
{
    (void)state;
    rig r;
    rig_init(&r);
    kal_pace_end(&r.other, NOW);
    kal_pace_called(&r.gate, &ann, NOW);
    assert_int_equal(kal_pace_begin(&r.pace, 0, NULL, NOW), FEW);
    kal_pace_took(&r.other, 5);
    kal_pace_end(&r.other, NOW + MS); /* the gate is not its own to open */
    assert_int_equal(r.other.share, FEW);
    assert_int_equal(kal_pace_begin(&r.other, 0, NULL, NOW + MS), 0);
    kal_pace_took(&r.pace, FEW);
    kal_pace_end(&r.pace, NOW + MS);
    kal_pace_end(&r.pace, NOW + 100 * MS); /* nor a second rest to begin */
    assert_int_equal(kal_pace_begin(&r.other, 0, NULL, NOW + 3 * MS), FEW);
}

static void a_tenants_own_callers_do_not_slow_its_work(void **state)
{
    (void)state;
    rig r;
    rig_init(&r);
    kal_pace_called(&r.gate, &ann, NOW);
    kal_pace_called(&r.gate, &ann, NOW + MS);
    assert_int_equal(kal_pace_begin(&r.pace, 0, &ann, NOW + MS), ALL);
    assert_int_equal(kal_pace_begin(&r.pace, 0, &bob, NOW + MS), FEW);
    kal_pace_end(&r.pace, NOW + MS);
    assert_int_equal(kal_pace_begin(&r.pace, 0, NULL, NOW + MS), FEW); /* of several */
    kal_pace_end(&r.pace, NOW + MS);
    kal_pace_called(&r.gate, &bob, NOW + 2 * MS);
    kal_pace_called(&r.gate, &ann, NOW + 3 * MS);
    assert_int_equal(kal_pace_begin(&r.pace, 0, &ann, NOW + 4 * MS), FEW); /* bob is about */
    kal_pace_end(&r.pace, NOW + 4 * MS);
    kal_pace_called(&r.gate, &ann, NOW + 200 * MS);
    assert_int_equal(kal_pace_begin(&r.pace, 0, &ann, NOW + 253 * MS), ALL); /* no more */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_nobody_waiting_it_runs_at_full_speed),
        cmocka_unit_test(one_shard_at_a_time_and_then_a_rest),
        cmocka_unit_test(a_turn_that_stood_still_keeps_nobody_waiting),
        cmocka_unit_test(after_a_failure_it_rests),
        cmocka_unit_test(a_turn_that_took_nothing_leaves_the_gate_open),
        cmocka_unit_test(its_share_grows_and_halves_within_bounds),
        cmocka_unit_test(a_share_that_was_not_used_up_does_not_grow),
        cmocka_unit_test(large_turns_take_as_many_as_they_have_callers),
        cmocka_unit_test(after_half_a_minute_it_is_patient_no_longer),
        cmocka_unit_test(an_end_without_a_begin_is_harmless),
        cmocka_unit_test(a_tenants_own_callers_do_not_slow_its_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
