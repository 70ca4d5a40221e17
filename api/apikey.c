#include "api/apikey.h"

#include <ctype.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define DIGITS 43

void kal_key_base62(const uint8_t bytes[32], char out[DIGITS])
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint8_t number[32];

    memcpy(number, bytes, sizeof(number));
    for (size_t d = DIGITS; d-- > 0;) {
        unsigned rest = 0;
        for (size_t i = 0; i < sizeof(number); i++) {
            unsigned value = rest << 8 | number[i];
            number[i] = (uint8_t)(value / 62);
            rest = value % 62;
        }
        out[d] = digits[rest];
    }
}

void kal_key_new(char out[KAL_KEY_TEXT + 1])
{
    uint8_t bytes[32];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        abort();
    memcpy(out, "kal_", 4);
    kal_key_base62(bytes, out + 4);
    out[KAL_KEY_TEXT] = '\0';
}

bool kal_key_formed(kal_str text)
{
    if (text.n != KAL_KEY_TEXT || memcmp(text.p, "kal_", 4) != 0)
        return false;
    for (size_t i = 4; i < text.n; i++)
        if (!isalnum((unsigned char)text.p[i]))
            return false;
    return true;
}

void kal_key_hash(kal_str key, uint8_t out[KAL_KEY_HASH])
{
    SHA256((const unsigned char *)key.p, key.n, out);
}

kal_role kal_role_parse(kal_str text)
{
    if (kal_str_is(text, "viewer"))
        return KAL_ROLE_VIEWER;
    if (kal_str_is(text, "editor"))
        return KAL_ROLE_EDITOR;
    if (kal_str_is(text, "admin"))
        return KAL_ROLE_ADMIN;
    return KAL_ROLE_NONE;
}
