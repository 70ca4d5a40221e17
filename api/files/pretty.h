/* JSON for people and for diffs: keys sorted bytewise, two spaces a level, a newline at the end.
 * Thread: any. Blocks: never. */
#ifndef KAL_API_FILES_PRETTY_H
#define KAL_API_FILES_PRETTY_H

#include "base/json.h"

/* Appends the value; equal values have equal texts. */
void kal_pretty_write(kal_buf *out, const json_t *value);

#endif
