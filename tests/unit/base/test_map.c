/* What would be lost: a wait that nobody finds, or finds after it is gone. */
#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 500, STEPS = 100000 };

/* Keys that collide as real ones do: small, equal in their low bits, and at the ends. */
static uint64_t key_of(size_t i)
{
    if (i == 0)
        return 0;
    return i % 3 == 0 ? i : i % 3 == 1 ? (uint64_t)i << 40 : UINT64_MAX - i;
}

static void assert_same(const kal_u64map *map, const uint64_t *model, const bool *there)
{
    size_t at = 0, seen = 0, count = 0;
    uint64_t key, value;
    for (size_t i = 0; i < KEYS; i++) {
        count += there[i];
        assert_int_equal(kal_u64map_get(map, key_of(i), &value), there[i]);
        if (there[i])
            assert_int_equal(value, model[i]);
    }
    while (kal_u64map_next(map, &at, &key, &value))
        seen++;
    assert_int_equal(map->len, count);
    assert_int_equal(seen, count);
}

static void test_numbers_as_in_a_plain_array(void **state)
{
    uint64_t model[KEYS] = {0};
    bool there[KEYS] = {0};
    kal_u64map map = {0};
    (void)state;
    srandom(2);
    for (int step = 0; step < STEPS; step++) {
        size_t i = (size_t)random() % KEYS;
        /* Waves: mostly puts, then mostly deletions. */
        if (random() % 100 < (step / 5000 % 2 ? 25 : 75)) {
            model[i] = (uint64_t)random();
            there[i] = true;
            kal_u64map_put(&map, key_of(i), model[i]);
        } else {
            assert_int_equal(kal_u64map_del(&map, key_of(i)), there[i]);
            there[i] = false;
        }
        if (step % 1000 == 0)
            assert_same(&map, model, there);
    }
    assert_same(&map, model, there);
    kal_u64map_deinit(&map);
    assert_int_equal(map.len, 0);
}

static void test_texts_as_in_a_plain_array(void **state)
{
    static char values[KEYS];
    void *model[KEYS] = {0}, *value;
    kal_strmap map = {0};
    kal_str key;
    size_t at = 0, count = 0;
    char text[32];
    (void)state;
    srandom(3);
    for (int step = 0; step < STEPS; step++) {
        size_t i = (size_t)random() % KEYS;
        snprintf(text, sizeof text, "customer-%zu", i);
        assert_ptr_equal(kal_strmap_get(&map, kal_str_of(text)), model[i]);
        if (random() % 100 < (step / 5000 % 2 ? 25 : 75)) {
            assert_ptr_equal(kal_strmap_put(&map, kal_str_of(text), &values[i]), model[i]);
            model[i] = &values[i];
        } else {
            assert_ptr_equal(kal_strmap_del(&map, kal_str_of(text)), model[i]);
            model[i] = NULL;
        }
        memset(text, '!', sizeof text); /* keys are copied */
    }
    for (; kal_strmap_next(&map, &at, &key, &value); count++) {
        snprintf(text, sizeof text, "customer-%zu", (size_t)((char *)value - values));
        assert_true(kal_str_is(key, text));
    }
    assert_int_equal(count, map.len);
    kal_strmap_deinit(&map);
}

static void test_an_empty_map_answers(void **state)
{
    kal_u64map numbers = {0};
    kal_strmap texts = {0};
    uint64_t value;
    size_t at = 0;
    (void)state;
    assert_false(kal_u64map_get(&numbers, 0, &value));
    assert_false(kal_u64map_del(&numbers, 0));
    assert_false(kal_u64map_next(&numbers, &at, &value, &value));
    assert_null(kal_strmap_get(&texts, kal_str_of("a")));
    assert_null(kal_strmap_del(&texts, kal_str_of("a")));
    assert_null(kal_strmap_put(&texts, (kal_str){0}, &value));
    assert_ptr_equal(kal_strmap_get(&texts, kal_str_of("")), &value);
    kal_u64map_deinit(&numbers);
    kal_strmap_deinit(&texts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_as_in_a_plain_array),
        cmocka_unit_test(test_texts_as_in_a_plain_array),
        cmocka_unit_test(test_an_empty_map_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
