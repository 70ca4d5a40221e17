/* What is lost when this fails: anybody who knows a flow's id puts customers into it. */
#include "api/signature.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The vector that the specification's own libraries check. */
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define RIGHT "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define SECONDS INT64_C(1614265330)

static kal_signed vector(void)
{
    return (kal_signed){
        .id = kal_str_of("msg_p5jXN8AQM9LWM0D4loKWxJek"),
        .timestamp = kal_str_of("1614265330"),
        .signatures = kal_str_of(RIGHT),
        .body = kal_str_of("{\"test\": 2432232314}"),
    };
}

static bool ok(const kal_signed *what)
{
    return kal_signature_ok(kal_str_of(SECRET), what, SECONDS * 1000);
}

static void test_the_public_vector_is_right(void **state)
{
    (void)state;
    kal_signed what = vector();
    assert_true(ok(&what));
    assert_false(kal_signature_ok(kal_str_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx"), &what,
                                  SECONDS * 1000));
}

static void test_any_of_several_signatures_will_do(void **state)
{
    (void)state;
    kal_signed what = vector();
    what.signatures = kal_str_of("v1,AAAA v1a,x " RIGHT " v2,y");
    assert_true(ok(&what));
    const char *const wrong[] = {"",
                                 " ",
                                 "v1,",
                                 RIGHT "x",
                                 "v1," RIGHT,
                                 "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
                                 "v1,h0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        what.signatures = kal_str_of(wrong[i]);
        assert_false(ok(&what));
    }
}

static void test_every_part_is_signed(void **state)
{
    (void)state;
    for (int part = 0; part < 4; part++) {
        kal_signed what = vector();
        kal_str *parts[] = {&what.id, &what.timestamp, &what.body, &what.signatures};
        *parts[part] = part == 1 ? kal_str_of("1614265331") : kal_str_of("other");
        assert_false(ok(&what));
        *parts[part] = (kal_str){part == 2 ? "" : NULL, 0};
        assert_false(ok(&what));
    }
}

static void test_the_window_is_five_minutes_each_way(void **state)
{
    (void)state;
    kal_signed what = vector();
    for (int64_t off = -1; off <= 1; off += 2) {
        int64_t edge = (SECONDS + off * KAL_SIGNATURE_SECONDS) * 1000;
        assert_true(kal_signature_ok(kal_str_of(SECRET), &what, edge));
        assert_false(kal_signature_ok(kal_str_of(SECRET), &what, edge + off * 1000));
    }
    const char *const times[] = {"-1", "x", "16142653300000000000", "1e9", " 1614265330"};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        what.timestamp = kal_str_of(times[i]);
        assert_false(ok(&what));
    }
}

static void test_a_secret_of_another_form_is_the_key(void **state)
{
    (void)state;
    const char *const secrets[] = {"plain", "whsec_x", "whsec_", "w"};
    kal_signed what = vector();
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
        assert_false(kal_signature_ok(kal_str_of(secrets[i]), &what, SECONDS * 1000));
    what.signatures = kal_str_of("v1,tgOMx2V+ymftc5zrV4Kwy5UOWZAx1XMh0yu4Sm/6/r0=");
    assert_true(kal_signature_ok(kal_str_of("plain"), &what, SECONDS * 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_public_vector_is_right),
        cmocka_unit_test(test_any_of_several_signatures_will_do),
        cmocka_unit_test(test_every_part_is_signed),
        cmocka_unit_test(test_the_window_is_five_minutes_each_way),
        cmocka_unit_test(test_a_secret_of_another_form_is_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
