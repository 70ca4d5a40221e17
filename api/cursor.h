/* List cursors: base64url of the last sort key, opaque to callers.
 * Invariant: what kal_cursor_write made, kal_cursor_read gives back.
 * Thread: any. Blocks: never. */
#ifndef KAL_API_CURSOR_H
#define KAL_API_CURSOR_H

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>

#define KAL_CURSOR_MAX 64 /* bytes of a sort key */

/* Appends the cursor of a sort key of at most KAL_CURSOR_MAX bytes. */
void kal_cursor_write(kal_buf *out, kal_str key);
/* Reads a cursor into key; the slice points there. False when the text is no cursor. */
bool kal_cursor_read(kal_str text, char key[KAL_CURSOR_MAX], kal_str *out);

#endif
