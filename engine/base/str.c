#include "base/str.h"

#include <string.h>
#include <xxhash.h>

kal_str kal_str_of(const char *text)
{
    return (kal_str){text, text ? strlen(text) : 0};
}

bool kal_str_eq(kal_str a, kal_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool kal_str_is(kal_str a, const char *text)
{
    return kal_str_eq(a, kal_str_of(text));
}

bool kal_str_int(kal_str text, int64_t *out)
{
    bool negative = text.n > 0 && text.p[0] == '-';
    size_t i = negative;
    int64_t value = 0;
    if (i == text.n)
        return false;
    for (; i < text.n; i++) {
        int digit = text.p[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return false;
    }
    *out = value;
    return true;
}

/* Eight bytes that are all ASCII and not NUL: with no high bit set, the subtraction borrows into
 * one only below a NUL. */
static bool plain(const unsigned char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return (((word - 0x0101010101010101u) | word) & 0x8080808080808080u) == 0;
}

/* The length of the sequence that begins with a non-ASCII lead at p, 0 when it is none. The range
 * of the second byte keeps overlong forms, surrogates and what lies beyond U+10FFFF out. */
static size_t sequence(const unsigned char *p, size_t left)
{
    unsigned char lead = p[0], least = 0x80, most = 0xbf;
    size_t n = lead < 0xc2 || lead > 0xf4 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (n == 0 || n > left)
        return 0;
    if (lead == 0xe0)
        least = 0xa0;
    else if (lead == 0xed)
        most = 0x9f;
    else if (lead == 0xf0)
        least = 0x90;
    else if (lead == 0xf4)
        most = 0x8f;
    if (p[1] < least || p[1] > most)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

bool kal_str_utf8(kal_str text)
{
    const unsigned char *p = (const unsigned char *)text.p;
    for (size_t i = 0; i < text.n;) {
        size_t n = 1;
        if (text.n - i >= 8 && plain(p + i))
            n = 8;
        else if (p[i] >= 0x80)
            n = sequence(p + i, text.n - i);
        else if (p[i] == 0)
            n = 0;
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

uint64_t kal_str_hash(kal_str text)
{
    return XXH3_64bits(text.p, text.n);
}

void kal_str_hex(const void *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = data;
    for (size_t i = 0; i < len; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 15];
    }
    *out = 0;
}
