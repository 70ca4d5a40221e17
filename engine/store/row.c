#include "store/row.h"

#include "store/args.h"

#include <limits.h>
#include <string.h>

#define EPOCH_2000_MS INT64_C(946684800000)
#define NULL_OFFSET SIZE_MAX
#define ARRAY_HEADER 20
#define FIXED_MOST 20 /* a length and the widest fixed value, a uuid */

kal_value kal_v_null(kal_type type)
{
    return (kal_value){.type = type, .null = true};
}

kal_value kal_v_bool(bool value)
{
    return (kal_value){.type = KAL_BOOL, .i = value};
}

kal_value kal_v_int(kal_type type, int64_t value)
{
    return (kal_value){.type = type, .i = value};
}

kal_value kal_v_float(double value)
{
    return (kal_value){.type = KAL_FLOAT8, .d = value};
}

kal_value kal_v_uuid(kal_uuid id)
{
    return (kal_value){.type = KAL_UUID, .id = id};
}

kal_value kal_v_time(int64_t ms)
{
    return (kal_value){.type = KAL_TIMESTAMP, .i = ms};
}

kal_value kal_v_str(kal_type type, kal_str text)
{
    return (kal_value){.type = type, .null = !text.p, .s = text};
}

kal_value kal_v_text(const char *text)
{
    return kal_v_str(KAL_TEXT, kal_str_of(text));
}

kal_args *kal_args_new(void)
{
    return kal_calloc(1, sizeof(kal_args));
}

void kal_args_free(kal_args *args)
{
    if (!args)
        return;
    kal_buf_deinit(&args->bytes);
    kal_free(args->values);
    kal_free(args->offsets);
    kal_free(args->types);
    kal_free(args->lengths);
    kal_free(args->formats);
    kal_free(args);
}

const char *const *kal_args_values(kal_args *args)
{
    /* An empty text needs an address too: none means null. */
    const char *base = args->bytes.data ? args->bytes.data : "";
    for (size_t i = 0; i < args->n; i++)
        args->values[i] = args->offsets[i] == NULL_OFFSET ? NULL : base + args->offsets[i];
    return args->values;
}

static void grow(kal_args *args, size_t more)
{
    if (args->n + more <= args->cap)
        return;
    size_t cap = args->cap ? args->cap * 2 : 8;
    while (cap < args->n + more)
        cap *= 2;
    args->values = kal_realloc(args->values, cap * sizeof *args->values);
    args->offsets = kal_realloc(args->offsets, cap * sizeof *args->offsets);
    args->types = kal_realloc(args->types, cap * sizeof *args->types);
    args->lengths = kal_realloc(args->lengths, cap * sizeof *args->lengths);
    args->formats = kal_realloc(args->formats, cap * sizeof *args->formats);
    args->cap = cap;
}

/* Notes a parameter of what was written to bytes since `offset`. */
static void note(kal_args *args, uint32_t type, size_t offset)
{
    grow(args, 1);
    args->types[args->n] = type;
    args->offsets[args->n] = offset;
    args->lengths[args->n] = offset == NULL_OFFSET ? 0 : (int)(args->bytes.len - offset);
    args->formats[args->n] = 1;
    args->n++;
}

static char *put_u16(char *p, uint16_t value)
{
    value = __builtin_bswap16(value);
    memcpy(p, &value, sizeof value);
    return p + sizeof value;
}

static char *put_u32(char *p, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(p, &value, sizeof value);
    return p + sizeof value;
}

static char *put_u64(char *p, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(p, &value, sizeof value);
    return p + sizeof value;
}

/* Microseconds since 2000; what does not fit is the server's infinity. */
static uint64_t timestamp(int64_t ms)
{
    int64_t us;
    if (__builtin_sub_overflow(ms, EPOCH_2000_MS, &us) || __builtin_mul_overflow(us, 1000, &us))
        us = ms < 0 ? INT64_MIN : INT64_MAX;
    return (uint64_t)us;
}

static size_t size_of(const kal_value *value)
{
    switch (value->type) {
    case KAL_BOOL:
        return 1;
    case KAL_INT2:
        return 2;
    case KAL_INT4:
        return 4;
    case KAL_INT8:
    case KAL_FLOAT8:
    case KAL_TIMESTAMP:
        return 8;
    case KAL_UUID:
        return sizeof value->id.b;
    case KAL_TEXT:
    case KAL_JSON:
    case KAL_BYTEA:
        return value->s.n;
    case KAL_JSONB:
        return value->s.n + 1;
    }
    return 0;
}

