/* What a client would lose: a code and a status that it can act on. */
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void test_every_error_is_told_in_full(void **state)
{
    static const kal_err all[] = {
#define X(name, code, status, text) KAL_ERR_##name,
        KAL_ERRORS(X)
#undef X
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_in_range(kal_err_status(all[i]), 400, 599);
        assert_true(strlen(kal_err_text(all[i])) > 0);
        for (const char *c = kal_err_code(all[i]); *c; c++)
            assert_true((*c >= 'a' && *c <= 'z') || *c == '_');
    }
}

static void test_known_ones(void **state)
{
    (void)state;
    assert_int_equal(kal_err_status(KAL_OK), 200);
    assert_string_equal(kal_err_code(KAL_OK), "ok");
    assert_string_equal(kal_err_code(KAL_ERR_NOT_FOUND), "not_found");
    assert_int_equal(kal_err_status(KAL_ERR_RATE_LIMIT_EXCEEDED), 429);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_error_is_told_in_full),
        cmocka_unit_test(test_known_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
