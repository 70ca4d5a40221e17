#include "store/pg_call.h"

#include "base/alloc.h"
#include "store/pg_link.h"

#include <string.h>

kal_pg_call *kal_pg_call_new(void)
{
    return kal_calloc(1, sizeof(kal_pg_call));
}

void kal_pg_call_free(kal_pg_call *call)
{
    if (!call)
        return;
    for (size_t i = 0; i < call->n; i++) {
        kal_args_free(call->items[i].args);
        PQclear((PGresult *)call->rows[i]);
    }
    PQclear(call->error);
    kal_free(call->items);
    kal_free(call->rows);
    kal_free(call);
}

void kal_pg_call_add(kal_pg_call *call, kal_sql sql, kal_args *args)
{
    if (call->n == call->cap) {
        call->cap = call->cap ? call->cap * 2 : 4;
        call->items = kal_realloc(call->items, call->cap * sizeof *call->items);
        call->rows = kal_realloc(call->rows, call->cap * sizeof *call->rows);
    }
    call->items[call->n] = (kal_pg_item){.sql = sql, .args = args};
    call->rows[call->n] = NULL;
    call->n++;
}

void kal_pg_call_precede(kal_pg_call *call, kal_sql sql, kal_args *args)
{
    kal_pg_call_add(call, sql, args);
    kal_pg_item last = call->items[call->n - 1];
    memmove(call->items + 1, call->items, (call->n - 1) * sizeof last);
    call->items[0] = last;
    call->before++;
}

void kal_pg_call_add_one(kal_pg_call *call, kal_sql sql, kal_value value)
{
    kal_args *args = kal_args_new();
    kal_args_add(args, value);
    kal_pg_call_add(call, sql, args);
}

void kal_pg_push(kal_pg_queue *queue, kal_pg_call *call)
{
    call->next = NULL;
    if (queue->last)
        queue->last->next = call;
    else
        queue->first = call;
    queue->last = call;
}

kal_pg_call *kal_pg_pop(kal_pg_queue *queue)
{
    kal_pg_call *call = queue->first;
    if (!call)
        return NULL;
    queue->first = call->next;
    if (!queue->first)
        queue->last = NULL;
    return call;
}

void kal_pg_call_fail(kal_pg_call *call, size_t item, PGresult *error)
{
    if (call->error) {
        PQclear(error);
        return;
    }
    call->error = error;
    call->failed = item;
}

/* The server's error, in the reply's terms. */
static void tell_error(const kal_pg_call *call, kal_pg_reply *reply)
{
    const PGresult *error = call->error;
    const char *sqlstate = PQresultErrorField(error, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(error, PG_DIAG_MESSAGE_PRIMARY);
    if (sqlstate)
        memcpy(reply->sqlstate, sqlstate, strnlen(sqlstate, sizeof reply->sqlstate - 1));
    reply->message = message ? message : PQresultErrorMessage(error);
    reply->failed = call->failed > call->before ? call->failed - call->before : 0;
}

void kal_pg_call_answer(kal_pg_call *call)
{
    kal_pg_reply reply = {
        .message = "", .count = call->n - call->before, .rows = call->rows + call->before};
    if (call->error) {
        tell_error(call, &reply);
        reply.err = kal_pg_sqlstate_err(reply.sqlstate);
        reply.count = reply.failed;
    }
    call->cb(call->data, &reply);
    kal_pg_call_free(call);
}

void kal_pg_call_lose(kal_pg_call *call, kal_err err, bool unknown, const char *message)
{
    kal_pg_reply reply = {.err = err, .unknown = unknown, .message = message};
    if (call->error)
        tell_error(call, &reply);
    call->cb(call->data, &reply);
    kal_pg_call_free(call);
}
