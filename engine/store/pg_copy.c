#include "store/pg.h"

#include "base/alloc.h"
#include "store/pg_link.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#define HEADER 19 /* signature, flags and the length of an extension */
#define TRAILER UINT16_MAX
#define NULL_LENGTH UINT32_MAX

typedef enum copy_phase { COPY_STARTING, COPY_ROWS, COPY_ENDING } copy_phase;

struct kal_pg_copying {
    kal_pg_link link;
    uv_timer_t timer;
    int limit_ms; /* of silence */
    int quiet_ms; /* ticks without a word from the server */
    kal_sql sql;
    int shard;
    copy_phase phase;
    bool header_read, trailer_read;
    kal_buf rest; /* the beginning of a row whose end has not come */
    kal_str *fields;
    size_t cap;
    void (*on_row)(void *data, const kal_str *fields, size_t n);
    void (*on_end)(void *data, kal_err err, const char *message);
    void *data;
};

typedef kal_pg_copying copy;

static void on_closed(uv_handle_t *handle)
{
    copy *c = handle->data;
    kal_buf_deinit(&c->rest);
    kal_free(c->fields);
    kal_free(c);
}

/* Ends the copy; message may lie in the connection. */
static void end(copy *c, kal_err err, const char *message)
{
    kal_buf why = {0};
    kal_pg_first_line(&why, message);
    kal_pg_link_close(&c->link);
    uv_close((uv_handle_t *)&c->timer, on_closed);
    c->on_end(c->data, err, why.data ? why.data : "");
    kal_buf_deinit(&why);
}

static void end_lost(copy *c)
{
    end(c, KAL_ERR_UNAVAILABLE, PQerrorMessage(c->link.conn));
}

static void on_tick(uv_timer_t *timer)
{
    copy *c = timer->data;
    c->quiet_ms += KAL_PG_TICK_MS;
    if (!c->link.connected && c->quiet_ms >= KAL_PG_CONNECT_MS)
        end(c, KAL_ERR_UNAVAILABLE, "connecting took too long");
    else if (c->quiet_ms >= c->limit_ms)
        end(c, KAL_ERR_UNAVAILABLE, "the server is silent");
}

static uint16_t read_u16(const char *p)
{
    uint16_t value;
    memcpy(&value, p, sizeof value);
    return ntohs(value);
}

static uint32_t read_u32(const char *p)
{
    uint32_t value;
    memcpy(&value, p, sizeof value);
    return ntohl(value);
}

/* The bytes of the header with its extension; 0 when its end has not come. */
static size_t header_size(kal_str in)
{
    if (in.n < HEADER)
        return 0;
    size_t size = HEADER + (size_t)read_u32(in.p + HEADER - 4);
    return in.n < size ? 0 : size;
}

/* Cuts one row into fields. Its bytes, or 0 when its end has not come. */
static size_t row_size(copy *c, kal_str in, size_t *n)
{
    size_t at = 2;
    if (in.n < at)
        return 0;
    *n = read_u16(in.p);
    if (*n == TRAILER)
        return at;
    if (*n > c->cap) {
        c->fields = kal_realloc(c->fields, *n * sizeof *c->fields);
        c->cap = *n;
    }
    for (size_t f = 0; f < *n; f++) {
        if (in.n - at < 4)
            return 0;
        uint32_t length = read_u32(in.p + at);
        at += 4;
        c->fields[f] = (kal_str){NULL, 0};
        if (length == NULL_LENGTH)
            continue;
        if (in.n - at < length)
            return 0;
        c->fields[f] = (kal_str){in.p + at, length};
        at += length;
    }
    return at;
}

/* Hands on all whole rows; answers how many bytes they took. */
static size_t parse(copy *c, kal_str in)
{
    size_t at = 0, size, n;
    if (!c->header_read) {
        at = header_size(in);
        c->header_read = at > 0;
        if (!at)
            return 0;
    }
    while (!c->trailer_read && (size = row_size(c, (kal_str){in.p + at, in.n - at}, &n))) {
        at += size;
        if (n == TRAILER)
            c->trailer_read = true;
        else
            c->on_row(c->data, c->fields, n);
    }
    return at;
}

/* The server sends a message a row, so there is hardly ever a rest. */
static void take_data(copy *c, kal_str in)
{
    if (!c->rest.len) {
        size_t used = parse(c, in);
        if (used < in.n)
            kal_buf_add(&c->rest, in.p + used, in.n - used);
        return;
    }
    kal_buf_add(&c->rest, in.p, in.n);
    size_t used = parse(c, (kal_str){c->rest.data, c->rest.len});
    memmove(c->rest.data, c->rest.data + used, c->rest.len - used);
    c->rest.len -= used;
}

