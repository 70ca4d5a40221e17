#include "api/jwt.h"

#include "base/alloc.h"
#include "base/json.h"

#include <cjose/cjose.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#define LEEWAY_MS 30000 /* clocks differ */
#define SECONDS_MOST 253402300799.0
#define RSA_BITS_LEAST 2048
#define RSA_BYTES_MOST 2048

struct kal_jwt_key {
    kal_jwt_alg alg;
    cjose_jwk_t *jwk;
};

bool kal_jwt_formed(kal_str text)
{
    size_t dots = 0;

    if (text.n > KAL_JWT_MAX)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        dots += c == '.';
        if (c > 127 || (!isalnum(c) && !strchr("-_.", c)) || c == '\0')
            return false;
    }
    return dots == 2;
}

/* Only what we verify, and nothing that claims to change how. */
static bool read_header(kal_jwt *jwt)
{
    cjose_header_t *header = cjose_jws_get_protected(jwt->jws);
    const char *alg = header ? cjose_header_get(header, CJOSE_HDR_ALG, NULL) : NULL;

    if (!alg || json_object_get((json_t *)header, "crit"))
        return false;
    jwt->alg = strcmp(alg, "RS256") == 0 ? KAL_JWT_RS256 : KAL_JWT_HS256;
    return jwt->alg == KAL_JWT_RS256 || strcmp(alg, "HS256") == 0;
}

static bool read_time(const json_t *claims, const char *name, int64_t *ms)
{
    const json_t *value = json_object_get(claims, name);
    double seconds = json_number_value(value);

    if (!json_is_number(value) || seconds < 0 || seconds > SECONDS_MOST)
        return false;
    *ms = (int64_t)(seconds * 1000);
    return true;
}

static bool read_claims(kal_jwt *jwt, const json_t *claims)
{
    kal_str subject = kal_json_get_str(claims, "sub");

    jwt->role = kal_role_parse(kal_json_get_str(claims, "role"));
    if (!jwt->role || !subject.p || subject.n == 0 || subject.n > KAL_JWT_SUBJECT_MAX ||
        !kal_uuid_parse(kal_json_get_str(claims, "tenant"), &jwt->tenant) ||
        !read_time(claims, "exp", &jwt->until_ms))
        return false;
    jwt->from_ms = 0;
    if (json_object_get(claims, "nbf") && !read_time(claims, "nbf", &jwt->from_ms))
        return false;
    memcpy(jwt->subject, subject.p, subject.n);
    jwt->from_ms -= LEEWAY_MS;
    jwt->until_ms += LEEWAY_MS;
    return true;
}

kal_jwt *kal_jwt_parse(kal_str text)
{
    kal_jwt *jwt = kal_calloc(1, sizeof(*jwt));
    json_t *claims = NULL;
    uint8_t *payload;
    size_t n;
    char error[160];

    if (kal_jwt_formed(text))
        jwt->jws = cjose_jws_import(text.p, text.n, NULL);
    bool ok = jwt->jws && read_header(jwt) && cjose_jws_get_plaintext(jwt->jws, &payload, &n, NULL);
    if (ok)
        claims = kal_json_parse((kal_str){(const char *)payload, n}, error);
    ok = ok && json_is_object(claims) && read_claims(jwt, claims);
    json_decref(claims);
    if (ok)
        return jwt;
    kal_jwt_free(jwt);
    return NULL;
}

void kal_jwt_free(kal_jwt *jwt)
{
    if (!jwt)
        return;
    if (jwt->jws)
        cjose_jws_release(jwt->jws);
    kal_free(jwt);
}

static kal_jwt_key *new_key(kal_jwt_alg alg, cjose_jwk_t *jwk)
{
    if (!jwk)
        return NULL;
    kal_jwt_key *key = kal_alloc(sizeof(*key));
    *key = (kal_jwt_key){alg, jwk};
    return key;
}

kal_jwt_key *kal_jwt_key_secret(kal_str secret)
{
    if (secret.n < KAL_JWT_SECRET_LEAST)
        return NULL;
    return new_key(KAL_JWT_HS256,
                   cjose_jwk_create_oct_spec((const uint8_t *)secret.p, secret.n, NULL));
}

/* A number of an RSA key, big-endian; its length, 0 when there is none. */
static size_t number_of(const EVP_PKEY *pkey, const char *name, uint8_t *out, size_t size)
{
    BIGNUM *number = NULL;
    size_t n = 0;

    if (EVP_PKEY_get_bn_param(pkey, name, &number) && (size_t)BN_num_bytes(number) <= size)
        n = (size_t)BN_bn2bin(number, out);
    BN_free(number);
    return n;
}

static cjose_jwk_t *public_jwk(const EVP_PKEY *pkey)
{
    uint8_t n[RSA_BYTES_MOST], e[RSA_BYTES_MOST];
    cjose_jwk_rsa_keyspec spec = {
        .n = n,
        .nlen = number_of(pkey, OSSL_PKEY_PARAM_RSA_N, n, sizeof(n)),
        .e = e,
        .elen = number_of(pkey, OSSL_PKEY_PARAM_RSA_E, e, sizeof(e)),
    };

    return spec.nlen && spec.elen ? cjose_jwk_create_RSA_spec(&spec, NULL) : NULL;
}

kal_jwt_key *kal_jwt_key_public(const char *path, kal_buf *error)
{
    FILE *file = fopen(path, "re");

    if (!file) {
        kal_buf_printf(error, "cannot read %s: %s", path, strerror(errno));
        return NULL;
    }
    EVP_PKEY *pkey = PEM_read_PUBKEY(file, NULL, NULL, NULL);
    bool fits = pkey && EVP_PKEY_is_a(pkey, "RSA") && EVP_PKEY_get_bits(pkey) >= RSA_BITS_LEAST;
    kal_jwt_key *key = new_key(KAL_JWT_RS256, fits ? public_jwk(pkey) : NULL);
    EVP_PKEY_free(pkey);
    fclose(file);
    if (!key)
        kal_buf_printf(error, "%s holds no public RSA key of %d bits or more in PEM", path,
                       RSA_BITS_LEAST);
    return key;
}

void kal_jwt_key_free(kal_jwt_key *key)
{
    if (!key)
        return;
    cjose_jwk_release(key->jwk);
    kal_free(key);
}

bool kal_jwt_signed(const kal_jwt *jwt, const kal_jwt_key *key)
{
    return key && key->alg == jwt->alg && cjose_jws_verify(jwt->jws, key->jwk, NULL);
}
