/* One HTTP request on its way through the API.
 * Invariant: it lives while the connection or an operation holds it; `http` is NULL from the moment
 * the client is gone or answered, and answers after that are dropped.
 * Thread: the one that accepted it. Blocks: never. */
#ifndef KAL_API_REQUEST_H
#define KAL_API_REQUEST_H

#include "api/api.h"
#include "api/apikey.h"
#include "api/router.h"
#include "base/json.h"
#include "base/uuid.h"
#include "store/pool.h"

#define KAL_REQUEST_ID_MAX 128
#define KAL_QUERY_PAIRS 16

typedef struct kal_caller {
    kal_uuid tenant;
    kal_uuid key;
    kal_role role;
    const char *subject; /* of a token: sub; NULL: an API key. Lives as long as the request */
    kal_rate rates[KAL_RATE_CLASSES];
} kal_caller;

typedef struct kal_query_pair {
    kal_str name, value;
} kal_query_pair;

struct kal_request {
    kal_api_thread *thread;
    h2o_req_t *http;
    unsigned refs;
    kal_request *next, **link; /* in the thread's list until answered */
    const kal_route *route;
    kal_caller caller;
    kal_str params[KAL_ROUTE_PARAMS]; /* decoded, UTF-8 */
    bool below_journey; /* params[0] was a journey's; the pipeline makes it its flow's */
    bool unlaunched;    /* that journey is a draft, also when its flow runs */
    kal_uuid journey;   /* its id; nil for any other path */
    kal_query_pair query[KAL_QUERY_PAIRS];
    size_t n_query;
    json_t *body;            /* an object, once kal_request_body has read it */
    void *state;             /* a handler's own, freed with kal_free */
    char *subject;           /* the caller's, owned */
    struct kal_claim *claim; /* of its Idempotency-Key, NULL: none */
    int64_t number;          /* a handler's own */
    char id[KAL_REQUEST_ID_MAX + 1];
    char text[]; /* path and query, decoded in place */
};

/* Begins with one reference, which the connection's memory pool holds. */
kal_request *kal_request_new(kal_api_thread *thread, h2o_req_t *http);
void kal_request_ref(kal_request *request);
void kal_request_unref(kal_request *request);
/* The path without its query. */
kal_str kal_request_path(const kal_request *request);
/* Takes the matched row over; false when a parameter does not decode to UTF-8. */
bool kal_request_matched(kal_request *request, const kal_route_match *match);
/* Splits and decodes the query string; false when it is broken. */
bool kal_request_split_query(kal_request *request);
/* A parameter of the query string; p NULL when it is not there. */
kal_str kal_request_query(const kal_request *request, const char *name);
/* A header's value; p NULL when it is not there. Only before the first answer. */
kal_str kal_request_header(const kal_request *request, const h2o_token_t *token);
/* The same for a header that h2o has no token for: its name in lower case. */
kal_str kal_request_named_header(const kal_request *request, const char *name);
/* Parses the body, which must be an object (an empty body counts as {}); false when it has answered
 * with an error. */
bool kal_request_body(kal_request *request);
/* Reads a path parameter as a UUID; false when it has answered 404. */
bool kal_request_uuid(kal_request *request, size_t param, kal_uuid *out);
/* The path's journey is one around this flow, which takes the journey's place in the path. */
void kal_request_set_flow(kal_request *request, kal_uuid flow);
/* Who calls, as the audit log tells it: key:<id>, jwt:<sub>, operator. */
void kal_request_actor(const kal_request *request, kal_buf *out);
/* Whether ?name=true. */
bool kal_request_flag(const kal_request *request, const char *name);

/* Sends a call and hands its reply to `then`, the request being kept alive meanwhile. The pool is
 * kal_engine_reads (row level security) or kal_engine_writes (the owner's). What the call of a
 * writing route changes is the caller's in the audit log. */
void kal_request_send(kal_request *request, kal_pool *pool, kal_pg_call *call,
                      void (*then)(kal_request *request, const kal_pg_reply *reply));
/* The same for a call that changes nothing of the tenant's. */
void kal_request_ask(kal_request *request, kal_pool *pool, kal_pg_call *call,
                     void (*then)(kal_request *request, const kal_pg_reply *reply));
/* The time by which work for this request must have begun. */
uint64_t kal_request_deadline(void);
/* Journey time, milliseconds since 1970. */
int64_t kal_request_now(const kal_request *request);

#endif
