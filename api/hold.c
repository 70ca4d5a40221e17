#include "api/hold.h"

#include "base/alloc.h"

typedef void (*hold_then)(kal_request *request, const kal_pg_reply *reply);

typedef struct held {
    struct held *next;
    kal_request *request;
    bool as_owner;
    kal_pg_call *call;
    hold_then then;
    bool commits;
} held;

struct kal_hold {
    const kal_request *holder; /* NULL: nobody */
    bool open;
    char token[KAL_UUID_TEXT + 1];
    held *first, **last; /* who waits for the connection */
};

kal_hold *kal_hold_new(void)
{
    kal_hold *hold = kal_calloc(1, sizeof(*hold));

    hold->last = &hold->first;
    return hold;
}

void kal_hold_free(kal_hold *hold)
{
    kal_free(hold);
}

static void on_rolled_back(void *data, const kal_pg_reply *reply)
{
    (void)data, (void)reply; /* a transaction whose connection is lost is gone too */
}

static void roll_back(const kal_request *request)
{
    kal_pg_call *call = kal_pg_call_new();

    request->thread->hold->open = false;
    kal_pg_call_add(call, KAL_SQL_HOLD_ROLLBACK, NULL);
    kal_pool_send(kal_engine_held(request->thread->engine), call, on_rolled_back, NULL);
}

static void send_now(held *h);

/* On to the next who waits. */
static void release(kal_hold *hold)
{
    held *next = hold->first;

    hold->holder = NULL;
    if (!next)
        return;
    hold->first = next->next;
    if (!hold->first)
        hold->last = &hold->first;
    hold->holder = next->request;
    send_now(next);
}

static void on_reply(void *data, const kal_pg_reply *reply)
{
    held *h = data;

    bool holds = h->request->thread->hold->holder == h->request;
    if (reply->err && holds)
        roll_back(h->request);
    if (h->commits && holds)
        release(h->request->thread->hold);
    h->then(h->request, reply);
    kal_request_unref(h->request);
    kal_free(h);
}

static void begin(kal_hold *hold, const held *h)
{
    kal_args *args = kal_args_new();

    kal_uuid_format(kal_uuid_new(0), hold->token);
    kal_args_add(args, kal_v_text(hold->token));
    kal_args_add(args, kal_v_text(h->as_owner ? "none" : "kalcifer_api"));
    kal_pg_call_precede(h->call, KAL_SQL_HOLD_MARK, args);
    kal_pg_call_precede(h->call, KAL_SQL_HOLD_BEGIN, NULL);
    hold->open = true;
}

static void send_now(held *h)
{
    kal_hold *hold = h->request->thread->hold;

    if (hold->open) {
        kal_args *args = kal_args_new();
        kal_args_add(args, kal_v_text(hold->token));
        kal_pg_call_precede(h->call, KAL_SQL_HOLD_CHECK, args);
    } else {
        begin(hold, h);
    }
    if (h->commits) {
        kal_pg_call_add(h->call, KAL_SQL_HOLD_COMMIT, NULL);
        hold->open = false;
    }
    kal_pool_send(kal_engine_held(h->request->thread->engine), h->call, on_reply, h);
}

static held *new_held(kal_request *request, kal_pg_call *call, hold_then then)
{
    held *h = kal_calloc(1, sizeof(*h));

    h->request = request;
    h->call = call;
    h->then = then;
    kal_request_ref(request);
    return h;
}

void kal_hold_send(kal_request *request, bool as_owner, kal_pg_call *call, hold_then then)
{
    kal_hold *hold = request->thread->hold;
    held *h = new_held(request, call, then);

    h->as_owner = as_owner;
    if (hold->holder && hold->holder != request) {
        *hold->last = h;
        hold->last = &h->next;
        return;
    }
    hold->holder = request;
    send_now(h);
}

bool kal_hold_is_open(const kal_request *request)
{
    return request->thread->hold->holder == request && request->thread->hold->open;
}

void kal_hold_commit(kal_request *request, kal_pg_call *call, hold_then then)
{
    held *h = new_held(request, call, then);

    h->commits = true;
    send_now(h);
}

void kal_hold_drop(kal_request *request)
{
    if (request->thread->hold->holder != request)
        return;
    if (request->thread->hold->open)
        roll_back(request);
    release(request->thread->hold);
}
