#include "lua/host/reason.h"

#include <string.h>

#define SCANNED 4000 /* bytes of a message that are looked at */

static bool has(kal_str text, const char *part)
{
    return memmem(text.p, text.n, part, strlen(part)) != NULL;
}

static bool ends_path(char c)
{
    return c == '\0' || strchr(" \t\r\n'\"()[]<>:;,", c) != NULL;
}

/* The path that begins at the text: up to a blank, a quote or a colon. */
static kal_str path_at(kal_str text)
{
    size_t n = 0;
    while (n < text.n && !ends_path(text.p[n]))
        n++;
    return (kal_str){text.p, n};
}

/* How many bytes at the text belong to the host alone. */
static size_t host_part(kal_str text, const char *home)
{
    size_t n = strlen(home);
    if (n > 1 && home[0] == '/' && text.n >= n && memcmp(text.p, home, n) == 0) {
        if (text.n == n || ends_path(text.p[n]))
            return n;
        if (text.p[n] == '/')
            return n + 1;
    }
    kal_str path = path_at(text);
    if (!has(path, ".lua") && !has(path, ".so"))
        return 0;
    const char *slash = memrchr(path.p, '/', path.n);
    return (size_t)(slash - path.p) + 1;
}

static void make_valid(kal_buf *text)
{
    bool valid = kal_str_utf8((kal_str){text->data, text->len});
    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = (unsigned char)text->data[i];
        if (c < 0x20 || c == 0x7F)
            text->data[i] = ' ';
        else if (c >= 0x80 && !valid)
            text->data[i] = '?';
    }
}

static void cut(kal_buf *text)
{
    if (text->len <= KAL_REASON_MAX)
        return;
    size_t n = KAL_REASON_MAX;
    while (n > 0 && ((unsigned char)text->data[n] & 0xC0) == 0x80)
        n--;
    text->len = n;
    text->data[n] = '\0';
}

void kal_reason_clean(kal_buf *out, kal_str message, const char *home)
{
    kal_buf_clear(out);
    size_t end = message.n < SCANNED ? message.n : SCANNED;
    while (end > 0 && end < message.n && ((unsigned char)message.p[end] & 0xC0) == 0x80)
        end--;
    bool fresh = true; /* a path may begin here */
    for (size_t i = 0; i < end;) {
        kal_str rest = {message.p + i, end - i};
        size_t skipped = fresh && *rest.p == '/' ? host_part(rest, home) : 0;
        if (skipped == 0) {
            kal_buf_putc(out, *rest.p);
            skipped = 1;
        }
        fresh = ends_path(message.p[i + skipped - 1]);
        i += skipped;
    }
    if (out->len == 0)
        kal_buf_puts(out, "no reason given");
    make_valid(out);
    cut(out);
}
