/* What a customer would lose: timers that fire in their order, each once. */
#include "base/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

typedef struct timer {
    int64_t due;
    char rest[40];
} timer;

static bool sooner(const void *a, const void *b)
{
    return ((const timer *)a)->due < ((const timer *)b)->due;
}

static int by_due(const void *a, const void *b)
{
    int64_t x = ((const timer *)a)->due, y = ((const timer *)b)->due;
    return (x > y) - (x < y);
}

/* Random pushes and pops against a sorted list. */
static void test_pops_are_what_a_sorted_list_gives(void **state)
{
    enum { MOST = 300 };
    timer model[MOST], got;
    size_t n = 0;
    kal_heap heap;
    (void)state;
    srandom(1);
    kal_heap_init(&heap, sizeof(timer), sooner);
    for (int step = 0; step < 20000; step++) {
        if (n < MOST && random() % 100 < 55) {
            model[n] = (timer){.due = random() % 50, .rest = "x"};
            kal_heap_push(&heap, &model[n++]);
            continue;
        }
        qsort(model, n, sizeof *model, by_due);
        assert_int_equal(kal_heap_pop(&heap, &got), n > 0);
        if (n > 0) {
            assert_int_equal(got.due, model[0].due);
            assert_string_equal(got.rest, "x");
            model[0] = model[--n];
        }
        assert_int_equal(heap.len, n);
    }
    kal_heap_deinit(&heap);
}

static void test_the_top_is_seen_and_dropped(void **state)
{
    kal_heap heap;
    (void)state;
    kal_heap_init(&heap, sizeof(timer), sooner);
    assert_null(kal_heap_top(&heap));
    assert_false(kal_heap_pop(&heap, NULL));
    for (int64_t due = 9; due >= 1; due -= 2)
        kal_heap_push(&heap, &(timer){.due = due});
    assert_int_equal(((const timer *)kal_heap_top(&heap))->due, 1);
    assert_true(kal_heap_pop(&heap, NULL));
    assert_int_equal(((const timer *)kal_heap_top(&heap))->due, 3);
    kal_heap_deinit(&heap);
    kal_heap_push(&heap, &(timer){.due = 4});
    assert_int_equal(heap.len, 1);
    kal_heap_deinit(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pops_are_what_a_sorted_list_gives),
        cmocka_unit_test(test_the_top_is_seen_and_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
