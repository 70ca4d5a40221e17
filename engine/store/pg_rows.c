#include "store/pg.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#define EPOCH_2000_MS INT64_C(946684800000)
#define OID_JSONB 3802

static const PGresult *result_of(const kal_pg_rows *rows)
{
    return (const PGresult *)rows;
}

static uint64_t big_endian(const char *p, size_t n)
{
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++)
        value = value << 8 | (uint8_t)p[i];
    return value;
}

/* The value's bytes, p NULL for null. */
static kal_str field(const kal_pg_rows *rows, size_t row, size_t column)
{
    const PGresult *result = result_of(rows);
    int r = (int)row, c = (int)column;
    if (PQgetisnull(result, r, c))
        return (kal_str){NULL, 0};
    return (kal_str){PQgetvalue(result, r, c), (size_t)PQgetlength(result, r, c)};
}

size_t kal_pg_count(const kal_pg_rows *rows)
{
    return (size_t)PQntuples(result_of(rows));
}

bool kal_pg_null(const kal_pg_rows *rows, size_t row, size_t column)
{
    return PQgetisnull(result_of(rows), (int)row, (int)column);
}

int64_t kal_pg_int(const kal_pg_rows *rows, size_t row, size_t column)
{
    kal_str f = field(rows, row, column);
    switch (f.n) {
    case 0:
        return 0;
    case 1:
        return f.p[0] != 0;
    case 2:
        return (int16_t)big_endian(f.p, 2);
    case 4:
        return (int32_t)big_endian(f.p, 4);
    case 8:
        return (int64_t)big_endian(f.p, 8);
    }
    abort(); /* the statement and its reader disagree about the column's type */
}

int64_t kal_pg_time(const kal_pg_rows *rows, size_t row, size_t column)
{
    kal_str f = field(rows, row, column);
    if (!f.p)
        return 0;
    int64_t us = kal_pg_int(rows, row, column);
    if (us == INT64_MAX || us == INT64_MIN) /* infinity */
        return us;
    int64_t ms = us / 1000 - (us % 1000 < 0);
    return ms + EPOCH_2000_MS;
}

kal_uuid kal_pg_uuid(const kal_pg_rows *rows, size_t row, size_t column)
{
    kal_uuid id = {{0}};
    kal_str f = field(rows, row, column);
    if (f.n == sizeof id.b)
        memcpy(id.b, f.p, sizeof id.b);
    else if (f.p)
        abort();
    return id;
}

kal_str kal_pg_str(const kal_pg_rows *rows, size_t row, size_t column)
{
    kal_str f = field(rows, row, column);
    if (f.n && PQftype(result_of(rows), (int)column) == OID_JSONB)
        return (kal_str){f.p + 1, f.n - 1}; /* behind the version of its wire format */
    return f;
}
