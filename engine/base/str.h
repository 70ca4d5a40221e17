/* Text slices (pointer and length, not NUL-terminated, never owned) and small parsers.
 * Thread: any. Blocks: never. */
#ifndef KAL_BASE_STR_H
#define KAL_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kal_str {
    const char *p;
    size_t n;
} kal_str;

/* A slice of a C string (NULL gives the empty slice with p == NULL). */
kal_str kal_str_of(const char *text);
bool kal_str_eq(kal_str a, kal_str b);
/* The slice equals this C string. */
bool kal_str_is(kal_str a, const char *text);
/* A decimal integer that fills the whole slice; false when it is none or out of range. */
bool kal_str_int(kal_str text, int64_t *out);
/* Valid UTF-8 without NUL (RFC 3629: no surrogates, no overlong forms). */
bool kal_str_utf8(kal_str text);
/* XXH3 of the slice. */
uint64_t kal_str_hash(kal_str text);
/* Lower-case hex of len bytes into out, which has room for 2 * len + 1. */
void kal_str_hex(const void *data, size_t len, char *out);

#endif
