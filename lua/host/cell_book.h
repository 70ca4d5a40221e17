/* What a process keeps about the tenants that have code: their limits, what they have used, how
 * often their code had to be killed. All threads' cells share it.
 * Invariant: an account lives as long as the book.
 * Thread: any. Blocks: for a look into a map. */
#ifndef KAL_LUA_HOST_CELL_BOOK_H
#define KAL_LUA_HOST_CELL_BOOK_H

#include "base/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kal_cell_book kal_cell_book;
typedef struct kal_cell_account kal_cell_account;

/* Zeros stand for the defaults; what is above the most is cut to it. */
typedef struct kal_cell_limits {
    unsigned wall_ms;             /* of a call: 100, at most 1000 */
    unsigned at_once;             /* calls that run at the same time: 2, at most 8 */
    size_t memory;                /* of the Lua state: 16 MB, at most 64 MB */
    size_t input, output, source; /* 256, 64, 64 KB; at most 1024, 256, 256 KB */
} kal_cell_limits;

/* What a tenant has used since the process began. */
typedef struct kal_cell_usage {
    uint64_t calls, failures, kills, cpu_ns;
    size_t memory; /* the most of a call's end */
    bool off;      /* its code is switched off for now */
} kal_cell_usage;

kal_cell_book *kal_cell_book_new(void);
void kal_cell_book_free(kal_cell_book *book);
/* The tenant's account, made when new. */
kal_cell_account *kal_cell_book_account(kal_cell_book *book, kal_uuid tenant);
/* False when the tenant has called nothing. */
bool kal_cell_book_usage(kal_cell_book *book, kal_uuid tenant, kal_cell_usage *out);
/* The usage of every tenant that has called something, in no order. `each` must not come back. */
void kal_cell_book_each(kal_cell_book *book,
                        void (*each)(void *data, kal_uuid tenant, const kal_cell_usage *usage),
                        void *data);
/* The limits that hold for its calls from now on. */
void kal_cell_book_limit(kal_cell_book *book, kal_uuid tenant, const kal_cell_limits *limits);

/* The limits in force; wall_ms: what a call may take that asks for so much (0: for nothing). */
kal_cell_limits kal_cell_account_limits(kal_cell_account *account, unsigned wall_ms);
/* A call runs, unless as many as may run at once do already; and has ended. */
bool kal_cell_account_enter(kal_cell_account *account);
void kal_cell_account_leave(kal_cell_account *account);
/* Counts a call that was sent, one that has ended. */
void kal_cell_account_sent(kal_cell_account *account);
void kal_cell_account_ended(kal_cell_account *account, bool ok, uint64_t cpu_ns, size_t memory);
/* Counts a call that was killed; true when by that the tenant's code is switched off, for five
 * minutes: it is the fifth within one. */
bool kal_cell_account_killed(kal_cell_account *account);
bool kal_cell_account_is_off(kal_cell_account *account);

#endif