static void end_result(copy *c, const PGresult *result)
{
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    kal_err err = sqlstate ? kal_pg_sqlstate_err(sqlstate) : KAL_ERR_UNAVAILABLE;
    end(c, err, message ? message : PQresultErrorMessage(result));
}

/* What is there of rows; what comes later is read on a later turn of the loop. */
static void read_rows(copy *c)
{
    char *data;
    int n;
    while ((n = PQgetCopyData(c->link.conn, &data, 1)) > 0) {
        take_data(c, (kal_str){data, (size_t)n});
        PQfreemem(data);
    }
    if (n < 0)
        c->phase = COPY_ENDING;
}

/* The answer to the command, ahead of the rows or behind them. False when the copy has ended. */
static bool read_result(copy *c)
{
    PGresult *result = PQgetResult(c->link.conn);
    ExecStatusType status = result ? PQresultStatus(result) : PGRES_COMMAND_OK;
    bool more = false;
    if (status == PGRES_COPY_OUT && c->phase == COPY_STARTING) {
        c->phase = COPY_ROWS;
        more = true;
    } else if (status != PGRES_COMMAND_OK) {
        end_result(c, result);
    } else if (result) {
        more = true;
    } else if (c->trailer_read) {
        end(c, KAL_OK, "");
    } else {
        end(c, KAL_ERR_INTERNAL, "the copy broke off");
    }
    PQclear(result);
    return more;
}

static void on_io(void *data)
{
    copy *c = data;
    c->quiet_ms = 0;
    bool alive = PQconsumeInput(c->link.conn);
    bool more = true;
    while (more) {
        if (c->phase == COPY_ROWS)
            read_rows(c);
        if (c->phase == COPY_ROWS || PQisBusy(c->link.conn))
            break;
        more = read_result(c);
    }
    if (!more)
        return;
    if (!alive || PQstatus(c->link.conn) == CONNECTION_BAD || !kal_pg_link_flush(&c->link, NULL))
        end_lost(c);
}

/* COPY takes no parameters: the number takes the place of $1, the final semicolon goes. */
static void command(kal_buf *out, kal_sql sql, int shard)
{
    const char *text = kal_sql_text(sql), *parameter;
    size_t len = strlen(text);
    while (len && (isspace((unsigned char)text[len - 1]) || text[len - 1] == ';'))
        len--;
    kal_buf_puts(out, "COPY (");
    while ((parameter = memmem(text, len, "$1", 2))) {
        size_t before = (size_t)(parameter - text);
        kal_buf_add(out, text, before);
        kal_buf_printf(out, "%d", shard);
        text += before + 2;
        len -= before + 2;
    }
    kal_buf_add(out, text, len);
    kal_buf_puts(out, "\n) TO STDOUT (FORMAT binary)");
}

static void on_connect(void *data, const char *error)
{
    copy *c = data;
    kal_buf sql = {0};
    if (error) {
        end(c, KAL_ERR_UNAVAILABLE, error);
        return;
    }
    c->quiet_ms = 0;
    command(&sql, c->sql, c->shard);
    bool sent = PQsetnonblocking(c->link.conn, 1) == 0 && PQsendQuery(c->link.conn, sql.data) &&
                kal_pg_link_flush(&c->link, NULL);
    kal_buf_deinit(&sql);
    if (!sent)
        end_lost(c);
}

static void on_refused(uv_timer_t *timer)
{
    end_lost(timer->data);
}

kal_pg_copying *kal_pg_copy(uv_loop_t *loop, const kal_pg_options *options, kal_sql sql, int shard,
                            void (*on_row)(void *data, const kal_str *fields, size_t n),
                            void (*on_end)(void *data, kal_err err, const char *message),
                            void *data)
{
    copy *c = kal_calloc(1, sizeof *c);
    c->link = (kal_pg_link){.loop = loop, .on_connect = on_connect, .on_io = on_io, .data = c};
    c->limit_ms = kal_pg_timeout_ms(options) + KAL_PG_SILENCE_MS;
    c->sql = sql;
    c->shard = shard;
    c->on_row = on_row;
    c->on_end = on_end;
    c->data = data;
    uv_timer_init(loop, &c->timer);
    c->timer.data = c;
    kal_pg_options own = *options;
    own.statement_timeout_ms = KAL_PG_NO_TIMEOUT; /* however many rows: silence ends it */
    own.lock_timeout_ms = 0;
    if (kal_pg_link_open(&c->link, &own))
        uv_timer_start(&c->timer, on_tick, KAL_PG_TICK_MS, KAL_PG_TICK_MS);
    else
        uv_timer_start(&c->timer, on_refused, 0, 0);
    return c;
}

void kal_pg_copy_stop(kal_pg_copying *copying)
{
    if (!copying)
        return;
    kal_pg_link_close(&copying->link);
    uv_close((uv_handle_t *)&copying->timer, on_closed);
}