static char *put_bytes(char *p, const void *data, size_t len)
{
    if (len)
        memcpy(p, data, len);
    return p + len;
}

/* Writes a value that is not null; p has room for size_of bytes. */
static char *put(char *p, const kal_value *value)
{
    uint64_t bits;
    switch (value->type) {
    case KAL_BOOL:
        *p = value->i != 0;
        return p + 1;
    case KAL_INT2:
        return put_u16(p, (uint16_t)value->i);
    case KAL_INT4:
        return put_u32(p, (uint32_t)value->i);
    case KAL_INT8:
        return put_u64(p, (uint64_t)value->i);
    case KAL_FLOAT8:
        memcpy(&bits, &value->d, sizeof bits);
        return put_u64(p, bits);
    case KAL_TIMESTAMP:
        return put_u64(p, timestamp(value->i));
    case KAL_UUID:
        return put_bytes(p, value->id.b, sizeof value->id.b);
    case KAL_JSONB:
        *p++ = 1; /* the version of jsonb's wire format */
        return put_bytes(p, value->s.p, value->s.n);
    case KAL_TEXT:
    case KAL_JSON:
    case KAL_BYTEA:
        return put_bytes(p, value->s.p, value->s.n);
    }
    return p;
}

void kal_args_add(kal_args *args, kal_value value)
{
    if (value.null) {
        note(args, value.type, NULL_OFFSET);
        return;
    }
    size_t offset = args->bytes.len, size = size_of(&value);
    put(kal_buf_reserve(&args->bytes, size), &value);
    args->bytes.len += size;
    note(args, value.type, offset);
}

static uint32_t array_type(kal_type type)
{
    switch (type) {
    case KAL_BOOL:
        return 1000;
    case KAL_BYTEA:
        return 1001;
    case KAL_INT8:
        return 1016;
    case KAL_INT2:
        return 1005;
    case KAL_INT4:
        return 1007;
    case KAL_TEXT:
        return 1009;
    case KAL_JSON:
        return 199;
    case KAL_FLOAT8:
        return 1022;
    case KAL_TIMESTAMP:
        return 1185;
    case KAL_UUID:
        return 2951;
    case KAL_JSONB:
        return 3807;
    }
    return 0;
}

/* An array on its way: `nulls` tells where the flag lies that says whether there are any. */
typedef struct array {
    kal_buf *out;
    size_t start;
    bool nulls;
} array;

static array array_begin(kal_args *args, kal_type type, size_t count)
{
    kal_buf *out = &args->bytes;
    array a = {out, out->len, false};
    char *p = kal_buf_reserve(out, ARRAY_HEADER + count * FIXED_MOST);
    p = put_u32(p, count ? 1 : 0);
    p = put_u32(p, 0);
    p = put_u32(p, type);
    out->len += 12;
    if (count) {
        p = put_u32(p, (uint32_t)count);
        put_u32(p, 1);
        out->len += 8;
    }
    return a;
}

static void array_add(array *a, const kal_value *value)
{
    kal_buf *out = a->out;
    if (value->null) {
        put_u32(kal_buf_reserve(out, 4), UINT32_MAX);
        out->len += 4;
        a->nulls = true;
        return;
    }
    size_t size = size_of(value);
    char *p = kal_buf_reserve(out, 4 + size);
    put(put_u32(p, (uint32_t)size), value);
    out->len += 4 + size;
}

static void array_end(array *a, kal_args *args, kal_type type)
{
    if (a->nulls)
        kal_buf_set_u32(a->out, a->start + 4, 1);
    note(args, array_type(type), a->start);
}

void kal_args_add_rows(kal_args *args, const kal_type *types, size_t n,
                       const kal_value *const *rows, size_t count)
{
    grow(args, n);
    for (size_t c = 0; c < n; c++) {
        array a = array_begin(args, types[c], count);
        for (size_t r = 0; r < count; r++)
            array_add(&a, &rows[r][c]);
        array_end(&a, args, types[c]);
    }
}

void kal_args_add_array(kal_args *args, kal_type type, const kal_value *values, size_t count)
{
    array a = array_begin(args, type, count);
    for (size_t i = 0; i < count; i++)
        array_add(&a, &values[i]);
    array_end(&a, args, type);
}
