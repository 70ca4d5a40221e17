#include "store/pg.h"

#include "base/alloc.h"
#include "base/log.h"
#include "store/pg_call.h"
#include "store/pg_link.h"

#include <string.h>

#define DELAY_LEAST_MS 100
#define DELAY_MOST_MS 1000

/* What the server knows of a statement on this connection. */
typedef struct kal_pg_statement {
    bool prepared; /* its Prepare is on its way or done */
    size_t n;
    uint32_t *types;
} kal_pg_statement;

struct kal_pg {
    kal_pg_link link;
    char *conninfo, *name, *role;
    int timeout_ms, lock_timeout_ms;
    void (*on_state)(void *data, bool up);
    void *data;
    uv_timer_t timer; /* down: when to connect; connecting: the limit; up: watches for silence */
    uv_timer_t turn;  /* work for the next loop turn */
    int handles;      /* timers that are not closed */
    bool up, breaking;
    bool complained; /* since it was up last */
    uint64_t delay_ms;
    int quiet_ms; /* ticks without a word from the server while calls are in flight */
    size_t pending;
    kal_pg_queue refused, queued, sent;
    kal_pg_statement statements[KAL_SQL_COUNT];
};

static void connect_now(uv_timer_t *timer);
static void on_turn(uv_timer_t *timer);

static void forget_statements(kal_pg *pg)
{
    for (size_t s = 0; s < KAL_SQL_COUNT; s++)
        kal_free(pg->statements[s].types);
    memset(pg->statements, 0, sizeof pg->statements);
}

static void end_all(kal_pg *pg, kal_pg_queue *queue, bool unknown, const char *message)
{
    kal_pg_call *call;
    while ((call = kal_pg_pop(queue))) {
        pg->pending--;
        kal_pg_call_lose(call, KAL_ERR_UNAVAILABLE, unknown, message);
    }
}

/* Ends the connection and every call on it. Calls that a callback makes meanwhile are refused, so
 * the queues only shrink. */
static void drop(kal_pg *pg, const char *message)
{
    pg->up = pg->breaking = false;
    kal_pg_link_close(&pg->link);
    forget_statements(pg);
    end_all(pg, &pg->sent, true, message);
    end_all(pg, &pg->queued, false, message);
}

/* The connection, or the attempt at one, is over: tells, and tries again later. */
static void lost(kal_pg *pg, const char *message)
{
    bool was_up = pg->up;
    kal_buf why = {0};

    kal_pg_first_line(&why, message);
    if (was_up || !pg->complained)
        kal_log(KAL_LOG_WARN, was_up ? "pg_lost" : "pg_connect_failed", "message", why.data, NULL);
    pg->complained = true;
    uv_timer_start(&pg->timer, connect_now, pg->delay_ms, 0);
    pg->delay_ms = pg->delay_ms * 2 < DELAY_MOST_MS ? pg->delay_ms * 2 : DELAY_MOST_MS;
    drop(pg, why.data ? why.data : "the connection is lost");
    kal_buf_deinit(&why);
    if (was_up && pg->on_state)
        pg->on_state(pg->data, false);
}

static void on_connect_limit(uv_timer_t *timer)
{
    lost(timer->data, "connecting took too long");
}

static void on_connect(void *data, const char *error)
{
    kal_pg *pg = data;
    if (error) {
        lost(pg, error);
        return;
    }
    uv_timer_stop(&pg->timer);
    if (PQsetnonblocking(pg->link.conn, 1) != 0 || !PQenterPipelineMode(pg->link.conn)) {
        lost(pg, PQerrorMessage(pg->link.conn));
        return;
    }
    pg->up = true;
    pg->complained = false;
    pg->delay_ms = DELAY_LEAST_MS;
    if (pg->on_state)
        pg->on_state(pg->data, true);
}

static void connect_now(uv_timer_t *timer)
{
    kal_pg *pg = timer->data;
    kal_pg_options options = {
        .conninfo = pg->conninfo,
        .name = pg->name,
        .role = pg->role,
        .statement_timeout_ms = pg->timeout_ms,
        .lock_timeout_ms = pg->lock_timeout_ms,
    };
    uv_update_time(pg->link.loop); /* the loop may have been away for long */
    uv_timer_start(&pg->timer, on_connect_limit, KAL_PG_CONNECT_MS, 0);
    if (!kal_pg_link_open(&pg->link, &options))
        lost(pg, PQerrorMessage(pg->link.conn));
}

/* Sends a break to the next turn: callers do not expect their callbacks inside what they call. */
static void break_later(kal_pg *pg)
{
    if (!pg->link.connected || pg->breaking)
        return;
    pg->breaking = true;
    kal_pg_link_mute(&pg->link);
    uv_timer_start(&pg->turn, on_turn, 0, 0);
}

