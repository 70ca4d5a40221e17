/* A growing byte buffer.
 * Invariant: data[len] is NUL whenever data is not NULL; a zeroed kal_buf is empty and valid.
 * Thread: one at a time. Blocks: never. */
#ifndef KAL_BASE_BUF_H
#define KAL_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

typedef struct kal_buf {
    char *data;
    size_t len;
    size_t cap;
} kal_buf;

/* Frees the memory; the buffer is empty and usable again. */
void kal_buf_deinit(kal_buf *buf);
/* Empties the buffer, keeps its memory. */
void kal_buf_clear(kal_buf *buf);
/* Makes room for `more` bytes and answers where they begin; len is unchanged. */
char *kal_buf_reserve(kal_buf *buf, size_t more);
void kal_buf_add(kal_buf *buf, const void *data, size_t len);
void kal_buf_puts(kal_buf *buf, const char *text);
void kal_buf_putc(kal_buf *buf, char c);
void kal_buf_printf(kal_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Big-endian integers, as PostgreSQL's binary formats want them. */
void kal_buf_u16(kal_buf *buf, uint16_t value);
void kal_buf_u32(kal_buf *buf, uint32_t value);
void kal_buf_u64(kal_buf *buf, uint64_t value);
/* Overwrites four bytes at `at` (which must lie below len) with a big-endian value. */
void kal_buf_set_u32(kal_buf *buf, size_t at, uint32_t value);

#endif
