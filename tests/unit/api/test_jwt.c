/* What is lost when this fails: a forged or garbled token acts for a tenant, or ends the server. */
#include "api/jwt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka needs the above first. */
#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define CLAIMS                                                                                     \
    "{\"tenant\":\"0190c0de-0000-7000-8000-000000000001\",\"role\":\"editor\",\"sub\":\"ann\","    \
    "\"exp\":2000000000}"
#define HS256 "{\"alg\":\"HS256\"}"

static void add_b64(kal_buf *out, const void *data, size_t n)
{
    unsigned char text[8192];
    int len = EVP_EncodeBlock(text, data, (int)n);
    while (len > 0 && text[len - 1] == '=')
        len--;
    for (int i = 0; i < len; i++)
        kal_buf_putc(out, text[i] == '+' ? '-' : text[i] == '/' ? '_' : (char)text[i]);
}

static kal_str text_of(const kal_buf *buf)
{
    return (kal_str){buf->data, buf->len};
}

/* header.claims, signed by HMAC whatever the header says. */
static void sign(kal_buf *out, const char *header, const char *claims, const char *secret)
{
    unsigned char mac[32];
    unsigned n = sizeof mac;
    add_b64(out, header, strlen(header));
    kal_buf_putc(out, '.');
    add_b64(out, claims, strlen(claims));
    HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)out->data, out->len, mac,
         &n);
    kal_buf_putc(out, '.');
    add_b64(out, mac, n);
}

static void test_a_right_token_is_read_and_verified(void **state)
{
    (void)state;
    kal_buf token = {0};
    kal_jwt_key *key = kal_jwt_key_secret(kal_str_of(SECRET));
    sign(&token, HS256, CLAIMS, SECRET);
    kal_jwt *jwt = kal_jwt_parse(text_of(&token));
    assert_non_null(jwt);
    assert_int_equal(jwt->alg, KAL_JWT_HS256);
    assert_int_equal(jwt->role, KAL_ROLE_EDITOR);
    assert_string_equal(jwt->subject, "ann");
    assert_true(jwt->until_ms >= 2000000000000 && jwt->until_ms <= 2000000060000);
    assert_true(kal_jwt_signed(jwt, key));
    assert_false(kal_jwt_signed(jwt, NULL));
    kal_jwt_free(jwt);
    kal_jwt_key_free(key);
    kal_buf_deinit(&token);
}

static void test_another_secret_verifies_nothing(void **state)
{
    (void)state;
    kal_buf token = {0};
    kal_jwt_key *key = kal_jwt_key_secret(kal_str_of(SECRET "x"));
    sign(&token, HS256, CLAIMS, SECRET);
    kal_jwt *jwt = kal_jwt_parse(text_of(&token));
    assert_false(kal_jwt_signed(jwt, key));
    assert_null(kal_jwt_key_secret(kal_str_of("too short")));
    assert_null(kal_jwt_key_secret((kal_str){NULL, 0}));
    kal_jwt_free(jwt);
    kal_jwt_key_free(key);
    kal_buf_deinit(&token);
}

/* A key's file, and its public text. */
static void make_rsa(const char *path, kal_buf *text)
{
    EVP_PKEY *pkey = EVP_RSA_gen(2048);
    FILE *file = fopen(path, "w+");
    char line[256];
    assert_true(pkey && file && PEM_write_PUBKEY(file, pkey));
    rewind(file);
    while (fgets(line, sizeof line, file))
        kal_buf_puts(text, line);
    fclose(file);
    EVP_PKEY_free(pkey);
}

/* The classic: the public key, which everybody has, taken for an HMAC secret. */
static void test_a_public_key_is_no_secret(void **state)
{
    (void)state;
    char path[] = "/tmp/kal-jwt-XXXXXX";
    close(mkstemp(path));
    kal_buf pem = {0}, token = {0}, error = {0};
    make_rsa(path, &pem);
    kal_jwt_key *rsa = kal_jwt_key_public(path, &error);
    assert_non_null(rsa);
    static const char *const headers[] = {HS256, "{\"alg\":\"RS256\"}"};
    for (size_t i = 0; i < 2; i++) {
        kal_buf_clear(&token);
        sign(&token, headers[i], CLAIMS, pem.data ? pem.data : "");
        kal_jwt *jwt = kal_jwt_parse(text_of(&token));
        assert_non_null(jwt);
        assert_false(kal_jwt_signed(jwt, rsa));
        kal_jwt_free(jwt);
    }
    kal_jwt_key_free(rsa);
    unlink(path);
    assert_null(kal_jwt_key_public(path, &error));
    assert_non_null(strstr(error.data, path));
    kal_buf_deinit(&pem);
    kal_buf_deinit(&token);
    kal_buf_deinit(&error);
}

