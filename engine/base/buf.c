#include "base/buf.h"

#include "base/alloc.h"

#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST 64

void kal_buf_deinit(kal_buf *buf)
{
    kal_free(buf->data);
    *buf = (kal_buf){0};
}

void kal_buf_clear(kal_buf *buf)
{
    buf->len = 0;
    if (buf->data)
        buf->data[0] = 0;
}

static void grow(kal_buf *buf, size_t more)
{
    size_t need, cap = buf->cap > SIZE_MAX / 2 ? SIZE_MAX : buf->cap * 2;
    if (__builtin_add_overflow(buf->len, more, &need) || __builtin_add_overflow(need, 1, &need))
        abort();
    cap = cap < LEAST ? LEAST : cap;
    buf->cap = cap < need ? need : cap;
    buf->data = kal_realloc(buf->data, buf->cap);
    buf->data[buf->len] = 0;
}

char *kal_buf_reserve(kal_buf *buf, size_t more)
{
    if (buf->cap - buf->len <= more)
        grow(buf, more);
    return buf->data + buf->len;
}

void kal_buf_add(kal_buf *buf, const void *data, size_t len)
{
    char *end = kal_buf_reserve(buf, len);
    if (len)
        memcpy(end, data, len);
    end[len] = 0;
    buf->len += len;
}

void kal_buf_puts(kal_buf *buf, const char *text)
{
    kal_buf_add(buf, text, strlen(text));
}

void kal_buf_putc(kal_buf *buf, char c)
{
    kal_buf_add(buf, &c, 1);
}

void kal_buf_printf(kal_buf *buf, const char *format, ...)
{
    for (;;) {
        size_t room = buf->cap - buf->len;
        va_list args;
        va_start(args, format);
        int n = vsnprintf(buf->data ? buf->data + buf->len : NULL, room, format, args);
        va_end(args);
        if (n < 0)
            abort();
        if ((size_t)n < room) {
            buf->len += (size_t)n;
            return;
        }
        kal_buf_reserve(buf, (size_t)n);
    }
}

void kal_buf_u16(kal_buf *buf, uint16_t value)
{
    value = htobe16(value);
    kal_buf_add(buf, &value, sizeof value);
}

void kal_buf_u32(kal_buf *buf, uint32_t value)
{
    value = htobe32(value);
    kal_buf_add(buf, &value, sizeof value);
}

void kal_buf_u64(kal_buf *buf, uint64_t value)
{
    value = htobe64(value);
    kal_buf_add(buf, &value, sizeof value);
}

void kal_buf_set_u32(kal_buf *buf, size_t at, uint32_t value)
{
    value = htobe32(value);
    memcpy(buf->data + at, &value, sizeof value);
}
