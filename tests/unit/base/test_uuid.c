/* What would break: cursors that page by id, and rows that collide. */
#include "base/uuid.h"

#include "base/alloc.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define NOW INT64_C(1795247100000)

static int64_t ms_of(kal_uuid id)
{
    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id.b[i];
    return ms;
}

static void assert_grow(kal_uuid *last, int64_t now)
{
    kal_uuid id = kal_uuid_new(now);
    assert_true(kal_uuid_cmp(*last, id) < 0);
    assert_int_equal(id.b[6] >> 4, 7);
    assert_int_equal(id.b[8] >> 6, 2);
    *last = id;
}

static void test_ids_grow_whatever_the_clock_does(void **state)
{
    kal_uuid last = kal_uuid_new(0);
    (void)state;
    for (int i = 0; i < 20000; i++)
        assert_grow(&last, NOW);
    for (int i = 0; i < 20000; i++)
        assert_grow(&last, NOW - i);
    for (int i = 0; i < 20000; i++)
        assert_grow(&last, NOW + i);
    assert_in_range(ms_of(last), NOW + 19999, NOW + 20020);
}

static void *make_many(void *ids)
{
    for (size_t i = 0; i < 10000; i++)
        ((kal_uuid *)ids)[i] = kal_uuid_new(NOW);
    return NULL;
}

static int by_bytes(const void *a, const void *b)
{
    return kal_uuid_cmp(*(const kal_uuid *)a, *(const kal_uuid *)b);
}

static void test_threads_never_make_the_same(void **state)
{
    enum { THREADS = 4, IDS = 10000 };
    kal_uuid *ids = kal_calloc(THREADS * IDS, sizeof *ids);
    pthread_t threads[THREADS];
    (void)state;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_many, ids + i * IDS), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    qsort(ids, (size_t)THREADS * IDS, sizeof *ids, by_bytes);
    for (size_t i = 1; i < (size_t)THREADS * IDS; i++)
        assert_false(kal_uuid_eq(ids[i - 1], ids[i]));
    kal_free(ids);
}

static void test_text_reads_back(void **state)
{
    char text[KAL_UUID_TEXT + 1];
    kal_uuid id, back;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        id = kal_uuid_new(NOW);
        kal_uuid_format(id, text);
        assert_int_equal(strlen(text), KAL_UUID_TEXT);
        assert_true(kal_uuid_parse(kal_str_of(text), &back));
        assert_true(kal_uuid_eq(id, back));
        assert_int_equal(kal_uuid_hash(id), kal_uuid_hash(back));
    }
    assert_true(kal_uuid_parse(kal_str_of("0190A6D2-0000-7FFF-bfff-abcdefABCDEF"), &id));
    kal_uuid_format(id, text);
    assert_string_equal(text, "0190a6d2-0000-7fff-bfff-abcdefabcdef");
}

static void test_other_text_is_none(void **state)
{
    static const char *const bad[] = {
        "",
        "0190a6d2-0000-7fff-bfff-abcdefabcde",
        "0190a6d2-0000-7fff-bfff-abcdefabcdeff",
        "0190a6d2-0000-7fff-bfff-abcdefabcdeg",
        "0190a6d20-000-7fff-bfff-abcdefabcdef",
        "{190a6d2-0000-7fff-bfff-abcdefabcde}",
        "0190a6d2_0000_7fff_bfff_abcdefabcdef",
        "0190a6d2-0000-7fff-bfff-abcdefabcd\x10\x10",
    };
    kal_uuid id;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(kal_uuid_parse(kal_str_of(bad[i]), &id));
    assert_true(kal_uuid_is_nil((kal_uuid){{0}}));
    assert_false(kal_uuid_is_nil(kal_uuid_new(0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_grow_whatever_the_clock_does),
        cmocka_unit_test(test_threads_never_make_the_same),
        cmocka_unit_test(test_text_reads_back),
        cmocka_unit_test(test_other_text_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
