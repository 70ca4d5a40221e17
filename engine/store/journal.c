#include "store/journal.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

#define MAX_COLUMNS 17
#define RETRY_MS 100
#define MAX_RETRIES 10 /* after so many, trying again waits no longer */
#define LEASE 0        /* the statement of a flush that moves the lease */

#define U KAL_UUID
#define T KAL_TEXT
#define J KAL_JSON
#define I2 KAL_INT2
#define I4 KAL_INT4
#define I8 KAL_INT8
#define TS KAL_TIMESTAMP

typedef struct kal_table_spec {
    size_t columns;
    kal_sql sql;
    kal_type types[MAX_COLUMNS];
} kal_table_spec;

#define SPEC(table, n, ...) [KAL_TABLE_##table] = {n, KAL_SQL_JOURNAL_##table, {__VA_ARGS__}}

static const kal_table_spec specs[KAL_TABLE_COUNT] = {
    SPEC(CUSTOMER, 13, U, U, T, I8, T, T, T, T, J, J, J, TS, TS),
    SPEC(EVENT, 9, U, U, I8, T, T, T, J, TS, TS),
    SPEC(DEDUPE, 8, I8, T, U, I4, I4, I4, TS, U),
    SPEC(INSTANCE_START, 16, U, U, U, I4, U, T, I8, I2, T, J, J, J, TS, TS, TS, T),
    SPEC(INSTANCE_MOVE, 8, U, I4, T, J, J, TS, TS, T),
    SPEC(WAIT_DROP, 2, U, I4),
    SPEC(WAIT_ADD, 16, U, I4, I2, U, I8, U, I4, T, T, T, TS, KAL_BOOL, TS, J, KAL_BOOL, I8),
    SPEC(STEP, 13, U, U, U, T, T, I4, T, T, J, T, T, TS, TS),
    SPEC(DELIVERY, 17, U, U, I2, U, U, U, I8, T, T, T, J, J, T, TS, T, TS, I4),
    SPEC(DELIVERY_MOVE, 7, U, T, I4, T, T, TS, TS),
    SPEC(CONVERSION, 9, U, U, U, U, U, T, KAL_FLOAT8, J, TS),
    SPEC(HELD_ADD, 8, U, U, I2, U, U, I8, J, KAL_BOOL),
    SPEC(HELD_DROP, 1, U),
    SPEC(WAIT_PAUSE, 5, U, I4, KAL_BOOL, TS, I8),
    SPEC(HELD_PAUSE, 2, U, KAL_BOOL),
    SPEC(ERASE, 3, U, I8, T),
    SPEC(CUSTOMER_DROP, 1, U),
    SPEC(USAGE, 3, U, I4, I2),
    SPEC(CLAIM, 6, U, T, I4, U, T, TS),
    SPEC(ENROLMENT, 5, U, T, U, U, TS),
    SPEC(LEAVE, 3, U, T, U),
};

typedef struct kal_row {
    struct kal_row *next;
    kal_value values[];
} kal_row;

struct kal_unit {
    kal_flush *flush;
    struct {
        kal_row *first, **last;
        size_t count;
    } rows[KAL_TABLE_COUNT];
    kal_err err;
    const char *message;
};

struct kal_flush {
    kal_arena *arena;
    kal_unit **units;
    size_t len, cap, rows;
};

/* A half-open range of units that is still to be written. */
typedef struct kal_range {
    size_t from, to;
} kal_range;

struct kal_journal {
    kal_pg *pg;
    const kal_clock *clock;
    uv_timer_t *retry;
    int shard;
    int64_t epoch, seq;
    kal_flush *flush;
    kal_range ranges[64]; /* halving a range pushes one, so depth is bounded by its bits */
    size_t n_ranges;
    unsigned retries; /* of this flush */
    bool undecided;   /* the range on top was sent and its commit is unknown */
    bool waiting;     /* for the connection */
    void (*done)(void *data, kal_err err);
    void *data;
};

kal_flush *kal_flush_new(void)
{
    kal_flush *flush = kal_calloc(1, sizeof *flush);
    flush->arena = kal_arena_new();
    return flush;
}

void kal_flush_free(kal_flush *flush)
{
    if (!flush)
        return;
    kal_arena_free(flush->arena);
    kal_free(flush->units);
    kal_free(flush);
}

kal_arena *kal_flush_arena(kal_flush *flush)
{
    return flush->arena;
}

size_t kal_flush_rows(const kal_flush *flush)
{
    return flush->rows;
}

