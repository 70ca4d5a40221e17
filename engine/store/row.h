/* Values on their way to PostgreSQL, in its binary formats: single parameters and array columns.
 * Invariant: the bytes are what the server's *_recv functions of the named type read.
 * Thread: one at a time. Blocks: never. */
#ifndef KAL_STORE_ROW_H
#define KAL_STORE_ROW_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/uuid.h"

#include <stdbool.h>
#include <stdint.h>

/* Types by PostgreSQL's own oids. */
typedef enum kal_type {
    KAL_BOOL = 16,
    KAL_BYTEA = 17,
    KAL_INT8 = 20,
    KAL_INT2 = 21,
    KAL_INT4 = 23,
    KAL_TEXT = 25,
    KAL_JSON = 114,
    KAL_FLOAT8 = 701,
    KAL_TIMESTAMP = 1184,
    KAL_UUID = 2950,
    KAL_JSONB = 3802
} kal_type;

/* One value; text is borrowed. kal_v_* below make them. */
typedef struct kal_value {
    kal_type type;
    bool null;
    union {
        int64_t i; /* bool, int2, int4, int8; milliseconds since 1970 for a timestamp */
        double d;
        kal_uuid id;
        kal_str s; /* text, json, jsonb, bytea */
    };
} kal_value;

kal_value kal_v_null(kal_type type);
kal_value kal_v_bool(bool value);
kal_value kal_v_int(kal_type type, int64_t value);
kal_value kal_v_float(double value);
kal_value kal_v_uuid(kal_uuid id);
kal_value kal_v_time(int64_t ms);
/* text, json, jsonb or bytea; p == NULL is SQL's null. */
kal_value kal_v_str(kal_type type, kal_str text);
kal_value kal_v_text(const char *text);

/* The parameters of one statement. A zeroed kal_args is empty and valid. */
typedef struct kal_args kal_args;
kal_args *kal_args_new(void);
void kal_args_free(kal_args *args);
/* Appends one parameter (copies the bytes). */
void kal_args_add(kal_args *args, kal_value value);
/* Appends n parameters, each an array column: column c holds rows[r][c] for r below count. The
 * types are those of `types`; every row's value must have its column's type. */
void kal_args_add_rows(kal_args *args, const kal_type *types, size_t n,
                       const kal_value *const *rows, size_t count);
/* Appends one array parameter of `count` values of one type. */
void kal_args_add_array(kal_args *args, kal_type type, const kal_value *values, size_t count);

#endif
