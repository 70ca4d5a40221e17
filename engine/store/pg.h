/* One PostgreSQL connection on a libuv loop, in pipeline mode.
 * A call is a list of named statements up to one Sync: one implicit transaction, all or nothing.
 * Invariant: every call's callback runs exactly once, in the order of sending; results of a call
 * are there for its callback only. All parameters and results are binary.
 * Thread: the loop's. Blocks: never (connecting resolves no names: sockets and addresses only). */
#ifndef KAL_STORE_PG_H
#define KAL_STORE_PG_H

#include "base/err.h"
#include "base/str.h"
#include "base/uuid.h"
#include "store/row.h"
#include "store/statements.h" /* generated: enum kal_sql from queries/NAME.sql as KAL_SQL_NAME */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

typedef struct kal_pg kal_pg;
typedef struct kal_pg_call kal_pg_call;
typedef struct kal_pg_rows kal_pg_rows; /* the rows of one statement */
typedef struct kal_pg_copying kal_pg_copying;

typedef struct kal_pg_reply {
    kal_err err;         /* KAL_OK; UNAVAILABLE: connection lost or never there; else by SQLSTATE */
    bool unknown;        /* the connection broke after the call was sent: it may have committed */
    char sqlstate[6];    /* of the server's error, "" when there is none */
    const char *message; /* for the log; "" when there is none */
    size_t failed;       /* index of the statement that failed */
    size_t count;        /* statements with rows, all when err is KAL_OK */
    kal_pg_rows *const *rows;
} kal_pg_reply;

typedef void (*kal_pg_cb)(void *data, const kal_pg_reply *reply);

typedef struct kal_pg_options {
    const char *conninfo;                  /* copied */
    const char *name;                      /* application_name, copied; NULL: kalcifer */
    const char *role;                      /* SET ROLE after connecting, NULL: none; copied */
    int statement_timeout_ms;              /* 0: 30000; of a copy, the silence it bears */
    int lock_timeout_ms;                   /* 0: none but statement_timeout */
    void (*on_state)(void *data, bool up); /* connected (again) or lost; may be NULL */
    void *data;
} kal_pg_options;

/* Connects, and connects again after a loss with delays of 100 ms doubling to 1 s. */
kal_pg *kal_pg_new(uv_loop_t *loop, const kal_pg_options *options);
/* Closes; calls in flight end with UNAVAILABLE before this returns; memory goes when the loop has
 * closed the handles. */
void kal_pg_free(kal_pg *pg);
bool kal_pg_is_up(const kal_pg *pg);
/* Calls sent or queued and not answered. */
size_t kal_pg_pending(const kal_pg *pg);
/* Drops the connection as if the network had (crash tests); it connects again. */
void kal_pg_break(kal_pg *pg);

kal_pg_call *kal_pg_call_new(void);
/* Frees a call that was not sent. */
void kal_pg_call_free(kal_pg_call *call);
/* Appends a statement; takes ownership of args (NULL: no parameters). */
void kal_pg_call_add(kal_pg_call *call, kal_sql sql, kal_args *args);
/* Appends a statement with one parameter. */
void kal_pg_call_add_one(kal_pg_call *call, kal_sql sql, kal_value value);
/* Puts a statement ahead of all; the reply counts from the others. Takes ownership of args. */
void kal_pg_call_precede(kal_pg_call *call, kal_sql sql, kal_args *args);
/* Sends; takes ownership of the call. While the connection is down the callback gets UNAVAILABLE
 * (on the next loop turn, never inside this function). */
void kal_pg_send(kal_pg *pg, kal_pg_call *call, kal_pg_cb cb, void *data);

size_t kal_pg_count(const kal_pg_rows *rows);
bool kal_pg_null(const kal_pg_rows *rows, size_t row, size_t column);
/* Values by PostgreSQL type; the column's type must fit (int2, int4, int8 and bool all read as
 * int; timestamptz as milliseconds since 1970; text, json, bytea and jsonb as slices that live as
 * long as the rows). Null reads as 0, nil or the slice with p NULL. */
int64_t kal_pg_int(const kal_pg_rows *rows, size_t row, size_t column);
int64_t kal_pg_time(const kal_pg_rows *rows, size_t row, size_t column);
kal_uuid kal_pg_uuid(const kal_pg_rows *rows, size_t row, size_t column);
kal_str kal_pg_str(const kal_pg_rows *rows, size_t row, size_t column);

/* Streams COPY (query) TO STDOUT BINARY of a statement without parameters but `shard`, outside the
 * pipeline, on a connection of its own that closes at the end: on_row for each row (fields are
 * slices of the wire format, p NULL for null), then on_end once, never inside this function. For
 * loading a shard's waits. The answer is there until on_end. */
kal_pg_copying *kal_pg_copy(uv_loop_t *loop, const kal_pg_options *options, kal_sql sql, int shard,
                            void (*on_row)(void *data, const kal_str *fields, size_t n),
                            void (*on_end)(void *data, kal_err err, const char *message),
                            void *data);
/* Ends a copy under way without a callback; NULL is fine. */
void kal_pg_copy_stop(kal_pg_copying *copying);

#endif
