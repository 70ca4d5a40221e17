/* A libpq connection whose socket a libuv loop watches: connecting, and who is told when it is
 * readable or writable.
 * Invariant: the loop never watches a socket that libpq has closed; no callback runs inside
 * kal_pg_link_open, none after kal_pg_link_close.
 * Thread: the loop's. Blocks: never. */
#ifndef KAL_STORE_PG_LINK_H
#define KAL_STORE_PG_LINK_H

#include "base/buf.h"
#include "base/err.h"
#include "store/pg.h"
#include "store/pg_lookup.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <uv.h>

#define KAL_PG_TIMEOUT_MS 30000 /* statement_timeout unless told otherwise */
#define KAL_PG_NO_TIMEOUT (-1)  /* for statement_timeout: somebody else watches */
#define KAL_PG_CONNECT_MS 5000  /* connecting may take this long */
#define KAL_PG_TICK_MS 1000     /* how often silence is looked for */
#define KAL_PG_SILENCE_MS 5000  /* beyond statement_timeout the server is taken for dead */

typedef struct kal_pg_link {
    uv_loop_t *loop;
    PGconn *conn;           /* NULL: closed, or looking for the host's addresses */
    kal_pg_lookup *lookup;  /* NULL: none under way */
    kal_pg_options options; /* their texts are borrowed until it is connected or closed */
    uv_poll_t *poll;        /* its own piece of memory: a socket may change while connecting */
    int events;
    bool connected;
    /* error NULL: connected; else why not, and the link is to be closed. */
    void (*on_connect)(void *data, const char *error);
    void (*on_io)(void *data);
    void *data;
} kal_pg_link;

/* Begins to connect. The caller has set loop, the callbacks and data, and all else to zero; the
 * options' texts stay until it is connected or closed. False when it failed at once:
 * PQerrorMessage(link->conn) says why, and the link is to be closed. */
KAL_MUST_USE bool kal_pg_link_open(kal_pg_link *link, const kal_pg_options *options);
/* Sends what libpq holds and watches for reading, and for writing while something is left. False
 * when the connection is lost; *blocked (may be NULL) tells whether something is left. */
KAL_MUST_USE bool kal_pg_link_flush(kal_pg_link *link, bool *blocked);
/* Stops watching, whatever libpq still has; the connection stays. */
void kal_pg_link_mute(kal_pg_link *link);
/* Ends the connection; a closed link may be closed again. */
void kal_pg_link_close(kal_pg_link *link);

/* What an answer with this SQLSTATE ("" or NULL: none) means to callers. */
kal_err kal_pg_sqlstate_err(const char *sqlstate);
/* Appends the first line of libpq's text without its end of line. */
void kal_pg_first_line(kal_buf *out, const char *text);
/* statement_timeout with its default. */
int kal_pg_timeout_ms(const kal_pg_options *options);

#endif
