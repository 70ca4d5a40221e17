/* A segment's predicate, a tenant's Lua, asked about many customers: in the tenant's cell, some of
 * them a call, one call behind the other. Those it fails for cannot be told; when a call fails as a
 * whole (a limit, no process), nor can those that were not asked about.
 * Invariant: `done` comes once, inside kal_predicate_ask only when nobody can be asked about, and
 * not when the predicate is freed before; behind it the predicate frees itself.
 * Thread: the loop's. Blocks: never. */
#ifndef KAL_RUN_PREDICATE_H
#define KAL_RUN_PREDICATE_H

#include "lua/host/cell.h"

typedef struct kal_predicate kal_predicate;

typedef enum kal_verdict { KAL_VERDICT_UNKNOWN, KAL_VERDICT_NO, KAL_VERDICT_YES } kal_verdict;

typedef struct kal_verdicts {
    const kal_verdict *list; /* in the order of kal_predicate_add; borrowed, as the rest */
    size_t n;
    kal_cell_end end; /* KAL_CELL_OUTCOME: all were asked about */
    kal_str reason;   /* the first of what failed; n 0: nothing did */
} kal_verdicts;

/* Text is copied. now_ms: the journey time that the predicate sees. */
kal_predicate *kal_predicate_new(kal_uuid tenant, kal_str source, int64_t now_ms);
/* Also of one that was asked: then `done` does not come. NULL is fine. */
void kal_predicate_free(kal_predicate *predicate);
/* `customer`: JSON as the API shows one; copied. */
void kal_predicate_add(kal_predicate *predicate, kal_str customer);
size_t kal_predicate_count(const kal_predicate *predicate);
/* The customer that was added as the nth, from 0. Borrowed. */
kal_str kal_predicate_at(const kal_predicate *predicate, size_t nth);
/* At least one customer was added. The cells outlive it. `wanted` is asked before each call whether
 * anybody waits for the answer: if not, it ends as KAL_CELL_BUSY; NULL: somebody does. */
void kal_predicate_ask(kal_predicate *predicate, kal_cells *cells, bool (*wanted)(void *data),
                       void (*done)(void *data, const kal_verdicts *verdicts), void *data);

#endif
