#include "api/cursor.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void kal_cursor_write(kal_buf *out, kal_str key)
{
    uint32_t bits = 0;
    int have = 0;

    for (size_t i = 0; i < key.n; i++) {
        bits = bits << 8 | (uint8_t)key.p[i];
        for (have += 8; have >= 6; have -= 6)
            kal_buf_putc(out, alphabet[bits >> (have - 6) & 63]);
    }
    if (have > 0)
        kal_buf_putc(out, alphabet[bits << (6 - have) & 63]);
}

bool kal_cursor_read(kal_str text, char key[KAL_CURSOR_MAX], kal_str *out)
{
    uint32_t bits = 0;
    int have = 0;
    size_t n = 0;

    if (text.n == 0 || text.n % 4 == 1 || text.n * 3 / 4 > KAL_CURSOR_MAX)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        const char *at = text.p[i] ? strchr(alphabet, text.p[i]) : NULL;
        if (!at)
            return false;
        bits = bits << 6 | (uint32_t)(at - alphabet);
        have += 6;
        if (have >= 8) {
            have -= 8;
            key[n++] = (char)(bits >> have & 255);
        }
    }
    if (bits & ((1U << have) - 1)) /* padding bits must be zero: one text a key */
        return false;
    *out = (kal_str){key, n};
    return true;
}
