/* JSON values (jansson) read with limits and written with shortest round-trip numbers.
 * Invariant: what is read holds no NUL, no invalid UTF-8, no number out of range; 49.99 stays
 * 49.99 and 64-bit integers stay whole.
 * Thread: one at a time for a value. Blocks: never. */
#ifndef KAL_BASE_JSON_H
#define KAL_BASE_JSON_H

#include "base/buf.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>

#define KAL_JSON_MAX_DEPTH 100
#define KAL_JSON_MAX_VALUES 250000 /* of a text; a value costs up to 130 bytes of memory */

/* Reads one value of any kind; NULL with a sentence for people in error[160] when it is not valid
 * nested deeper than KAL_JSON_MAX_DEPTH or of more than KAL_JSON_MAX_VALUES. The caller decrefs. */
json_t *kal_json_parse(kal_str text, char error[160]);
/* The deepest nesting of brackets in a JSON text: 0 for a scalar. */
size_t kal_json_depth(kal_str text);
/* Appends the value as compact JSON; objects keep their insertion order. */
void kal_json_write(kal_buf *out, const json_t *value);
/* Appends a string as a JSON string, quoted and escaped. The text must be UTF-8. */
void kal_json_write_str(kal_buf *out, kal_str text);
/* Appends the shortest decimal that reads back as this double (finite). */
void kal_json_write_double(kal_buf *out, double value);
/* The value at a dot-path of object keys and array indexes ("data.items.0.id"), borrowed; NULL
 * when there is none. An empty path is the value itself. */
json_t *kal_json_path(const json_t *value, kal_str path);
/* Deep equality where 1 and 1.0 are equal. */
bool kal_json_equal(const json_t *a, const json_t *b);
/* Every key of `filter` (a dot-path) leads in `data` to an equal value; a list in the filter
 * matches any of its members, a missing path is null. NULL or an empty filter matches
 * everything. */
bool kal_json_matches(const json_t *filter, const json_t *data);
/* A string member as a slice (p NULL when absent or no string). */
kal_str kal_json_get_str(const json_t *object, const char *key);

#endif
