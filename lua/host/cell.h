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

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

typedef struct kal_cells kal_cells;

/* Zeros stand for the defaults; what is above the most is cut to it. */
typedef struct kal_cell_limits {
    unsigned wall_ms;             /* of a call: 100, at most 1000 */
    size_t memory;                /* of the Lua state: 16 MB, at most 64 MB */
    size_t input, output, source; /* 256, 64, 64 KB; at most 1024, 256, 256 KB */
} kal_cell_limits;

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
    kal_cell_limits limits;
    kal_str source; /* text, no bytecode; borrowed for the call */
    kal_str input;  /* JSON {customer, context, accumulated, event, now}; borrowed likewise */
    uint64_t seed;  /* of ctx.random: the same seed gives the same numbers */
    void (*done)(void *data, const kal_cell_result *result);
    void *data;
} kal_cell_call;

/* What a tenant has used since its cell was first made. */
typedef struct kal_cell_usage {
    uint64_t calls, failures, kills, cpu_ns;
    size_t memory; /* the most of a call's end */
    bool off;      /* its code is switched off for now */
} kal_cell_usage;

/* `channel` is one of kal_zygote's; it outlives the cells. */
kal_cells *kal_cells_new(uv_loop_t *loop, int channel);
/* Answers what waits with KAL_CELL_BUSY, kills the workers; memory goes when the loop has closed
 * the handles. NULL is fine. */
void kal_cells_free(kal_cells *cells);
void kal_cells_call(kal_cells *cells, const kal_cell_call *call);
/* False when the tenant has called nothing. */
bool kal_cells_usage(const kal_cells *cells, kal_uuid tenant, kal_cell_usage *out);
/* Workers that are there or on their way. */
size_t kal_cells_workers(const kal_cells *cells);

#endif
