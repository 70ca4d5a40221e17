#include "store/pg_link.h"

#include "base/alloc.h"
#include "base/log.h"

#include <string.h>

static void watch(kal_pg_link *link, int events);

int kal_pg_timeout_ms(const kal_pg_options *options)
{
    return options->statement_timeout_ms ? options->statement_timeout_ms : KAL_PG_TIMEOUT_MS;
}

void kal_pg_first_line(kal_buf *out, const char *text)
{
    kal_buf_add(out, text, strcspn(text, "\n"));
}

kal_err kal_pg_sqlstate_err(const char *sqlstate)
{
    static const struct {
        const char *prefix;
        kal_err err;
    } meanings[] = {
        {"08", KAL_ERR_UNAVAILABLE},
        {"25006", KAL_ERR_UNAVAILABLE}, /* read-only: a failover, or a host whose disk is full */
        {"53", KAL_ERR_UNAVAILABLE},
        {"55P03", KAL_ERR_UNAVAILABLE},
        {"57P01", KAL_ERR_UNAVAILABLE},
        {"57P02", KAL_ERR_UNAVAILABLE},
        {"57P03", KAL_ERR_UNAVAILABLE},
        {"57014", KAL_ERR_UNAVAILABLE},
        {"58", KAL_ERR_UNAVAILABLE},
        {"KL001", KAL_ERR_FENCED},
        {"KL003", KAL_ERR_UNAVAILABLE}, /* an attempt before this one was not lost: ask again */
        {"23505", KAL_ERR_VALIDATION_FAILED},
        {"23503", KAL_ERR_IN_USE},
        {"22", KAL_ERR_VALIDATION_FAILED},
        /* Its Prepare failed ahead in the pipeline, for another call: a repetition prepares. */
        {"26000", KAL_ERR_UNAVAILABLE},
    };
    for (size_t i = 0; sqlstate && i < sizeof meanings / sizeof *meanings; i++)
        if (strncmp(sqlstate, meanings[i].prefix, strlen(meanings[i].prefix)) == 0)
            return meanings[i].err;
    return KAL_ERR_INTERNAL;
}

static void on_notice(void *data, const PGresult *result)
{
    (void)data;
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    kal_log(KAL_LOG_DEBUG, "pg_notice", "message", text ? text : "", NULL);
}

/* The conninfo's own options, which ours join and must not replace. */
static void add_given_options(kal_buf *out, const char *conninfo)
{
    PQconninfoOption *given = PQconninfoParse(conninfo, NULL);
    for (PQconninfoOption *o = given; o && o->keyword; o++)
        if (strcmp(o->keyword, "options") == 0 && o->val)
            kal_buf_puts(out, o->val);
    PQconninfoFree(given);
}

static void session_options(kal_buf *out, const kal_pg_options *options)
{
    add_given_options(out, options->conninfo);
    kal_buf_printf(out,
                   " -c statement_timeout=%d -c lock_timeout=%d"
                   " -c idle_in_transaction_session_timeout=10s",
                   options->statement_timeout_ms == KAL_PG_NO_TIMEOUT ? 0
                                                                      : kal_pg_timeout_ms(options),
                   options->lock_timeout_ms);
    if (!options->role)
        return;
    kal_buf_puts(out, " -c role=");
    for (const char *p = options->role; *p; p++) {
        if (*p == ' ' || *p == '\\')
            kal_buf_putc(out, '\\');
        kal_buf_putc(out, *p);
    }
}

