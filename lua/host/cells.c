#include "lua/host/cell_state.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

#include <string.h>
#include <xxhash.h>

#define WORKERS_MOST 128
#define WAITING_MOST 10000
#define WAITING_BYTES ((size_t)32 << 20)
#define IDLE_NS 30000000000ULL
#define SWEEP_MS 5000

static void on_closed(uv_handle_t *handle)
{
    kal_free(handle);
}

uv_timer_t *kal_cells_timer(uv_loop_t *loop, void *data)
{
    uv_timer_t *timer = kal_calloc(1, sizeof *timer);
    uv_timer_init(loop, timer);
    timer->data = data;
    return timer;
}

uv_poll_t *kal_cells_poll(uv_loop_t *loop, int fd, void *data)
{
    uv_poll_t *poll = kal_calloc(1, sizeof *poll);
    uv_poll_init(loop, poll, fd);
    poll->data = data;
    return poll;
}

void kal_cells_close(void *handle)
{
    uv_close(handle, on_closed);
}

/* ---- answers ---- */

static void answer_text(kal_cell_pending *k, kal_cell_end end, const char *text)
{
    k->done(k->data, &(kal_cell_result){.end = end, .text = kal_str_of(text)});
    kal_free(k);
}

static void on_turn(uv_timer_t *timer)
{
    kal_cells *cells = timer->data;
    for (size_t n = cells->refused.count; n; n--) {
        kal_cell_pending *k = kal_cell_take(&cells->refused);
        answer_text(k, k->refused, k->refusal);
    }
    if (cells->refused.count)
        uv_timer_start(timer, on_turn, 0, 0);
}

void kal_cells_refuse(kal_cells *cells, kal_cell_pending *k, kal_cell_end end, const char *text)
{
    k->refused = end;
    k->refusal = text;
    kal_cell_append(&cells->refused, k);
    uv_timer_start(cells->turn, on_turn, 0, 0);
}

void kal_cells_refuse_all(kal_cell *c, kal_cell_end end, const char *text)
{
    for (kal_cell_pending *k; (k = kal_cell_take(&c->queued));)
        kal_cells_refuse(c->cells, k, end, text);
}

/* ---- workers ---- */

/* Room for one more: an idle worker goes. */
static bool make_room(kal_cells *cells)
{
    size_t at = 0;
    kal_str key;
    void *value;
    while (cells->workers >= WORKERS_MOST &&
           kal_strmap_next(&cells->by_tenant, &at, &key, &value)) {
        kal_cell *c = value;
        if (c->stage == KAL_CELL_RUNNING && !c->sent.first && !c->queued.first)
            kal_cell_drop(c);
    }
    return cells->workers < WORKERS_MOST;
}

void kal_cells_ask_worker(kal_cell *c)
{
    kal_cells *cells = c->cells;
    c->memory = c->queued.first->limits.memory;
    if (cells->gone || !make_room(cells) || !kal_zygote_ask(cells->channel, c->memory)) {
        kal_cells_refuse_all(c, KAL_CELL_BUSY, "no process can be had to run the code in");
        return;
    }
    c->stage = KAL_CELL_ASKED;
    c->next_asked = NULL;
    *cells->asked_last = c;
    cells->asked_last = &c->next_asked;
    cells->workers++;
}

static kal_cell *take_asked(kal_cells *cells)
{
    kal_cell *c = cells->asked;
    if (!c)
        return NULL;
    cells->asked = c->next_asked;
    if (!cells->asked)
        cells->asked_last = &cells->asked;
    return c;
}

static void miss_worker(kal_cell *c)
{
    c->stage = KAL_CELL_NONE;
    c->cells->workers--;
    kal_cells_refuse_all(c, KAL_CELL_BUSY, "no process can be had to run the code in");
}

static void on_channel(uv_poll_t *poll, int status, int events)
{
    kal_cells *cells = poll->data;
    kal_spawned worker;
    int got = status < 0 ? -2 : 0;
    (void)events;
    while (got != -2 && (got = kal_zygote_take(cells->channel, &worker)) != 0) {
        kal_cell *c = got == -2 ? NULL : take_asked(cells);
        if (c && got == 1)
            kal_cell_start(c, &worker);
        else if (c)
            miss_worker(c);
    }
    if (got != -2)
        return;
    kal_log(KAL_LOG_ERROR, "cells_lost", "message", "the process that makes workers is gone", NULL);
    cells->gone = true;
    uv_poll_stop(poll);
    for (kal_cell *c; (c = take_asked(cells));)
        miss_worker(c);
}

static void on_sweep(uv_timer_t *timer)
{
    kal_cells *cells = timer->data;
    uint64_t now_ns = kal_clock_mono_ns();
    size_t at = 0;
    kal_str key;
    void *value;
    while (kal_strmap_next(&cells->by_tenant, &at, &key, &value)) {
        kal_cell *c = value;
        if (c->stage == KAL_CELL_RUNNING && !c->sent.first && now_ns - c->idle_ns > IDLE_NS)
            kal_cell_drop(c);
    }
}

