/* The inside of cells, shared by cells.c (the tenants of a thread, and where workers come from) and
 * cell.c (one tenant's worker: what goes to it, what comes from it, its end).
 * Thread: the loop's. */
#ifndef KAL_LUA_HOST_CELL_STATE_H
#define KAL_LUA_HOST_CELL_STATE_H

#include "base/buf.h"
#include "base/map.h"
#include "lua/host/cell.h"
#include "lua/host/zygote.h"

typedef struct kal_cell kal_cell;

typedef struct kal_cell_pending {
    struct kal_cell_pending *next;
    uint64_t id, source_id, seed;
    kal_cell_limits limits;
    void (*done)(void *data, const kal_cell_result *result);
    void *data;
    kal_cell_end refused; /* while it waits to be told: how, and */
    const char *refusal;  /* in which words */
    size_t source_len, input_len;
    char texts[]; /* the source, then the input */
} kal_cell_pending;

typedef struct kal_cell_list {
    kal_cell_pending *first, **last;
    size_t count, bytes;
} kal_cell_list;

typedef enum kal_cell_stage {
    KAL_CELL_NONE,  /* no worker */
    KAL_CELL_ASKED, /* one is on its way */
    KAL_CELL_RUNNING
} kal_cell_stage;

struct kal_cell {
    kal_cell *next_asked; /* of those whose worker is on its way, in order */
    kal_cells *cells;
    kal_uuid tenant;
    kal_cell_account *account;
    kal_cell_stage stage;
    kal_spawned worker;
    size_t memory; /* that the worker was made with */
    uv_poll_t *poll;
    uv_timer_t *watch; /* ticks while calls are out, or wait for others of the tenant's to end */
    kal_cell_list sent, queued;
    kal_u64map sources; /* that the worker knows, by id */
    kal_buf out, in;
    size_t out_at, in_at;
    uint64_t served;  /* calls that this worker was sent */
    bool recycle;     /* as soon as it has answered them */
    uint64_t watched; /* the call that ran at the last tick, and since when */
    uint64_t since_ns, since_cpu_ns;
    uint64_t idle_ns; /* since when it has no work */
    bool runs;        /* it counts as one that runs calls, which no more than at_once may */
};

struct kal_cells {
    uv_loop_t *loop;
    int channel;
    kal_cell_book *book;
    void (*switched_off)(void *data, kal_uuid tenant);
    void *data;
    bool gone; /* the zygote */
    uv_poll_t *poll;
    uv_timer_t *sweep, *turn;
    kal_strmap by_tenant;
    kal_cell *asked, **asked_last;
    size_t workers;
    uint64_t next_id;
    kal_cell_list refused; /* are told in the loop's next turn */
};

/* cells.c */
uv_timer_t *kal_cells_timer(uv_loop_t *loop, void *data);
uv_poll_t *kal_cells_poll(uv_loop_t *loop, int fd, void *data);
/* Closes a handle of the two above, whose memory goes then. */
void kal_cells_close(void *handle);
/* Answers in the loop's next turn. The text stays. */
void kal_cells_refuse(kal_cells *cells, kal_cell_pending *k, kal_cell_end end, const char *text);
void kal_cells_refuse_all(kal_cell *c, kal_cell_end end, const char *text);
/* A worker for what is queued, or a refusal of it. */
void kal_cells_ask_worker(kal_cell *c);
/* cell.c */
void kal_cell_append(kal_cell_list *list, kal_cell_pending *k);
kal_cell_pending *kal_cell_take(kal_cell_list *list);
/* What was sent comes before what was queued. */
void kal_cell_put_back(kal_cell_list *sent, kal_cell_list *queued);
void kal_cell_start(kal_cell *c, const kal_spawned *worker);
/* Whatever the cell can do now. */
void kal_cell_pump(kal_cell *c);
/* Kills the worker; its calls stay in their lists. */
void kal_cell_drop(kal_cell *c);
extern const char kal_cell_off[]; /* why its calls are refused then */

#endif
