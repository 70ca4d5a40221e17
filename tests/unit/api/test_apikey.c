/* What a tenant would lose: keys that nobody guesses and the server knows again. */
#include "api/apikey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_base62_of_known_numbers(void **state)
{
    uint8_t bytes[32] = {0};
    char digits[43];

    (void)state;
    kal_key_base62(bytes, digits);
    for (size_t i = 0; i < sizeof(digits); i++)
        assert_int_equal(digits[i], '0');
    bytes[31] = 61;
    kal_key_base62(bytes, digits);
    assert_int_equal(digits[42], 'z');
    bytes[31] = 62;
    kal_key_base62(bytes, digits);
    assert_memory_equal(digits + 41, "10", 2);
    memset(bytes, 255, sizeof(bytes));
    kal_key_base62(bytes, digits);
    assert_memory_equal(digits, "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1", 43);
}

static void test_new_keys_differ_and_are_formed(void **state)
{
    char a[KAL_KEY_TEXT + 1], b[KAL_KEY_TEXT + 1];
    uint8_t hash_a[KAL_KEY_HASH], hash_b[KAL_KEY_HASH];

    (void)state;
    kal_key_new(a);
    kal_key_new(b);
    assert_string_not_equal(a, b);
    assert_true(kal_key_formed(kal_str_of(a)));
    kal_key_hash(kal_str_of(a), hash_a);
    kal_key_hash(kal_str_of(b), hash_b);
    assert_memory_not_equal(hash_a, hash_b, sizeof(hash_a));
}

static void test_other_texts_are_no_keys(void **state)
{
    char key[KAL_KEY_TEXT + 1];

    (void)state;
    kal_key_new(key);
    assert_false(kal_key_formed(kal_str_of("")));
    assert_false(kal_key_formed(kal_str_of("kal_")));
    assert_false(kal_key_formed((kal_str){key, KAL_KEY_TEXT - 1}));
    key[10] = '-';
    assert_false(kal_key_formed(kal_str_of(key)));
    key[10] = 'a';
    key[0] = 'K';
    assert_false(kal_key_formed(kal_str_of(key)));
}

static void test_roles(void **state)
{
    (void)state;
    assert_int_equal(kal_role_parse(kal_str_of("viewer")), KAL_ROLE_VIEWER);
    assert_int_equal(kal_role_parse(kal_str_of("editor")), KAL_ROLE_EDITOR);
    assert_int_equal(kal_role_parse(kal_str_of("admin")), KAL_ROLE_ADMIN);
    assert_int_equal(kal_role_parse(kal_str_of("root")), KAL_ROLE_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base62_of_known_numbers),
        cmocka_unit_test(test_new_keys_differ_and_are_formed),
        cmocka_unit_test(test_other_texts_are_no_keys),
        cmocka_unit_test(test_roles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
