#include "api/signature.h"

#include "base/alloc.h"
#include "base/buf.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define PREFIX "whsec_"
#define KEY_MOST 256
#define DIGEST 32
#define DIGEST_BASE64 44

/* The bytes of the key in key[]; how many. */
static size_t read_key(kal_str secret, unsigned char key[KEY_MOST])
{
    size_t n = sizeof(PREFIX) - 1;
    int decoded = -1;

    if (secret.n > n && memcmp(secret.p, PREFIX, n) == 0 && (secret.n - n) % 4 == 0 &&
        (secret.n - n) / 4 * 3 <= KEY_MOST)
        decoded = EVP_DecodeBlock(key, (const unsigned char *)secret.p + n, (int)(secret.n - n));
    if (decoded > 0) {
        decoded -= secret.p[secret.n - 1] == '=';
        decoded -= secret.p[secret.n - 2] == '=';
        return (size_t)decoded;
    }
    n = secret.n < KEY_MOST ? secret.n : KEY_MOST;
    memcpy(key, secret.p, n);
    return n;
}

static void sign(kal_str secret, const kal_signed *what, char out[DIGEST_BASE64 + 1])
{
    unsigned char key[KEY_MOST], digest[DIGEST];
    kal_buf text = {0};

    kal_buf_add(&text, what->id.p, what->id.n);
    kal_buf_putc(&text, '.');
    kal_buf_add(&text, what->timestamp.p, what->timestamp.n);
    kal_buf_putc(&text, '.');
    kal_buf_add(&text, what->body.p, what->body.n);
    size_t n = read_key(secret, key);
    HMAC(EVP_sha256(), key, (int)n, (const unsigned char *)text.data, text.len, digest, NULL);
    EVP_EncodeBlock((unsigned char *)out, digest, sizeof(digest));
    OPENSSL_cleanse(key, sizeof(key));
    kal_buf_deinit(&text);
}

static bool is_near(kal_str timestamp, int64_t real_ms)
{
    int64_t seconds;

    if (!timestamp.p || !kal_str_int(timestamp, &seconds) || seconds < 0 ||
        seconds > INT64_MAX / 1000)
        return false;
    int64_t off = real_ms / 1000 - seconds;
    return off >= -KAL_SIGNATURE_SECONDS && off <= KAL_SIGNATURE_SECONDS;
}

bool kal_signature_ok(kal_str secret, const kal_signed *what, int64_t real_ms)
{
    const char *at = what->signatures.p, *end = at ? at + what->signatures.n : NULL;
    char right[3 + DIGEST_BASE64 + 1] = "v1,";
    bool ok = false;

    if (!what->id.n || !is_near(what->timestamp, real_ms))
        return false;
    sign(secret, what, right + 3);
    while (at < end) {
        const char *space = memchr(at, ' ', (size_t)(end - at)), *stop = space ? space : end;
        if ((size_t)(stop - at) == sizeof(right) - 1 &&
            CRYPTO_memcmp(at, right, sizeof(right) - 1) == 0)
            ok = true;
        at = stop + 1;
    }
    return ok;
}