kal_unit *kal_flush_unit(kal_flush *flush)
{
    if (flush->len == flush->cap) {
        flush->cap = flush->cap ? flush->cap * 2 : 64;
        flush->units = kal_realloc(flush->units, flush->cap * sizeof *flush->units);
    }
    kal_unit *unit = kal_arena_alloc(flush->arena, sizeof *unit);
    unit->flush = flush;
    for (size_t t = 0; t < KAL_TABLE_COUNT; t++)
        unit->rows[t].last = &unit->rows[t].first;
    flush->units[flush->len++] = unit;
    return unit;
}

kal_value *kal_unit_row(kal_unit *unit, kal_table table)
{
    const kal_table_spec *spec = &specs[table];
    kal_row *row =
        kal_arena_alloc(unit->flush->arena, sizeof *row + spec->columns * sizeof *row->values);
    for (size_t c = 0; c < spec->columns; c++)
        row->values[c] = kal_v_null(spec->types[c]);
    *unit->rows[table].last = row;
    unit->rows[table].last = &row->next;
    unit->rows[table].count++;
    unit->flush->rows++;
    return row->values;
}

kal_err kal_unit_err(const kal_unit *unit)
{
    return unit->err;
}

const char *kal_unit_message(const kal_unit *unit)
{
    return unit->message ? unit->message : "";
}

static void send_range(kal_journal *journal);

static void on_retry(uv_timer_t *timer)
{
    kal_journal_resume(timer->data);
}

static void on_retry_closed(uv_handle_t *handle)
{
    kal_free(handle);
}

kal_journal *kal_journal_new(uv_loop_t *loop, kal_pg *pg, int shard, const kal_clock *clock)
{
    kal_journal *journal = kal_calloc(1, sizeof *journal);
    journal->pg = pg;
    journal->clock = clock;
    journal->shard = shard;
    journal->retry = kal_calloc(1, sizeof *journal->retry);
    uv_timer_init(loop, journal->retry);
    journal->retry->data = journal;
    return journal;
}

void kal_journal_free(kal_journal *journal)
{
    if (!journal)
        return;
    uv_timer_stop(journal->retry);
    uv_close((uv_handle_t *)journal->retry, on_retry_closed);
    kal_free(journal);
}

void kal_journal_open(kal_journal *journal, int64_t epoch, int64_t seq)
{
    journal->epoch = epoch;
    journal->seq = seq;
}

static void end(kal_journal *journal, kal_err err)
{
    journal->flush = NULL;
    journal->n_ranges = 0;
    journal->done(journal->data, err);
}

/* The range on top is written: the next one, or the end. */
static void advance(kal_journal *journal)
{
    journal->n_ranges--;
    if (journal->n_ranges)
        send_range(journal);
    else
        end(journal, KAL_OK);
}

static void wait_for_connection(kal_journal *journal)
{
    journal->waiting = true;
    /* The connection may be up but the server short of something: try again by itself. */
    unsigned times = journal->retries < MAX_RETRIES ? journal->retries : MAX_RETRIES;
    uv_timer_start(journal->retry, on_retry, RETRY_MS * (uint64_t)(times ? times : 1), 0);
}

/* The range on top is sent again, whole or in halves: never in silence. */
static void log_retry(kal_journal *journal, const kal_pg_reply *reply)
{
    const kal_range *top = &journal->ranges[journal->n_ranges - 1];
    char shard[16], attempt[16], rows[24];
    size_t n = 0;
    for (size_t u = top->from; u < top->to; u++)
        for (int t = 0; t < KAL_TABLE_COUNT; t++)
            n += journal->flush->units[u]->rows[t].count;
    snprintf(shard, sizeof shard, "%d", journal->shard);
    snprintf(attempt, sizeof attempt, "%u", ++journal->retries);
    snprintf(rows, sizeof rows, "%zu", n);
    kal_log(KAL_LOG_WARN, "flush_retried", "shard", shard, "attempt", attempt, "rows", rows,
            "error", reply->message, NULL);
}

/* The server refused a row of the range, or took too long over it: split it, down to the one
 * customer who is guilty. */
static void refuse(kal_journal *journal, const kal_pg_reply *reply)
{
    kal_range *top = &journal->ranges[journal->n_ranges - 1];
    if (top->to - top->from == 1) {
        kal_unit *unit = journal->flush->units[top->from];
        unit->err = reply->err;
        unit->message =
            kal_arena_strndup(journal->flush->arena, reply->message, strlen(reply->message));
        advance(journal);
        return;
    }
    if (reply->err == KAL_ERR_UNAVAILABLE)
        log_retry(journal, reply);
    size_t middle = top->from + (top->to - top->from) / 2;
    kal_range first = {top->from, middle};
    top->from = middle;
    journal->ranges[journal->n_ranges++] = first;
    send_range(journal);
}

/* No row is to blame: whatever keeps the lease from moving on, save that it is lost, keeps every
 * row out. Another statement that was cancelled (lock_timeout, statement_timeout) may have waited
 * for a row that somebody has locked. */
