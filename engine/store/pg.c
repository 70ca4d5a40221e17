#include "store/pg.h"

#include "base/alloc.h"
#include "base/log.h"
#include "store/pg_call.h"
#include "store/pg_link.h"

#include <string.h>

#define DELAY_LEAST_MS 100
#define DELAY_MOST_MS 1000

/* What the server knows a statement by on this connection. A Prepare that failed is told apart
 * from a later one by its generation. */
typedef struct kal_pg_statement {
    bool prepared; /* its Prepare is on its way or done */
    size_t n;
    uint32_t *types;
} kal_pg_statement;

struct kal_pg {
    kal_pg_link link;
    char *conninfo, *role;
    int timeout_ms;
    void (*on_state)(void *data, bool up);
    void *data;
    uv_timer_t timer; /* down: when to connect; connecting: the limit; up: watches for silence */
    uv_timer_t turn;  /* work for the next loop turn */
    int handles;      /* timers that are not closed */
    bool up, breaking, freed;
    bool complained; /* since it was up last */
    uint64_t delay_ms;
    uint64_t heard_ms; /* when the server last said something */
    size_t pending;
    kal_pg_queue refused, queued, sent;
    kal_pg_statement statements[KAL_SQL_COUNT];
};

static void connect_now(uv_timer_t *timer);
static void on_turn(uv_timer_t *timer);

static void answer_lost(kal_pg *pg, kal_pg_call *call, bool unknown, const char *message)
{
    pg->pending--;
    kal_pg_call_lose(call, unknown, message);
}

static void forget_statements(kal_pg *pg)
{
    for (size_t s = 0; s < KAL_SQL_COUNT; s++)
        kal_free(pg->statements[s].types);
    memset(pg->statements, 0, sizeof pg->statements);
}

/* Ends the connection and every call on it. Calls that a callback makes meanwhile are refused, so
 * the queues only shrink. */
static void drop(kal_pg *pg, const char *message)
{
    kal_pg_queue sent = pg->sent, queued = pg->queued;
    kal_pg_call *call;

    pg->sent = pg->queued = (kal_pg_queue){0};
    pg->up = pg->breaking = false;
    kal_pg_link_close(&pg->link);
    forget_statements(pg);
    while ((call = kal_pg_pop(&sent)))
        answer_lost(pg, call, true, message);
    while ((call = kal_pg_pop(&queued)))
        answer_lost(pg, call, false, message);
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
    if (was_up && !pg->freed && pg->on_state)
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
        .conninfo = pg->conninfo, .role = pg->role, .statement_timeout_ms = pg->timeout_ms};
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

static void on_silence(uv_timer_t *timer)
{
    kal_pg *pg = timer->data;
    uint64_t limit = (uint64_t)pg->timeout_ms + KAL_PG_SILENCE_MS;
    uint64_t silent = uv_now(pg->link.loop) - pg->heard_ms;
    if (!pg->sent.first)
        return;
    if (silent >= limit)
        lost(pg, "the server is silent");
    else
        uv_timer_start(&pg->timer, on_silence, limit - silent, 0);
}

static void watch_silence(kal_pg *pg)
{
    if (uv_is_active((uv_handle_t *)&pg->timer))
        return;
    pg->heard_ms = uv_now(pg->link.loop);
    uv_timer_start(&pg->timer, on_silence, (uint64_t)pg->timeout_ms + KAL_PG_SILENCE_MS, 0);
}

static bool same_types(const kal_pg_statement *s, const kal_args *args)
{
    size_t n = args ? args->n : 0;
    return s->n == n && (!n || memcmp(s->types, args->types, n * sizeof *s->types) == 0);
}

/* Notes what the call needs prepared; false when it sends other types than those prepared. */
static bool plan(kal_pg *pg, kal_pg_call *call)
{
    for (size_t i = 0; i < call->n; i++) {
        kal_pg_item *item = &call->items[i];
        kal_pg_statement *s = &pg->statements[item->sql];
        if (s->prepared) {
            if (!same_types(s, item->args))
                return false;
            continue;
        }
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
