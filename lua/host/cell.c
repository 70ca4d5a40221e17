#include "lua/host/cell_state.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "lua/host/frame.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WINDOW 32 /* calls that a worker has been sent and has not answered */
#define RECYCLE_CALLS 1000
#define TICK_MS 10
#define STARVED 50 /* a worker that gets no core may take so many times its deadline */
#define READ_MOST ((size_t)64 << 10)
#define REASON_MOST 1000
#define MS 1000000ULL

void kal_cell_append(kal_cell_list *list, kal_cell_pending *k)
{
    k->next = NULL;
    *list->last = k;
    list->last = &k->next;
    list->count++;
    list->bytes += k->source_len + k->input_len;
}

kal_cell_pending *kal_cell_take(kal_cell_list *list)
{
    kal_cell_pending *k = list->first;
    if (!k)
        return NULL;
    list->first = k->next;
    if (!list->first)
        list->last = &list->first;
    list->count--;
    list->bytes -= k->source_len + k->input_len;
    return k;
}

void kal_cell_put_back(kal_cell_list *sent, kal_cell_list *queued)
{
    *sent->last = queued->first;
    if (queued->first)
        sent->last = queued->last;
    sent->count += queued->count;
    sent->bytes += queued->bytes;
    *queued = *sent;
    if (!queued->first)
        queued->last = &queued->first;
    *sent = (kal_cell_list){.last = &sent->first};
}

/* ---- as many at once as the tenant may run ---- */

static bool enter(kal_cell *c)
{
    c->runs = c->runs || kal_cell_account_enter(c->account);
    return c->runs;
}

static void leave(kal_cell *c)
{
    if (c->runs)
        kal_cell_account_leave(c->account);
    c->runs = false;
}

/* ---- a worker's end ---- */

void kal_cell_drop(kal_cell *c)
{
    (void)syscall(SYS_pidfd_send_signal, c->worker.pidfd, SIGKILL, NULL, 0);
    kal_cells_close(c->poll);
    uv_timer_stop(c->watch);
    close(c->worker.pidfd);
    close(c->worker.pipe);
    kal_u64map_deinit(&c->sources);
    kal_buf_clear(&c->in);
    kal_buf_clear(&c->out);
    c->in_at = c->out_at = 0;
    c->poll = NULL;
    c->stage = KAL_CELL_NONE;
    c->cells->workers--;
    leave(c);
}

const char kal_cell_off[] =
    "the tenant's code is switched off for five minutes: it had to be stopped "
    "five times within one";

static void note_kill(kal_cell *c)
{
    char tenant[KAL_UUID_TEXT + 1];
    if (!kal_cell_account_killed(c->account))
        return;
    kal_uuid_format(c->tenant, tenant);
    kal_log(KAL_LOG_WARN, "code_switched_off", "tenant_id", tenant, NULL);
    if (c->cells->switched_off)
        c->cells->switched_off(c->cells->data, c->tenant);
}

/* The worker was killed, or has died, over its first call; the others go to the next one. */
static void died(kal_cell *c, const char *why)
{
    kal_cell_drop(c);
    kal_cell_pending *guilty = kal_cell_take(&c->sent);
    kal_cell_put_back(&c->sent, &c->queued);
    if (guilty) {
        note_kill(c);
        kal_cells_refuse(c->cells, guilty, KAL_CELL_FAILED, why);
    }
    if (kal_cell_account_is_off(c->account))
        kal_cells_refuse_all(c, KAL_CELL_FAILED, kal_cell_off);
    kal_cell_pump(c);
}

static void read_pipe(kal_cell *c);

/* What has been answered is read first: a loop that was late would charge the first call with the
 * time of all those behind it. */
static void on_tick(uv_timer_t *timer)
{
    kal_cell *c = timer->data;
    if (c->sent.first)
        read_pipe(c);
    const kal_cell_pending *k = c->sent.first;
    if (!k) {
        kal_cell_pump(c);
        return;
    }
    uint64_t now_ns = kal_clock_mono_ns();
    uint64_t cpu_ns = kal_clock_cpu_of_ns(c->worker.pid);
    uint64_t most_ns = k->limits.wall_ms * MS;
    if (c->watched != k->id) {
        c->watched = k->id;
        c->since_ns = now_ns;
        c->since_cpu_ns = cpu_ns;
        return;
    }
    if (now_ns - c->since_ns < most_ns)
        return;
    if (cpu_ns - c->since_cpu_ns >= most_ns || now_ns - c->since_ns >= STARVED * most_ns)
        died(c, "took longer than its deadline and was stopped");
}

/* ---- what comes from a worker ---- */

static void take_reply(kal_cell *c, const kal_reply_head *head, kal_str text)
{
    kal_cell_pending *k = kal_cell_take(&c->sent);
    bool ok = head->kind == KAL_REPLY_OUTCOME;
    kal_cell_account_ended(c->account, ok, head->cpu_ns, (size_t)head->memory);
    c->recycle = c->recycle || head->kind == KAL_REPLY_LIMIT;
    kal_cell_result result = {.end = ok ? KAL_CELL_OUTCOME : KAL_CELL_FAILED,
                              .text = text,
                              .cpu_ns = head->cpu_ns,
                              .memory = (size_t)head->memory};
    k->done(k->data, &result);
    kal_free(k);
}

