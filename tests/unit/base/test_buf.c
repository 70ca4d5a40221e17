/* What a reader of answers and rows would lose: bytes, in their order. */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void test_text_arrives_whole(void **state)
{
    kal_buf buf = {0};
    (void)state;
    for (int i = 0; i < 1000; i++) {
        kal_buf_printf(&buf, "%04d", i);
        kal_buf_putc(&buf, ',');
        kal_buf_puts(&buf, "x\n");
        assert_int_equal(buf.data[buf.len], 0);
    }
    assert_int_equal(buf.len, 7000);
    assert_memory_equal(buf.data + 6993, "0999,x\n", 8);
    kal_buf_deinit(&buf);
}

static void test_print_longer_than_the_room(void **state)
{
    kal_buf buf = {0};
    (void)state;
    kal_buf_printf(&buf, "%0500d|", 7);
    assert_int_equal(buf.len, 501);
    assert_string_equal(buf.data + 498, "07|");
    kal_buf_clear(&buf);
    kal_buf_printf(&buf, "%s", "");
    assert_string_equal(buf.data, "");
    kal_buf_deinit(&buf);
}

static void test_nothing_added_is_still_text(void **state)
{
    kal_buf buf = {0};
    (void)state;
    kal_buf_add(&buf, NULL, 0);
    assert_string_equal(buf.data, "");
    kal_buf_deinit(&buf);
    assert_null(buf.data);
    kal_buf_clear(&buf);
    kal_buf_deinit(&buf);
}

static void test_reserved_room_is_there(void **state)
{
    kal_buf buf = {0};
    (void)state;
    for (size_t n = 0; n < 300; n++) {
        memset(kal_buf_reserve(&buf, n), 'a', n);
        buf.len += n;
        kal_buf_add(&buf, "", 0);
    }
    assert_int_equal(strlen(buf.data), 299 * 300 / 2);
    kal_buf_deinit(&buf);
}

static void test_integers_are_big_endian(void **state)
{
    kal_buf buf = {0};
    (void)state;
    kal_buf_u16(&buf, 0x0102);
    kal_buf_u32(&buf, 0x03040506);
    kal_buf_u64(&buf, 0x0708090a0b0c0d0e);
    kal_buf_set_u32(&buf, 2, 0xfffefdfc);
    assert_int_equal(buf.len, 14);
    assert_memory_equal(buf.data, "\1\2\xff\xfe\xfd\xfc\7\10\11\12\13\14\15\16", 15);
    kal_buf_deinit(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_arrives_whole),
        cmocka_unit_test(test_print_longer_than_the_room),
        cmocka_unit_test(test_nothing_added_is_still_text),
        cmocka_unit_test(test_reserved_room_is_there),
        cmocka_unit_test(test_integers_are_big_endian),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
