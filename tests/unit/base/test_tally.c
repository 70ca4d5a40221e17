/* Figures by name: an operator who reads them must find all that happened, and no tenant's choice
 * of words may make them endless. */
#include "base/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

static const kal_str none = {0};

static void assert_at(const kal_tally *tally, size_t place, const char *first, const char *second,
                      uint64_t count)
{
    kal_str a, b;
    uint64_t n;
    assert_true(kal_tally_at(tally, place, &a, &b, &n));
    assert_true(kal_str_is(a, first));
    assert_true(second ? kal_str_is(b, second) : !b.p);
    assert_int_equal(n, count);
}

static void assert_end(const kal_tally *tally, size_t place)
{
    kal_str a, b;
    uint64_t n;
    assert_false(kal_tally_at(tally, place, &a, &b, &n));
}

static void test_each_name_has_its_count(void **state)
{
    (void)state;
    kal_tally *tally = kal_tally_new();
    assert_end(tally, 0);
    kal_tally_add(tally, kal_str_of("wait"), none, 2);
    kal_tally_add(tally, kal_str_of("wait_until"), none, 1);
    kal_tally_add(tally, kal_str_of("wait"), none, 3);
    assert_at(tally, 0, "wait", NULL, 5);
    assert_at(tally, 1, "wait_until", NULL, 1);
    assert_end(tally, 2);
    kal_tally_free(tally);
    kal_tally_free(NULL);
}

static void test_a_pair_is_both_of_its_names(void **state)
{
    (void)state;
    kal_tally *tally = kal_tally_new();
    kal_tally_add(tally, kal_str_of("email"), kal_str_of("log"), 1);
    kal_tally_add(tally, kal_str_of("email"), kal_str_of("smtp"), 1);
    kal_tally_add(tally, kal_str_of("emaill"), kal_str_of("og"), 1);
    kal_tally_add(tally, kal_str_of("email"), kal_str_of(""), 1);
    kal_tally_add(tally, kal_str_of("email"), kal_str_of("log"), 6);
    assert_at(tally, 0, "email", "log", 7);
    assert_at(tally, 1, "email", "smtp", 1);
    assert_at(tally, 2, "emaill", "og", 1);
    assert_at(tally, 3, "email", "", 1);
    assert_end(tally, 4);
    kal_tally_free(tally);
}

static void count_many(kal_tally *tally, bool pairs)
{
    char name[16];
    for (int i = 0; i < 2 * KAL_TALLY_NAMES; i++) {
        snprintf(name, sizeof name, "n%d", i);
        kal_tally_add(tally, kal_str_of(name), pairs ? kal_str_of("x") : none, 1);
    }
}

static void test_names_beyond_the_last_place_count_together(void **state)
{
    (void)state;
    for (int pairs = 0; pairs < 2; pairs++) {
        kal_tally *tally = kal_tally_new();
        count_many(tally, pairs);
        count_many(tally, pairs);
        const char *x = pairs ? "x" : NULL, *other = pairs ? "other" : NULL;
        assert_at(tally, 0, "n0", x, 2);
        assert_at(tally, KAL_TALLY_NAMES - 2, "n254", x, 2);
        assert_at(tally, KAL_TALLY_NAMES - 1, "other", other, 2 * (KAL_TALLY_NAMES + 1));
        assert_end(tally, KAL_TALLY_NAMES);
        kal_tally_free(tally);
    }
}

static void test_tallies_of_several_add_up(void **state)
{
    (void)state;
    kal_tally *sum = kal_tally_new(), *a = kal_tally_new(), *b = kal_tally_new();
    kal_tally_add(a, kal_str_of("wait"), none, 1);
    kal_tally_add(b, kal_str_of("exit"), none, 2);
    kal_tally_add(b, kal_str_of("wait"), none, 4);
    kal_tally_add_all(sum, a);
    kal_tally_add_all(sum, b);
    kal_tally_free(a);
    kal_tally_free(b);
    assert_at(sum, 0, "wait", NULL, 5);
    assert_at(sum, 1, "exit", NULL, 2);
    assert_end(sum, 2);
    kal_tally_free(sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_name_has_its_count),
        cmocka_unit_test(test_a_pair_is_both_of_its_names),
        cmocka_unit_test(test_names_beyond_the_last_place_count_together),
        cmocka_unit_test(test_tallies_of_several_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
