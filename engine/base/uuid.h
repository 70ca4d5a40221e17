/* UUIDs: version 7 made here (RFC 9562, section 5.7), any version read.
 * Invariant: ids made by one thread in one process grow.
 * Thread: any. Blocks: never. */
#ifndef KAL_BASE_UUID_H
#define KAL_BASE_UUID_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define KAL_UUID_TEXT 36

typedef struct kal_uuid {
    uint8_t b[16];
} kal_uuid;

/* A new version 7 id of now_ms, milliseconds since 1970; or of a little later, when this thread
 * has made one of then or later already. */
kal_uuid kal_uuid_new(int64_t now_ms);
/* Reads the 36-character form in either case; false when the text is none. */
bool kal_uuid_parse(kal_str text, kal_uuid *out);
/* Writes the 36-character form and a NUL. */
void kal_uuid_format(kal_uuid id, char out[KAL_UUID_TEXT + 1]);
bool kal_uuid_eq(kal_uuid a, kal_uuid b);
/* Byte order, as PostgreSQL's: negative, zero or positive. */
int kal_uuid_cmp(kal_uuid a, kal_uuid b);
/* All zero, the id of nothing. */
bool kal_uuid_is_nil(kal_uuid id);
/* A hash of its bytes. */
uint64_t kal_uuid_hash(kal_uuid id);

#endif