static PGconn *start(const kal_pg_options *options, const char *hosts, const char *addresses)
{
    kal_buf session = {0};
    session_options(&session, options);
    const char *name = options->name ? options->name : "kalcifer";
    /* The conninfo overrides what stands before it; what stands after overrides the conninfo. */
    const char *const pairs[][2] = {{"keepalives_idle", "10"},
                                    {"keepalives_interval", "5"},
                                    {"keepalives_count", "3"},
                                    {"tcp_user_timeout", "20000"},
                                    {"dbname", options->conninfo},
                                    {"options", session.data},
                                    {"application_name", name},
                                    {"client_encoding", "UTF8"},
                                    {hosts ? "host" : NULL, hosts},
                                    {"hostaddr", addresses},
                                    {NULL, NULL}};
    enum { PAIRS = sizeof pairs / sizeof *pairs };
    const char *keywords[PAIRS];
    const char *values[PAIRS];
    for (size_t i = 0; i < PAIRS; i++) {
        keywords[i] = pairs[i][0];
        values[i] = pairs[i][1];
    }
    PGconn *conn = PQconnectStartParams(keywords, values, 1);
    kal_buf_deinit(&session);
    return conn;
}

static void on_poll_closed(uv_handle_t *handle)
{
    kal_free(handle);
}

void kal_pg_link_mute(kal_pg_link *link)
{
    if (!link->poll)
        return;
    uv_close((uv_handle_t *)link->poll, on_poll_closed);
    link->poll = NULL;
    link->events = 0;
}

/* One step of connecting. libpq may close its socket in it and open another, perhaps with the
 * same number, so the loop lets go of the old one first. */
static void connect_step(kal_pg_link *link)
{
    kal_pg_link_mute(link);
    switch (PQconnectPoll(link->conn)) {
    case PGRES_POLLING_READING:
        watch(link, UV_READABLE);
        break;
    case PGRES_POLLING_WRITING:
        watch(link, UV_WRITABLE);
        break;
    case PGRES_POLLING_OK:
        link->connected = true;
        watch(link, UV_READABLE);
        link->on_connect(link->data, NULL);
        break;
    case PGRES_POLLING_FAILED:
    case PGRES_POLLING_ACTIVE: /* libpq never answers this one */
        link->on_connect(link->data, PQerrorMessage(link->conn));
        break;
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    kal_pg_link *link = poll->data;
    (void)events;
    if (status < 0) /* an error of the socket ends the watching; libpq finds it by itself */
        link->events = 0;
    if (link->connected)
        link->on_io(link->data);
    else
        connect_step(link);
}

static void watch(kal_pg_link *link, int events)
{
    if (link->events == events)
        return;
    if (!link->poll) {
        link->poll = kal_calloc(1, sizeof *link->poll);
        link->poll->data = link;
        uv_poll_init(link->loop, link->poll, PQsocket(link->conn));
    }
    uv_poll_start(link->poll, events, on_poll);
    link->events = events;
}

static bool connect_to(kal_pg_link *link, const char *hosts, const char *addresses)
{
    link->conn = start(&link->options, hosts, addresses);
    if (PQstatus(link->conn) == CONNECTION_BAD)
        return false;
    PQsetNoticeReceiver(link->conn, on_notice, NULL);
    watch(link, UV_WRITABLE);
    return true;
}

static void on_lookup(void *data, const char *hosts, const char *addresses, const char *error)
{
    kal_pg_link *link = data;
    link->lookup = NULL;
    if (error)
        link->on_connect(link->data, error);
    else if (!connect_to(link, hosts, addresses))
        link->on_connect(link->data, PQerrorMessage(link->conn));
}

bool kal_pg_link_open(kal_pg_link *link, const kal_pg_options *options)
{
    link->options = *options;
    link->lookup = kal_pg_lookup_start(link->loop, options->conninfo, on_lookup, link);
    return link->lookup || connect_to(link, NULL, NULL);
}

bool kal_pg_link_flush(kal_pg_link *link, bool *blocked)
{
    int left = PQflush(link->conn);
    if (left < 0)
        return false;
    if (blocked)
        *blocked = left > 0;
    watch(link, left > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
    return true;
}

void kal_pg_link_close(kal_pg_link *link)
{
    kal_pg_link_mute(link);
    kal_pg_lookup_stop(link->lookup);
    link->lookup = NULL;
    if (link->conn)
        PQfinish(link->conn);
    link->conn = NULL;
    link->connected = false;
}