/* ---- the outside ---- */

kal_cells *kal_cells_new(uv_loop_t *loop, int channel, kal_cell_book *book,
                         void (*switched_off)(void *data, kal_uuid tenant), void *data)
{
    kal_cells *cells = kal_calloc(1, sizeof *cells);
    cells->loop = loop;
    cells->channel = channel;
    cells->book = book;
    cells->switched_off = switched_off;
    cells->data = data;
    cells->asked_last = &cells->asked;
    cells->refused.last = &cells->refused.first;
    cells->poll = kal_cells_poll(loop, channel, cells);
    cells->sweep = kal_cells_timer(loop, cells);
    cells->turn = kal_cells_timer(loop, cells);
    uv_poll_start(cells->poll, UV_READABLE, on_channel);
    uv_timer_start(cells->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    return cells;
}

static void stop_cell(kal_cell *c)
{
    kal_cell_put_back(&c->sent, &c->queued);
    if (c->stage == KAL_CELL_RUNNING)
        kal_cell_drop(c);
    for (kal_cell_pending *k; (k = kal_cell_take(&c->queued));)
        answer_text(k, KAL_CELL_BUSY, "the engine stops");
}

void kal_cells_stop(kal_cells *cells)
{
    size_t at = 0;
    kal_str key;
    void *value;
    if (!cells)
        return;
    cells->gone = true;
    while (kal_strmap_next(&cells->by_tenant, &at, &key, &value))
        stop_cell(value);
    for (kal_cell_pending *k; (k = kal_cell_take(&cells->refused));)
        answer_text(k, k->refused, k->refusal);
}

static void free_cell(kal_cell *c)
{
    kal_cells_close(c->watch);
    kal_u64map_deinit(&c->sources);
    kal_buf_deinit(&c->in);
    kal_buf_deinit(&c->out);
    kal_free(c);
}

void kal_cells_free(kal_cells *cells)
{
    size_t at = 0;
    kal_str key;
    void *value;
    if (!cells)
        return;
    kal_cells_stop(cells);
    while (kal_strmap_next(&cells->by_tenant, &at, &key, &value))
        free_cell(value);
    kal_strmap_deinit(&cells->by_tenant);
    kal_cells_close(cells->poll);
    kal_cells_close(cells->sweep);
    kal_cells_close(cells->turn);
    kal_free(cells);
}

static kal_cell *cell_of(kal_cells *cells, kal_uuid tenant)
{
    kal_str key = {(const char *)tenant.b, sizeof tenant.b};
    kal_cell *c = kal_strmap_get(&cells->by_tenant, key);
    if (c)
        return c;
    c = kal_calloc(1, sizeof *c);
    c->cells = cells;
    c->tenant = tenant;
    c->account = kal_cell_book_account(cells->book, tenant);
    c->sent.last = &c->sent.first;
    c->queued.last = &c->queued.first;
    c->watch = kal_cells_timer(cells->loop, c);
    kal_strmap_put(&cells->by_tenant, key, c);
    return c;
}

void kal_cells_call(kal_cells *cells, const kal_cell_call *given)
{
    kal_cell *c = cell_of(cells, given->tenant);
    kal_cell_pending *k = kal_calloc(1, sizeof *k + given->source.n + given->input.n);
    k->id = ++cells->next_id;
    k->limits = kal_cell_account_limits(c->account, given->wall_ms);
    k->seed = given->seed;
    k->source_id = XXH3_64bits(given->source.p, given->source.n);
    k->done = given->done;
    k->data = given->data;
    k->source_len = given->source.n;
    k->input_len = given->input.n;
    memcpy(k->texts, given->source.p, given->source.n);
    memcpy(k->texts + given->source.n, given->input.p, given->input.n);
    if (kal_cell_account_is_off(c->account))
        kal_cells_refuse(cells, k, KAL_CELL_FAILED, kal_cell_off);
    else if (given->source.n > k->limits.source)
        kal_cells_refuse(cells, k, KAL_CELL_FAILED, "the code is longer than its limit");
    else if (given->input.n > k->limits.input)
        kal_cells_refuse(cells, k, KAL_CELL_FAILED,
                         "what the code is to see is larger than its limit");
    else if (c->queued.count >= WAITING_MOST || c->queued.bytes >= WAITING_BYTES)
        kal_cells_refuse(cells, k, KAL_CELL_BUSY,
                         "too many calls of the tenant's code are waiting");
    else
        kal_cell_append(&c->queued, k);
    kal_cell_pump(c);
}

size_t kal_cells_input_most(kal_cells *cells, kal_uuid tenant)
{
    return kal_cell_account_limits(cell_of(cells, tenant)->account, 0).input;
}

size_t kal_cells_workers(const kal_cells *cells)
{
    return cells->workers;
}
