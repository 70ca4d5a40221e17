/* What a caller would lose: the next page. */
#include "api/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_keys_come_back(void **state)
{
    static const char *const keys[] = {"1", "12", "123", "0199c3a2-7d1e-7000-8000-000000000001"};

    (void)state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        kal_buf text = {0};
        char space[KAL_CURSOR_MAX];
        kal_str key;
        kal_cursor_write(&text, kal_str_of(keys[i]));
        assert_null(strpbrk(text.data, "+/="));
        assert_true(kal_cursor_read((kal_str){text.data, text.len}, space, &key));
        assert_true(kal_str_is(key, keys[i]));
        kal_buf_deinit(&text);
    }
}

static void test_other_texts_are_refused(void **state)
{
    char longest[200], space[KAL_CURSOR_MAX];
    static const char *const texts[] = {"", "A", "AB+D", "AB=D", "AB D", "AAAAA", "AB"};
    kal_str key;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(kal_cursor_read(kal_str_of(texts[i]), space, &key));
    memset(longest, 'A', sizeof(longest));
    assert_false(kal_cursor_read((kal_str){longest, sizeof(longest)}, space, &key));
    assert_false(kal_cursor_read((kal_str){"AB\0D", 4}, space, &key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_come_back),
        cmocka_unit_test(test_other_texts_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
