/* Read routes: a SQL statement that builds JSON, its parameters, and how its rows become an answer.
 * Invariant: every statement runs under row level security as the caller's tenant.
 * Thread: an engine thread. Blocks: never. */
#ifndef KAL_API_READ_H
#define KAL_API_READ_H

#include "base/str.h"
#include "store/pg.h"

#define KAL_READ_PARAMS 8
#define KAL_LIMIT_DEFAULT 50 /* rows of a list */
#define KAL_LIMIT_MOST 500

struct kal_request;

typedef enum kal_read_kind {
    KAL_READ_NONE,
    KAL_READ_ONE,    /* one row, one json column: {"data": it}; no row: 404 */
    KAL_READ_LIST,   /* rows of json and sort key: {"data": […], "next_cursor": …} */
    KAL_READ_LIST_OF /* the same below a thing: `parent` gets the first path id, or customer; no
                      * row: 404
                      */
} kal_read_kind;

/* Statement parameters, in their order. The kinds for the path take its parameters in turn. */
typedef enum kal_param_kind {
    KAL_PARAM_NONE,
    KAL_PARAM_ID,         /* path, uuid; anything else: 404 */
    KAL_PARAM_VERSION,    /* path, int4; anything else: 422 invalid_version_number */
    KAL_PARAM_CUSTOMER,   /* path, uuid or external:<id>: two parameters, uuid and text */
    KAL_PARAM_CURSOR_ID,  /* ?cursor, uuid or null */
    KAL_PARAM_CURSOR_INT, /* ?cursor, int4 or null */
    KAL_PARAM_LIMIT,      /* ?limit, int4: one more than asked for, to see whether there is more */
    KAL_PARAM_TEXT,       /* ?name, text or null */
    KAL_PARAM_INT,        /* ?name, int4 or null */
    KAL_PARAM_TIME,       /* ?name, timestamptz or null: an ISO-8601 instant, else 422 */
    KAL_PARAM_NOW,        /* journey time */
    KAL_PARAM_FLOW_STATUS /* ?name, a flow's status or null */
} kal_param_kind;

typedef struct kal_param {
    kal_param_kind kind;
    const char *name; /* of the query parameter, for TEXT, INT, TIME and FLOW_STATUS */
} kal_param;

typedef struct kal_read {
    kal_read_kind kind;
    kal_sql sql;
    kal_sql parent;
    kal_param params[KAL_READ_PARAMS];
    kal_sql of_customer; /* instead of sql with ?customer_id, which it gets last, with its key */
} kal_read;

/* Answers the request by its route's statement. */
void kal_read_run(struct kal_request *request);
/* The page that ?cursor (a UUID) and ?limit ask for; false when it has answered 422. */
bool kal_read_page(struct kal_request *request, kal_value *cursor, int64_t *limit);
/* Splits "external:<id>" or a UUID into its two statement parameters; false when it is neither. */
bool kal_customer_ref(kal_str text, kal_value *id, kal_value *external);

#endif
