/* Checks of bodies: each problem goes under its field, and all of them into one answer.
 * Thread: any. Blocks: never. */
#ifndef KAL_API_CHECK_H
#define KAL_API_CHECK_H

#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>

#define KAL_BLANK "can't be blank"
#define KAL_INVALID "is invalid"
#define KAL_TAKEN "has already been taken"
#define KAL_ID_MAX 255     /* bytes of ids, types, names */
#define KAL_TEXT_MAX 10000 /* bytes of descriptions and other prose */

/* Adds a problem of a field. */
void kal_check_add(json_t *errors, const char *field, const char *problem);
/* A text that must be there and not empty, of at most `most` bytes. */
void kal_check_needed(json_t *errors, const json_t *body, const char *field, size_t most);
/* A text that may be left out or null. */
void kal_check_text(json_t *errors, const json_t *body, const char *field, size_t most);
/* An object that may be left out. */
void kal_check_object(json_t *errors, const json_t *body, const char *field);
/* Whether a value is an array of not empty texts of at most KAL_ID_MAX bytes, at most `most`. */
bool kal_check_texts(const json_t *value, size_t most);

#endif
