/* The journal of a shard: all changes leave in one set-based flush, one implicit transaction.
 * A flush is made of units, one a customer: the grain at which a row that the server refuses, or
 * that somebody keeps locked, is isolated. Each flush moves the shard's lease from seq - 1 to seq
 * first, so a process that has lost the lease writes nothing, and a flush whose connection broke is
 * decided by reading seq. Invariant: one flush at a time; a unit's rows are committed all or none.
 * Thread: the loop's. Blocks: never. */
#ifndef KAL_STORE_JOURNAL_H
#define KAL_STORE_JOURNAL_H

#include "base/alloc.h"
#include "base/clock.h"
#include "store/pg.h"
#include "store/row.h"

#include <stddef.h>
#include <stdint.h>

/* What a flush can write: X(TABLE) is the statement queries/journal_table.sql, whose parameters are
 * the columns given in journal.c. Statements run in this order: what ends
 * makes room for what starts. */
#define KAL_JOURNAL_TABLES(X)                                                                      \
    X(CUSTOMER)                                                                                    \
    X(EVENT)                                                                                       \
    X(DEDUPE)                                                                                      \
    X(INSTANCE_MOVE)                                                                               \
    X(INSTANCE_START)                                                                              \
    X(WAIT_DROP)                                                                                   \
    X(WAIT_ADD)                                                                                    \
    X(STEP)                                                                                        \
    X(DELIVERY)                                                                                    \
    X(DELIVERY_MOVE)                                                                               \
    X(CONVERSION)                                                                                  \
    X(HELD_ADD)                                                                                    \
    X(HELD_DROP)                                                                                   \
    X(WAIT_PAUSE)                                                                                  \
    X(HELD_PAUSE)                                                                                  \
    X(ERASE)                                                                                       \
    X(CUSTOMER_DROP)                                                                               \
    X(USAGE)                                                                                       \
    X(CLAIM)                                                                                       \
    X(ENROLMENT)                                                                                   \
    X(LEAVE)

typedef enum kal_table {
#define X(table) KAL_TABLE_##table,
    KAL_JOURNAL_TABLES(X)
#undef X
        KAL_TABLE_COUNT
} kal_table;

typedef struct kal_flush kal_flush;
typedef struct kal_unit kal_unit;

/* An empty flush. Rows, and texts that they borrow, may live in its arena. */
kal_flush *kal_flush_new(void);
void kal_flush_free(kal_flush *flush);
kal_arena *kal_flush_arena(kal_flush *flush);
/* Rows in all units. */
size_t kal_flush_rows(const kal_flush *flush);
/* A new unit; it belongs to the flush. */
kal_unit *kal_flush_unit(kal_flush *flush);
/* Appends a row of nulls of the table's types; the caller sets the values (borrowing texts until
 * the flush is freed). */
kal_value *kal_unit_row(kal_unit *unit, kal_table table);
/* How the unit ended: KAL_OK, or why the server refused it (UNAVAILABLE: it took longer than
 * lock_timeout or statement_timeout, and may be written later), with the server's words for the
 * log. */
kal_err kal_unit_err(const kal_unit *unit);
const char *kal_unit_message(const kal_unit *unit);

typedef struct kal_journal kal_journal;

/* A journal of one shard over a connection that it borrows. */
kal_journal *kal_journal_new(uv_loop_t *loop, kal_pg *pg, int shard, const kal_clock *clock);
/* Frees; no flush may be under way unless the connection is gone for good. */
void kal_journal_free(kal_journal *journal);
/* Sets epoch and sequence as read at the takeover. */
void kal_journal_open(kal_journal *journal, int64_t epoch, int64_t seq);

/* Writes the flush, which has a unit, and calls done once when the fate of every unit is known,
 * however long the database is away: KAL_OK when the lease held (units tell their own fate), FENCED
 * when it had moved (units tell nothing). */
void kal_journal_flush(kal_journal *journal, kal_flush *flush,
                       void (*done)(void *data, kal_err err), void *data);
/* Appends every statement of a flush with no rows: prepared and planned ahead of the first event.
 */
void kal_journal_warm(kal_pg_call *call);
/* Called when the connection is up again (kal_pg_options.on_state). */
void kal_journal_resume(kal_journal *journal);

#endif