/* Counts its own ticks and not the clock's: a process that was stopped has not listened. */
static void on_tick(uv_timer_t *timer)
{
    kal_pg *pg = timer->data;
    if (!pg->sent.first) {
        uv_timer_stop(timer);
        return;
    }
    pg->quiet_ms += KAL_PG_TICK_MS;
    if (pg->quiet_ms >= pg->timeout_ms + KAL_PG_SILENCE_MS)
        lost(pg, "the server is silent");
}

static void watch_silence(kal_pg *pg)
{
    if (pg->sent.first == pg->sent.last) /* nothing was to be heard before this call */
        pg->quiet_ms = 0;
    if (!uv_is_active((uv_handle_t *)&pg->timer))
        uv_timer_start(&pg->timer, on_tick, KAL_PG_TICK_MS, KAL_PG_TICK_MS);
}

static bool same_types(const kal_pg_statement *s, const kal_args *args)
{
    size_t n = args ? args->n : 0;
    return s->n == n && (!n || memcmp(s->types, args->types, n * sizeof *s->types) == 0);
}

static void unplan(kal_pg *pg, kal_pg_call *call)
{
    for (size_t i = 0; i < call->n; i++)
        if (call->items[i].prepare)
            pg->statements[call->items[i].sql].prepared = false;
}

/* Notes what the call needs prepared; false when it sends other types than those prepared. */
static bool plan(kal_pg *pg, kal_pg_call *call)
{
    for (size_t i = 0; i < call->n; i++) {
        kal_pg_item *item = &call->items[i];
        kal_pg_statement *s = &pg->statements[item->sql];
        if (s->prepared && !same_types(s, item->args)) {
            unplan(pg, call);
            return false;
        }
        if (s->prepared)
            continue;
        s->n = item->args ? item->args->n : 0;
        s->types = kal_realloc(s->types, (s->n + !s->n) * sizeof *s->types);
        if (s->n)
            memcpy(s->types, item->args->types, s->n * sizeof *s->types);
        s->prepared = item->prepare = true;
        call->prepares++;
    }
    return true;
}

/* A Prepare is a transaction of its own: an error in the call would undo nothing of it, but an
 * error ahead of it in the same section would skip it. */
static bool send_prepare(PGconn *conn, const kal_pg_item *item, const kal_pg_statement *s)
{
    return PQsendPrepare(conn, kal_sql_name(item->sql), kal_sql_text(item->sql), (int)s->n,
                         s->types) &&
           PQpipelineSync(conn);
}

static bool send_item(PGconn *conn, const kal_pg_item *item)
{
    kal_args *args = item->args;
    if (!args)
        return PQsendQueryPrepared(conn, kal_sql_name(item->sql), 0, NULL, NULL, NULL, 1);
    return PQsendQueryPrepared(conn, kal_sql_name(item->sql), (int)args->n, kal_args_values(args),
                               args->lengths, args->formats, 1);
}

static bool transmit(kal_pg *pg, kal_pg_call *call)
{
    PGconn *conn = pg->link.conn;
    for (size_t i = 0; call->prepares && i < call->n; i++)
        if (call->items[i].prepare &&
            !send_prepare(conn, &call->items[i], &pg->statements[call->items[i].sql]))
            return false;
    for (size_t i = 0; i < call->n; i++) {
        if (!send_item(conn, &call->items[i]))
            return false;
        kal_args_free(call->items[i].args);
        call->items[i].args = NULL;
    }
    return PQpipelineSync(conn);
}

static void refuse(kal_pg *pg, kal_pg_call *call, kal_err err, const char *message)
{
    call->refused = err;
    call->refusal = message;
    kal_pg_push(&pg->refused, call);
    uv_timer_start(&pg->turn, on_turn, 0, 0);
}

/* Sends what is queued until the socket is full. */
static void send_queued(kal_pg *pg)
{
    bool blocked = false;
    if (!kal_pg_link_flush(&pg->link, &blocked)) {
        break_later(pg);
        return;
    }
    while (!blocked && pg->queued.first) {
        kal_pg_call *call = kal_pg_pop(&pg->queued);
        if (!plan(pg, call)) {
            refuse(pg, call, KAL_ERR_INTERNAL, "parameter types differ from the first use's");
            continue;
        }
        kal_pg_push(&pg->sent, call);
        watch_silence(pg);
        if (!transmit(pg, call) || !kal_pg_link_flush(&pg->link, &blocked)) {
            break_later(pg);
            return;
        }
    }
}

static size_t preparing(const kal_pg_call *call)
{
    size_t i = 0;
    while (!call->items[i].prepare)
        i++;
    return i;
}

/* A section is complete: a Prepare's, or the call's own. */
static void take_sync(kal_pg *pg, kal_pg_call *call)
{
    if (call->prepares) {
        call->items[preparing(call)].prepare = false;
        call->prepares--;
        return;
    }
    kal_pg_pop(&pg->sent);
    pg->pending--;
    kal_pg_call_answer(call);
}

static void take_prepared(kal_pg *pg, kal_pg_call *call, PGresult *result)
{
    size_t i = preparing(call);
    if (PQresultStatus(result) == PGRES_COMMAND_OK) {
        PQclear(result);
        return;
    }
    pg->statements[call->items[i].sql].prepared = false;
    kal_pg_call_fail(call, i, result);
}