/* False when the worker says what no worker of ours says. */
static bool take_replies(kal_cell *c)
{
    kal_reply_head head;
    while (c->sent.first && c->in.len - c->in_at >= sizeof head) {
        memcpy(&head, c->in.data + c->in_at, sizeof head);
        size_t most = c->sent.first->limits.output;
        if (head.id != c->sent.first->id || head.kind > KAL_REPLY_LIMIT ||
            head.text_len > (most > REASON_MOST ? most : REASON_MOST))
            return false;
        if (c->in.len - c->in_at < sizeof head + head.text_len)
            return true;
        kal_str text = {c->in.data + c->in_at + sizeof head, head.text_len};
        c->in_at += sizeof head + head.text_len;
        take_reply(c, &head, text);
    }
    if (c->in_at < c->in.len && !c->sent.first)
        return false;
    if (c->in_at == c->in.len) {
        kal_buf_clear(&c->in);
        c->in_at = 0;
    }
    return true;
}

/* Moves what is not read yet to the front, so that the buffer stays as large as an answer. */
static void compact(kal_cell *c)
{
    if (!c->in_at)
        return;
    memmove(c->in.data, c->in.data + c->in_at, c->in.len - c->in_at);
    c->in.len -= c->in_at;
    c->in_at = 0;
}

static void read_pipe(kal_cell *c)
{
    compact(c);
    ssize_t n = read(c->worker.pipe, kal_buf_reserve(&c->in, READ_MOST), READ_MOST);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        c->in.len += (size_t)n;
    if (n <= 0)
        died(c, "crashed the process that it ran in");
    else if (!take_replies(c))
        died(c, "broke the process that it ran in");
    else
        kal_cell_pump(c);
}

/* ---- what goes to a worker ---- */

static void on_io(uv_poll_t *poll, int status, int events);

static void watch_pipe(kal_cell *c)
{
    bool more = c->out_at < c->out.len;
    uv_poll_start(c->poll, more ? UV_READABLE | UV_WRITABLE : UV_READABLE, on_io);
}

/* A pipe that is broken is found by reading it. */
static void write_pipe(kal_cell *c)
{
    while (c->out_at < c->out.len) {
        ssize_t n =
            send(c->worker.pipe, c->out.data + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        c->out_at += (size_t)n;
    }
    if (c->out_at == c->out.len) {
        kal_buf_clear(&c->out);
        c->out_at = 0;
    }
    watch_pipe(c);
}

static void on_io(uv_poll_t *poll, int status, int events)
{
    kal_cell *c = poll->data;
    if (status == 0 && (events & UV_WRITABLE))
        write_pipe(c);
    if (status < 0 || (events & UV_READABLE))
        read_pipe(c);
}

static void write_call(kal_cell *c, const kal_cell_pending *k)
{
    uint64_t unused;
    bool known = kal_u64map_get(&c->sources, k->source_id, &unused);
    kal_u64map_put(&c->sources, k->source_id, 1);
    kal_call_head head = {.id = k->id,
                          .source_id = k->source_id,
                          .seed = k->seed,
                          .source_len = known ? 0 : (uint32_t)k->source_len,
                          .input_len = (uint32_t)k->input_len,
                          .wall_ms = k->limits.wall_ms,
                          .output_most = (uint32_t)k->limits.output};
    kal_buf_add(&c->out, &head, sizeof head);
    if (!known)
        kal_buf_add(&c->out, k->texts, k->source_len);
    kal_buf_add(&c->out, k->texts + k->source_len, k->input_len);
}

static void send_calls(kal_cell *c)
{
    while (c->queued.first && c->sent.count < WINDOW && !c->recycle && enter(c)) {
        if (c->queued.first->limits.memory != c->memory || c->served == RECYCLE_CALLS) {
            c->recycle = true;
            break;
        }
        kal_cell_pending *k = kal_cell_take(&c->queued);
        write_call(c, k);
        kal_cell_append(&c->sent, k);
        c->served++;
        kal_cell_account_sent(c->account);
    }
    if (c->out.len)
        write_pipe(c);
    if (!c->sent.first)
        leave(c);
    bool waits = c->sent.first || c->queued.first;
    if (waits && !uv_is_active((uv_handle_t *)c->watch))
        uv_timer_start(c->watch, on_tick, TICK_MS, TICK_MS);
    if (!waits)
        uv_timer_stop(c->watch);
    c->idle_ns = kal_clock_mono_ns();
}

void kal_cell_pump(kal_cell *c)
{
    if (c->stage == KAL_CELL_RUNNING)
        send_calls(c);
    if (c->stage == KAL_CELL_RUNNING && c->recycle && !c->sent.first)
        kal_cell_drop(c);
    if (c->stage == KAL_CELL_NONE && c->queued.first)
        kal_cells_ask_worker(c);
}

void kal_cell_start(kal_cell *c, const kal_spawned *worker)
{
    c->worker = *worker;
    c->stage = KAL_CELL_RUNNING;
    c->recycle = false;
    c->served = 0;
    c->watched = 0;
    c->poll = kal_cells_poll(c->cells->loop, worker->pipe, c);
    watch_pipe(c);
    kal_cell_pump(c);
}