static void test_bad_headers_and_claims_are_no_tokens(void **state)
{
    (void)state;
    static const char *const headers[] = {"",
                                          "null",
                                          "[]",
                                          "{}",
                                          "{\"alg\":null}",
                                          "{\"alg\":1}",
                                          "{\"alg\":\"none\"}",
                                          "{\"alg\":\"HS384\"}",
                                          "{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}",
                                          "{\"alg\"",
                                          "\"HS256\""};
    static const char *const claims[] = {
        "",
        "null",
        "[]",
        "{}",
        "7",
        "{\"tenant\":",
        "{\"exp\":1e999}",
        "{\"tenant\":\"0190c0de-0000-7000-8000-000000000001\",\"role\":\"root\",\"sub\":\"a\","
        "\"exp\":2000000000}",
        "{\"tenant\":\"0190c0de-0000-7000-8000-000000000001\",\"role\":\"viewer\",\"sub\":\"\","
        "\"exp\":2000000000}",
        "{\"tenant\":\"0190c0de-0000-7000-8000-000000000001\",\"role\":\"viewer\",\"sub\":\"a\"}",
        "{\"tenant\":7,\"role\":\"viewer\",\"sub\":\"a\",\"exp\":2000000000}",
        "{\"tenant\":\"0190c0de-0000-7000-8000-000000000001\",\"role\":\"viewer\",\"sub\":\"a\","
        "\"exp\":2000000000,\"nbf\":\"x\"}"};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        kal_buf token = {0};
        sign(&token, headers[i], CLAIMS, SECRET);
        assert_null(kal_jwt_parse(text_of(&token)));
        kal_buf_deinit(&token);
    }
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        kal_buf token = {0};
        sign(&token, HS256, claims[i], SECRET);
        assert_null(kal_jwt_parse(text_of(&token)));
        kal_buf_deinit(&token);
    }
}

/* Every byte of a token changed, and every beginning of it: read or not, never verified. */
static void test_no_damaged_token_verifies(void **state)
{
    (void)state;
    kal_buf token = {0};
    kal_jwt_key *key = kal_jwt_key_secret(kal_str_of(SECRET));
    sign(&token, HS256, CLAIMS, SECRET);
    static const char others[] = "A9-_.= \x80";
    for (size_t at = 0; at < token.len; at++) {
        for (size_t o = 0; o < sizeof others - 1; o++) {
            char kept = token.data[at];
            /* The last character has bits that no byte has: some other one says the same. */
            if (others[o] == kept || (at + 1 == token.len && o < 4))
                continue;
            token.data[at] = others[o];
            kal_jwt *jwt = kal_jwt_parse(text_of(&token));
            assert_false(jwt && kal_jwt_signed(jwt, key));
            kal_jwt_free(jwt);
            token.data[at] = kept;
        }
        kal_jwt *jwt = kal_jwt_parse((kal_str){token.data, at});
        assert_false(jwt && kal_jwt_signed(jwt, key));
        kal_jwt_free(jwt);
    }
    kal_jwt_key_free(key);
    kal_buf_deinit(&token);
}

static void test_forms(void **state)
{
    (void)state;
    kal_buf longest = {0};
    for (size_t i = 0; i < KAL_JWT_MAX - 2; i++)
        kal_buf_putc(&longest, 'a');
    kal_buf_puts(&longest, "..");
    assert_true(kal_jwt_formed(text_of(&longest)));
    assert_null(kal_jwt_parse(text_of(&longest)));
    kal_buf_putc(&longest, 'a');
    assert_false(kal_jwt_formed(text_of(&longest)));
    kal_buf_deinit(&longest);
    assert_false(kal_jwt_formed((kal_str){NULL, 0}));
    assert_false(kal_jwt_formed(kal_str_of("a.b")));
    assert_false(kal_jwt_formed(kal_str_of("a.b.c.d")));
    assert_false(kal_jwt_formed((kal_str){"a\0.b.c", 6}));
    assert_false(kal_jwt_formed(kal_str_of("a+.b.c")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_right_token_is_read_and_verified),
        cmocka_unit_test(test_another_secret_verifies_nothing),
        cmocka_unit_test(test_a_public_key_is_no_secret),
        cmocka_unit_test(test_bad_headers_and_claims_are_no_tokens),
        cmocka_unit_test(test_no_damaged_token_verifies),
        cmocka_unit_test(test_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
