/* Cells: where tenants' code runs. A cell is a tenant's worker process as one thread of the engine
 * sees it: made on demand, given calls one behind the other, killed when one takes too long, and
 * made anew. Code that keeps being killed is switched off for a while.
 * Invariant: every call is answered exactly once, never inside kal_cells_call; the calls of a
 * worker that dies, but for the one it was at, go to the next one.
 * Thread: the loop's. Blocks: never. */
#ifndef KAL_LUA_HOST_CELL_H
#define KAL_LUA_HOST_CELL_H

#include "base/str.h"
#include "base/uuid.h"
#include "lua/host/cell_book.h"

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

typedef struct kal_cells kal_cells;

typedef enum kal_cell_end {
    KAL_CELL_OUTCOME, /* the text is the outcome's JSON, as lua/kal/sandbox.lua makes it */
    KAL_CELL_FAILED,  /* the code failed, or a limit stopped it: the text says how */
    KAL_CELL_BUSY     /* nothing was run: too much is waiting, or no worker can be had */
} kal_cell_end;

typedef struct kal_cell_result {
    kal_cell_end end;
    kal_str text; /* borrowed for the callback */
    uint64_t cpu_ns;
    size_t memory; /* of the Lua state at the call's end */
} kal_cell_result;

typedef struct kal_cell_call {
    kal_uuid tenant;
    unsigned wall_ms; /* that it may take; 0: as long as the tenant's calls usually may */
    kal_str source;   /* text, no bytecode; borrowed for the call */
    kal_str input;    /* JSON {customer, context, accumulated, event, now}; borrowed likewise */
    uint64_t seed;    /* of ctx.random: the same seed gives the same numbers */
    void (*done)(void *data, const kal_cell_result *result);
    void *data;
} kal_cell_call;

/* `channel` is one of kal_zygote's; it and the book outlive the cells. switched_off is told (on the
 * loop's thread) of a tenant whose code has been killed too often; NULL: nobody is. */
kal_cells *kal_cells_new(uv_loop_t *loop, int channel, kal_cell_book *book,
                         void (*switched_off)(void *data, kal_uuid tenant), void *data);
/* Stops them; memory goes when the loop has closed the handles. NULL is fine. */
void kal_cells_free(kal_cells *cells);
/* Answers what waits with KAL_CELL_BUSY, as what comes from now on, and kills the workers. */
void kal_cells_stop(kal_cells *cells);
void kal_cells_call(kal_cells *cells, const kal_cell_call *call);
/* The most bytes that a call's input may have for this tenant. */
size_t kal_cells_input_most(kal_cells *cells, kal_uuid tenant);
/* Workers that are there or on their way. */
size_t kal_cells_workers(const kal_cells *cells);

#endif
