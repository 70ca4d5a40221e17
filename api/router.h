/* The route table: which handler or statement answers a method and a path.
 * Invariant: the table is constant; the first row that fits answers.
 * Thread: any. Blocks: never. */
#ifndef KAL_API_ROUTER_H
#define KAL_API_ROUTER_H

#include "api/doc.h"
#include "api/limits.h"
#include "api/read.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stddef.h>

#define KAL_ROUTE_PARAMS 4
#define KAL_PATH_MAX 2048

typedef struct kal_request kal_request;

/* Who may call: nobody needs a key, a key of at least this role, or the operator's key. */
typedef enum kal_scope {
    KAL_SCOPE_NONE,
    KAL_SCOPE_VIEWER,
    KAL_SCOPE_EDITOR,
    KAL_SCOPE_ADMIN,
    KAL_SCOPE_OPERATOR
} kal_scope;

typedef struct kal_route {
    const char *method;
    const char *pattern; /* "/api/v1/flows/:id": a colon takes one segment */
    kal_scope scope;
    kal_rate_class rate;
    void (*handle)(kal_request *request); /* NULL: `read` answers */
    kal_read read;                        /* beside a handler: its parameters, for the document */
    size_t max_body;                      /* bytes; 0: 1 MiB */
    kal_doc doc;                          /* a row without it does not compile */
} kal_route;

typedef struct kal_route_match {
    const kal_route *route;
    kal_str params[KAL_ROUTE_PARAMS]; /* slices of the path, not decoded */
    bool below_journey;               /* the first of them is a journey's id, where a flow's goes */
} kal_route_match;

/* All routes of the API, `count` of them. */
const kal_route *kal_routes(size_t *count);

/* What of a flow's pattern lies below a journey too ("/:id/pause"); NULL: nothing. */
const char *kal_router_below_journey(const char *pattern);
/* Finds the row; HEAD takes GET's, and what lies below a flow lies below the journey around it
 * too, in the same row. NOT_FOUND, or METHOD_NOT_ALLOWED with the methods that the path
 * knows ("GET, HEAD, PUT") appended to allow. */
KAL_MUST_USE kal_err kal_router_match(const kal_route *routes, size_t count, kal_str method,
                                      kal_str path, kal_route_match *out, kal_buf *allow);
/* Decodes %XX in place and shortens the slice; false when an escape is broken. */
bool kal_percent_decode(char *text, size_t *len, bool plus_is_space);

#endif