static bool is_transient(const kal_pg_reply *reply)
{
    if (reply->err == KAL_ERR_FENCED)
        return false;
    if (reply->failed == LEASE)
        return true;
    if (!reply->unknown &&
        (strcmp(reply->sqlstate, "55P03") == 0 || strcmp(reply->sqlstate, "57014") == 0 ||
         strcmp(reply->sqlstate, "KL003") == 0))
        return false;
    return reply->err == KAL_ERR_UNAVAILABLE || strncmp(reply->sqlstate, "40", 2) == 0;
}

static void on_flushed(void *data, const kal_pg_reply *reply)
{
    kal_journal *journal = data;
    if (reply->err == KAL_OK) {
        journal->seq++;
        advance(journal);
    } else if (is_transient(reply)) {
        log_retry(journal, reply);
        journal->undecided = reply->unknown;
        wait_for_connection(journal);
    } else if (reply->err == KAL_ERR_FENCED) {
        end(journal, KAL_ERR_FENCED);
    } else {
        refuse(journal, reply);
    }
}

static void add_table(kal_journal *journal, kal_pg_call *call, kal_table table,
                      const kal_range *range)
{
    size_t count = 0;
    for (size_t u = range->from; u < range->to; u++)
        count += journal->flush->units[u]->rows[table].count;
    if (!count)
        return;
    const kal_value **rows = kal_alloc(count * sizeof *rows);
    size_t n = 0;
    for (size_t u = range->from; u < range->to; u++)
        for (kal_row *r = journal->flush->units[u]->rows[table].first; r; r = r->next)
            rows[n++] = r->values;
    kal_args *args = kal_args_new();
    kal_args_add_rows(args, specs[table].types, specs[table].columns, rows, count);
    kal_pg_call_add(call, specs[table].sql, args);
    kal_free(rows);
}

static void send_range(kal_journal *journal)
{
    const kal_range *range = &journal->ranges[journal->n_ranges - 1];
    kal_pg_call *call = kal_pg_call_new();
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_int(KAL_INT2, journal->shard));
    kal_args_add(args, kal_v_int(KAL_INT8, journal->epoch));
    kal_args_add(args, kal_v_int(KAL_INT8, journal->seq));
    kal_args_add(args, kal_v_time(kal_clock_now(journal->clock)));
    kal_pg_call_add(call, KAL_SQL_JOURNAL_LEASE, args);
    for (int t = 0; t < KAL_TABLE_COUNT; t++)
        add_table(journal, call, (kal_table)t, range);
    kal_pg_send(journal->pg, call, on_flushed, journal);
}

void kal_journal_flush(kal_journal *journal, kal_flush *flush,
                       void (*done)(void *data, kal_err err), void *data)
{
    journal->flush = flush;
    journal->done = done;
    journal->data = data;
    journal->undecided = false;
    journal->retries = 0;
    journal->ranges[0] = (kal_range){0, flush->len};
    journal->n_ranges = 1;
    send_range(journal);
}

/* The sequence tells whether the flush whose connection broke was committed. */
static void on_seq(void *data, const kal_pg_reply *reply)
{
    kal_journal *journal = data;
    if (reply->err) {
        wait_for_connection(journal);
        return;
    }
    const kal_pg_rows *rows = reply->rows[0];
    if (kal_pg_count(rows) != 1 || kal_pg_int(rows, 0, 0) != journal->epoch) {
        end(journal, KAL_ERR_FENCED);
        return;
    }
    int64_t seq = kal_pg_int(rows, 0, 1);
    journal->undecided = false;
    if (seq == journal->seq + 1) {
        journal->seq = seq;
        advance(journal);
    } else if (seq == journal->seq) {
        send_range(journal);
    } else {
        end(journal, KAL_ERR_FENCED);
    }
}

void kal_journal_warm(kal_pg_call *call)
{
    for (int t = 0; t < KAL_TABLE_COUNT; t++) {
        kal_args *args = kal_args_new();
        kal_args_add_rows(args, specs[t].types, specs[t].columns, NULL, 0);
        kal_pg_call_add(call, specs[t].sql, args);
    }
}

void kal_journal_resume(kal_journal *journal)
{
    if (!journal->waiting)
        return;
    uv_timer_stop(journal->retry);
    if (!kal_pg_is_up(journal->pg)) {
        uv_timer_start(journal->retry, on_retry, RETRY_MS, 0);
        return;
    }
    journal->waiting = false;
    if (!journal->undecided) {
        send_range(journal);
        return;
    }
    kal_pg_call *call = kal_pg_call_new();
    kal_pg_call_add_one(call, KAL_SQL_JOURNAL_SEQ, kal_v_int(KAL_INT2, journal->shard));
    kal_pg_send(journal->pg, call, on_seq, journal);
}
