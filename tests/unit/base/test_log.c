/* What a customer would lose: privacy. What an operator would lose: lines that can be read. */
#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>

static void assert_masked(const char *text, const char *expected)
{
    kal_buf out = {0};
    kal_log_mask(text, &out);
    assert_string_equal(out.data, expected);
    kal_buf_deinit(&out);
}

static void test_persons_and_keys_are_masked(void **state)
{
    (void)state;
    assert_masked("anna.b+x@mail.example.com", "a***@***.com");
    assert_masked("to <anna@example.com>, bob@localhost.", "to <a***@***.com>, b***@localhost.");
    assert_masked("\xc3\xa9va@\xc3\xbc.de", "\xc3\xa9***@***.de");
    assert_masked("+49 171 1234567", "***67");
    assert_masked("tel:+491711234567;", "tel:***67;");
    assert_masked("(0171) 123-4567", "(***67");
    assert_masked("call 555-123-4567 or 555.123.4567", "call ***67 or ***67");
    assert_masked("01711234567", "***67");
    assert_masked("card 4111111111111111 of 5500-0000-0000-0004", "card *** of ***");
    assert_masked("4111 1111 1111 1111 12/30", "*** 12/30");
    assert_masked("key kal_0Ab1 and whsec_MfKQ9r8=.", "key *** and ***");
    assert_masked("Authorization: Bearer abc.def", "Authorization: ***");
    assert_masked("GET /socket?api_key=hunter2&x=1", "GET /socket?***&x=1");
}

static void test_what_helps_to_find_a_fault_stays(void **state)
{
    static const char *const kept[] = {
        "",
        "0190a6d2-0000-7fff-bfff-012345678901",
        "12345678-1234-4234-8234-123456789012",
        "2026-11-21T07:45:00.000Z",
        "2026-11-21 07:45:00+01:00",
        "1732147200123",
        "1732147200",
        "1732147200123456789",
        "1234567 rows, 250 ms",
        "192.168.100.200:4500",
        "127.0.0.1",
        "sha256=30b5abd0123456789abcdef",
        "flow version 12 of @team",
        "a@",
        "kal_",
        "+",
    };
    (void)state;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        assert_masked(kept[i], kept[i]);
}

static void test_masking_appends(void **state)
{
    kal_buf out = {0};
    (void)state;
    kal_buf_puts(&out, "anna");
    kal_log_mask("@example.com", &out);
    assert_string_equal(out.data, "anna@example.com");
    kal_buf_deinit(&out);
}

/* The next line of the log, without its end; the caller decrefs. */
static json_t *line_of(int fd)
{
    char text[4096], error[160];
    ssize_t n = read(fd, text, sizeof text);
    assert_true(n > 0 && text[n - 1] == '\n' && memchr(text, '\n', (size_t)n) == text + n - 1);
    return kal_json_parse((kal_str){text, (size_t)n}, error);
}

static void assert_member(const json_t *line, const char *key, const char *value)
{
    if (!kal_str_is(kal_json_get_str(line, key), value))
        fail_msg("%s: %s", key, json_string_value(json_object_get(line, key)));
}

static void test_a_line_is_one_json_object(void **state)
{
    int fds[2];
    (void)state;
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    kal_log_set_fd(fds[1]);
    kal_log(KAL_LOG_DEBUG, "hidden", NULL);
    kal_log(KAL_LOG_WARN, "send_failed", "to", "anna@example.com", "left_out", NULL, "error",
            "line 1\n\"\xff\"", NULL);
    json_t *line = line_of(fds[0]);
    assert_non_null(line);
    assert_int_equal(json_object_size(line), 5);
    assert_int_equal(kal_json_get_str(line, "time").n, 24);
    assert_member(line, "level", "warn");
    assert_member(line, "event", "send_failed");
    assert_member(line, "to", "a***@***.com");
    assert_member(line, "error", "line 1\n\"?\"");
    json_decref(line);
    kal_log_set_level(KAL_LOG_ERROR);
    kal_log(KAL_LOG_WARN, "hidden", NULL);
    char c;
    assert_int_equal(read(fds[0], &c, 1), -1);
    kal_log_set_fd(STDERR_FILENO);
    kal_log_set_level(KAL_LOG_INFO);
    close(fds[0]);
    close(fds[1]);
}

static void test_levels_by_name(void **state)
{
    kal_log_level level;
    (void)state;
    assert_true(kal_log_parse_level("debug", &level) && level == KAL_LOG_DEBUG);
    assert_true(kal_log_parse_level("error", &level) && level == KAL_LOG_ERROR);
    assert_false(kal_log_parse_level("INFO", &level));
    assert_false(kal_log_parse_level("", &level));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_persons_and_keys_are_masked),
        cmocka_unit_test(test_what_helps_to_find_a_fault_stays),
        cmocka_unit_test(test_masking_appends),
        cmocka_unit_test(test_a_line_is_one_json_object),
        cmocka_unit_test(test_levels_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
