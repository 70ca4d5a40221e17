/* What a request would lose: memory that is aligned, its own, and free of what was there before. */
#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void assert_zeroed(const char *piece, size_t size)
{
    for (size_t i = 0; i < size; i++)
        assert_int_equal(piece[i], 0);
}

static void test_pieces_are_aligned_and_zeroed(void **state)
{
    kal_arena *arena = kal_arena_new();
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (size_t size = 0; size < 3000; size += 7) {
            char *piece = kal_arena_alloc(arena, size);
            assert_int_equal((uintptr_t)piece % 16, 0);
            assert_zeroed(piece, size);
            memset(piece, 0xff, size);
        }
        kal_arena_reset(arena);
    }
    kal_arena_free(arena);
}

static void test_pieces_do_not_overlap(void **state)
{
    enum { PIECES = 400 };
    static const size_t sizes[] = {1, 16, 17, 100, 5000, 20000, 300000};
    kal_arena *arena = kal_arena_new();
    unsigned char *pieces[PIECES];
    (void)state;
    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = kal_arena_alloc(arena, sizes[i % 7]);
        memset(pieces[i], (int)(i & 0xff), sizes[i % 7]);
    }
    for (size_t i = 0; i < PIECES; i++)
        for (size_t k = 0; k < sizes[i % 7]; k++)
            if (pieces[i][k] != (i & 0xff))
                fail();
    kal_arena_free(arena);
}

static void test_reset_reuses_the_first_block(void **state)
{
    kal_arena *arena = kal_arena_new();
    void *first = kal_arena_alloc(arena, 100);
    (void)state;
    for (int i = 0; i < 100; i++)
        kal_arena_alloc(arena, 10000);
    kal_arena_reset(arena);
    assert_int_equal(kal_arena_used(arena), 0);
    assert_ptr_equal(kal_arena_alloc(arena, 100), first);
    assert_in_range(kal_arena_used(arena), 100, 112);
    kal_arena_free(arena);
}

static void test_a_big_first_piece_is_no_hindrance(void **state)
{
    kal_arena *arena = kal_arena_new();
    char *big = kal_arena_alloc(arena, 1 << 20);
    (void)state;
    memset(big, 1, 1 << 20);
    assert_string_equal(kal_arena_strndup(arena, "kalcifer", 3), "kal");
    kal_arena_reset(arena);
    assert_string_equal(kal_arena_strndup(arena, NULL, 0), "");
    kal_arena_free(arena);
}

static void test_nothing_is_a_valid_size(void **state)
{
    void *a = kal_alloc(0), *b = kal_calloc(0, 8), *c = kal_realloc(NULL, 0);
    char *copy = kal_strdup("");
    (void)state;
    assert_true(a && b && c);
    assert_string_equal(copy, "");
    kal_free(a);
    kal_free(b);
    kal_free(c);
    kal_free(copy);
    kal_free(NULL);
    kal_arena_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_are_aligned_and_zeroed),
        cmocka_unit_test(test_pieces_do_not_overlap),
        cmocka_unit_test(test_reset_reuses_the_first_block),
        cmocka_unit_test(test_a_big_first_piece_is_no_hindrance),
        cmocka_unit_test(test_nothing_is_a_valid_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