static void take_rows(kal_pg_call *call, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_PIPELINE_ABORTED)
        PQclear(result);
    else if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        call->rows[call->at] = (kal_pg_rows *)result;
    else
        kal_pg_call_fail(call, call->at < call->n ? call->at : call->n - 1, result);
}

/* Takes all results that are there. False when a callback ended the connection. */
static bool take_results(kal_pg *pg)
{
    PGconn *conn = pg->link.conn;
    bool idle = false; /* nothing twice in a row: libpq waits for nothing */
    while (pg->sent.first && !PQisBusy(conn)) {
        kal_pg_call *call = pg->sent.first;
        PGresult *result = PQgetResult(conn);
        if (!result && idle)
            break;
        idle = !result;
        if (!result) {
            call->at += !call->prepares;
        } else if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
            PQclear(result);
            take_sync(pg, call);
        } else if (call->prepares) {
            take_prepared(pg, call, result);
        } else {
            take_rows(call, result);
        }
        if (!pg->link.conn || pg->breaking)
            return false;
    }
    return true;
}

static void on_io(void *data)
{
    kal_pg *pg = data;
    pg->quiet_ms = 0;
    bool alive = PQconsumeInput(pg->link.conn);
    if (!take_results(pg))
        return;
    if (!alive || PQstatus(pg->link.conn) == CONNECTION_BAD)
        lost(pg, PQerrorMessage(pg->link.conn));
    else
        send_queued(pg);
}

static void answer_refused(kal_pg *pg, kal_pg_call *call)
{
    pg->pending--;
    kal_pg_call_lose(call, call->refused, false, call->refusal);
}

static void on_turn(uv_timer_t *timer)
{
    kal_pg *pg = timer->data;
    const kal_pg_call *last = pg->refused.last; /* what callbacks send has its own turn */
    if (pg->breaking) {
        const char *why = PQerrorMessage(pg->link.conn);
        lost(pg, *why ? why : "dropped");
    }
    while (last && pg->refused.first) {
        kal_pg_call *call = kal_pg_pop(&pg->refused);
        if (call == last)
            last = NULL;
        answer_refused(pg, call);
    }
}

kal_pg *kal_pg_new(uv_loop_t *loop, const kal_pg_options *options)
{
    kal_pg *pg = kal_calloc(1, sizeof *pg);
    pg->link = (kal_pg_link){.loop = loop, .on_connect = on_connect, .on_io = on_io, .data = pg};
    pg->conninfo = kal_strdup(options->conninfo);
    pg->name = options->name ? kal_strdup(options->name) : NULL;
    pg->role = options->role ? kal_strdup(options->role) : NULL;
    pg->timeout_ms = kal_pg_timeout_ms(options);
    pg->lock_timeout_ms = options->lock_timeout_ms;
    pg->on_state = options->on_state;
    pg->data = options->data;
    pg->delay_ms = DELAY_LEAST_MS;
    pg->handles = 2;
    uv_timer_init(loop, &pg->timer);
    uv_timer_init(loop, &pg->turn);
    pg->timer.data = pg->turn.data = pg;
    connect_now(&pg->timer);
    return pg;
}

static void refuse_rest(kal_pg *pg)
{
    kal_pg_call *call;
    while ((call = kal_pg_pop(&pg->refused)))
        answer_refused(pg, call);
}

static void on_closed(uv_handle_t *handle)
{
    kal_pg *pg = handle->data;
    if (--pg->handles)
        return;
    refuse_rest(pg); /* sent by callbacks of others while this one closed */
    kal_free(pg->conninfo);
    kal_free(pg->name);
    kal_free(pg->role);
    kal_free(pg);
}

void kal_pg_free(kal_pg *pg)
{
    if (!pg)
        return;
    pg->on_state = NULL;
    drop(pg, "closed");
    refuse_rest(pg);
    uv_close((uv_handle_t *)&pg->timer, on_closed);
    uv_close((uv_handle_t *)&pg->turn, on_closed);
}

bool kal_pg_is_up(const kal_pg *pg)
{
    return pg->up;
}

size_t kal_pg_pending(const kal_pg *pg)
{
    return pg->pending;
}

void kal_pg_break(kal_pg *pg)
{
    break_later(pg);
}

void kal_pg_send(kal_pg *pg, kal_pg_call *call, kal_pg_cb cb, void *data)
{
    if (!pg->up) {
        kal_pg_refuse(pg, call, cb, data, "the database is away");
        return;
    }
    call->cb = cb;
    call->data = data;
    pg->pending++;
    kal_pg_push(&pg->queued, call);
    if (!pg->breaking)
        send_queued(pg);
}

void kal_pg_refuse(kal_pg *pg, kal_pg_call *call, kal_pg_cb cb, void *data, const char *message)
{
    call->cb = cb;
    call->data = data;
    pg->pending++;
    refuse(pg, call, KAL_ERR_UNAVAILABLE, message);
}
