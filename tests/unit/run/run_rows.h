/* Rows as a statement answers them, made by hand: for tests of what the database tells. */
#ifndef KAL_TEST_ROWS_H
#define KAL_TEST_ROWS_H

#include "store/pg.h"

#include <libpq-fe.h>
#include <string.h>

/* Rows of n columns without a type of their own: texts are read as they stand. */
static inline PGresult *rows_new(int n)
{
    static char name[] = "column";
    PGresult *rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc columns[16];
    for (int c = 0; c < n; c++)
        columns[c] = (PGresAttDesc){.name = name, .columnid = c, .format = 1, .typid = KAL_TEXT};
    PQsetResultAttrs(rows, n, columns);
    return rows;
}

static inline void rows_bytes(PGresult *rows, int row, int column, const void *bytes, size_t n)
{
    char copy[4096];
    memcpy(copy, bytes, n);
    PQsetvalue(rows, row, column, copy, (int)n);
}

static inline void rows_text(PGresult *rows, int row, int column, const char *text)
{
    rows_bytes(rows, row, column, text, strlen(text));
}

static inline void rows_id(PGresult *rows, int row, int column, kal_uuid id)
{
    rows_bytes(rows, row, column, id.b, sizeof id.b);
}

static inline void rows_int(PGresult *rows, int row, int column, int64_t value)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)value >> (56 - 8 * i));
    rows_bytes(rows, row, column, bytes, sizeof bytes);
}

static inline const kal_pg_rows *rows_of(const PGresult *rows)
{
    return (const kal_pg_rows *)rows;
}

#endif
