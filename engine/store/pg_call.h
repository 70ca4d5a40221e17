/* A call from its making to its answer, and queues of calls.
 * Invariant: a call is in at most one queue; its answer is given once.
 * Thread: the loop's. Blocks: never. */
#ifndef KAL_STORE_PG_CALL_H
#define KAL_STORE_PG_CALL_H

#include "store/args.h"
#include "store/pg.h"

#include <libpq-fe.h>

typedef struct kal_pg_item {
    kal_sql sql;
    bool prepare; /* a section with its Prepare goes ahead of the call */
    kal_args *args;
} kal_pg_item;

struct kal_pg_call {
    struct kal_pg_call *next;
    kal_pg_cb cb;
    void *data;
    kal_pg_item *items;
    kal_pg_rows **rows; /* results, which are PGresults in truth */
    size_t n, cap;
    size_t before;   /* items ahead of the caller's, of which it hears nothing */
    size_t prepares; /* sections with a Prepare that are not answered */
    size_t at;       /* the item that the next result belongs to */
    PGresult *error; /* the first error */
    size_t failed;   /* the item it belongs to */
    kal_err refused; /* why it was not sent, and in words (static text) */
    const char *refusal;
};

typedef struct kal_pg_queue {
    kal_pg_call *first, *last;
} kal_pg_queue;

void kal_pg_push(kal_pg_queue *queue, kal_pg_call *call);
/* The first call, taken out; NULL when there is none. */
kal_pg_call *kal_pg_pop(kal_pg_queue *queue);

/* Keeps the error of an item (takes ownership) unless the call has one. */
void kal_pg_call_fail(kal_pg_call *call, size_t item, PGresult *error);
/* Answers a call whose last section is complete, and frees it. */
void kal_pg_call_answer(kal_pg_call *call);
/* Answers a call that the server did not, and frees it. */
void kal_pg_call_lose(kal_pg_call *call, kal_err err, bool unknown, const char *message);

/* Answers UNAVAILABLE on the next loop turn; takes ownership of the call. Message: static text. */
void kal_pg_refuse(kal_pg *pg, kal_pg_call *call, kal_pg_cb cb, void *data, const char *message);

#endif
