/* A body's members as parameters of a statement; a member that is left out is SQL's null.
 * Thread: one at a time. Blocks: never. */
#ifndef KAL_API_MEMBER_H
#define KAL_API_MEMBER_H

#include "base/json.h"
#include "store/row.h"

/* Appends the member's JSON text. */
void kal_member_json(kal_args *args, const json_t *body, const char *field);
/* Appends a text; one that is null is SQL's null too. */
void kal_member_text(kal_args *args, const json_t *body, const char *field);
/* Appends whether the member is there, and its text: null can be wanted. */
void kal_member_given(kal_args *args, const json_t *body, const char *field);

#endif
