#include "effect/outbox.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"

#define MAX_ATTEMPTS 5
#define FIRST_PAUSE_MS 1000 /* doubled by each failure, with jitter */
#define MAX_DOUBLINGS 8

typedef enum kal_stage {
    QUEUED,   /* not attempted, or to be tried again */
    CLAIMED,  /* its attempt is in the flush under way */
    ANSWERED, /* it left, or failed: the result is to be written */
    WRITTEN   /* its result is in the flush under way */
} kal_stage;

typedef struct kal_item {
    struct kal_item *next;
    kal_uuid id, flow;
    char *provider;
    json_t *json;
    kal_stage stage;
    kal_unit *unit; /* its row in the flush under way */
    int attempts, failures;
    int refusals; /* of its row, since one was written */
    int64_t at_ms;
    int64_t again_ms;   /* while it rests: until then */
    kal_held held;      /* the answer for whoever waits; seq 0: nobody does */
    json_t *body;       /* likewise, while its row is in the flush under way */
    const char *status; /* of the result: "sent", "failed", "in_doubt", "pending" (try again) */
    kal_buf error;
} kal_item;

typedef struct kal_items {
    kal_item *first, **last;
    size_t count;
} kal_items;

struct kal_outbox {
    kal_outbox_options options;
    kal_items ready;   /* QUEUED and ANSWERED, in order */
    kal_items flying;  /* CLAIMED and WRITTEN */
    kal_items parked;  /* QUEUED, their flow is paused */
    kal_items resting; /* QUEUED and ANSWERED, after a failure */
    int64_t again_ms;  /* of the resting one whose time comes first; INT64_MAX: none rests */
};

static void append(kal_items *items, kal_item *item)
{
    item->next = NULL;
    *items->last = item;
    items->last = &item->next;
    items->count++;
}

static kal_item *take(kal_items *items)
{
    kal_item *item = items->first;
    if (!item)
        return NULL;
    items->first = item->next;
    if (!items->first)
        items->last = &items->first;
    items->count--;
    return item;
}

static void free_item(kal_item *item)
{
    json_decref(item->json);
    json_decref(item->body);
    kal_buf_deinit(&item->error);
    kal_free(item->provider);
    kal_free(item);
}

kal_outbox *kal_outbox_new(const kal_outbox_options *options)
{
    kal_outbox *outbox = kal_calloc(1, sizeof *outbox);
    outbox->options = *options;
    outbox->again_ms = INT64_MAX;
    kal_items *all[] = {&outbox->ready, &outbox->flying, &outbox->parked, &outbox->resting};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        all[i]->last = &all[i]->first;
    return outbox;
}

void kal_outbox_free(kal_outbox *outbox)
{
    if (!outbox)
        return;
    kal_items *all[] = {&outbox->ready, &outbox->flying, &outbox->parked, &outbox->resting};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (kal_item *item; (item = take(all[i]));)
            free_item(item);
    kal_free(outbox);
}

static kal_item *new_item(kal_uuid id, kal_uuid flow, kal_str provider, json_t *json)
{
    kal_item *item = kal_calloc(1, sizeof *item);
    item->id = id;
    item->flow = flow;
    item->provider = kal_strndup(provider.p, provider.n);
    item->json = json;
    return item;
}

void kal_outbox_add(kal_outbox *outbox, kal_uuid id, kal_uuid flow, kal_str provider, json_t *json,
                    const kal_held *awaited_by)
{
    kal_item *item = new_item(id, flow, provider, json_incref(json));
    if (awaited_by)
        item->held = *awaited_by;
    append(&outbox->ready, item);
}

/* Columns as in load_pending.sql. */
static kal_item *recovered(const kal_pg_rows *rows, size_t row)
{
    char error[160];
    json_t *json = kal_json_parse(kal_pg_str(rows, row, 4), error);
    kal_item *item = new_item(kal_pg_uuid(rows, row, 0), kal_pg_uuid(rows, row, 1),
                              kal_pg_str(rows, row, 2), json);
    item->attempts = (int)kal_pg_int(rows, row, 3);
    item->held = (kal_held){.tenant = kal_pg_uuid(rows, row, 5),
                            .flow = item->flow,
                            .instance = kal_pg_uuid(rows, row, 6),
                            .customer_key = (uint64_t)kal_pg_int(rows, row, 7),
                            .seq = (uint32_t)kal_pg_int(rows, row, 8)};
    return item;
}

static void answer(kal_item *item, const char *status, const char *error)
{
    item->stage = ANSWERED;
    item->status = status;
    kal_buf_clear(&item->error);
    if (error)
        kal_buf_puts(&item->error, error);
}

/* What became of attempts that a crash of this node left open: the ledger tells. */
static void settle_open(kal_outbox *outbox, kal_strmap *open)
{
    int sent;
    if (kal_ledger_find(outbox->options.ledger, open, &sent)) {
        kal_log(KAL_LOG_ERROR, "ledger_unreadable", NULL);
        return; /* they stay in doubt */
    }
    for (kal_item *item = outbox->ready.first; item; item = item->next) {
        char id[KAL_UUID_TEXT + 1];
        kal_uuid_format(item->id, id);
        void *fate = kal_strmap_get(open, kal_str_of(id));
        if (fate == &sent)
            answer(item, "sent", NULL);
        else if (fate)
            item->stage = QUEUED;
    }
}

void kal_outbox_recover(kal_outbox *outbox, const kal_pg_rows *rows, bool ours)
{
    kal_strmap open = {0};
    for (size_t row = 0; row < kal_pg_count(rows); row++) {
        kal_item *item = recovered(rows, row);
        append(&outbox->ready, item);
        if (!item->attempts)
            continue;
        answer(item, "in_doubt", "the engine stopped while it was being sent");
        char id[KAL_UUID_TEXT + 1];
        kal_uuid_format(item->id, id);
        if (ours && kal_str_is(kal_str_of(item->provider), "log"))
            kal_strmap_put(&open, kal_str_of(id), item);
    }
    if (open.len)
        settle_open(outbox, &open);
    kal_strmap_deinit(&open);
}

int64_t kal_outbox_next(const kal_outbox *outbox)
{
    return outbox->ready.first ? INT64_MIN : outbox->again_ms;
}

/* After so many failures in a row: exponential, with a quarter of jitter from the random end of its
 * id. */
static void rest(kal_outbox *outbox, kal_item *item, int failures, int64_t now_ms)
{
    int doublings = failures - 1 < MAX_DOUBLINGS ? failures - 1 : MAX_DOUBLINGS;
    int64_t pause_ms = (int64_t)FIRST_PAUSE_MS << doublings;
    pause_ms += pause_ms * item->id.b[15] / (4 * UINT8_MAX);
    item->again_ms = now_ms + pause_ms;
    if (item->again_ms < outbox->again_ms)
        outbox->again_ms = item->again_ms;
    append(&outbox->resting, item);
}

static void rouse(kal_outbox *outbox, int64_t now_ms)
{
    if (now_ms < outbox->again_ms)
        return;
    outbox->again_ms = INT64_MAX;
    for (size_t n = outbox->resting.count; n; n--) {
        kal_item *item = take(&outbox->resting);
        bool due = item->again_ms <= now_ms;
        append(due ? &outbox->ready : &outbox->resting, item);
        if (!due && item->again_ms < outbox->again_ms)
            outbox->again_ms = item->again_ms;
    }
}

/* What whoever waits for the delivery is told. A provider is asked again for what it said when the
 * delivery left: it says the same. */
static json_t *answer_of(kal_outbox *outbox, const kal_item *item)
{
    if (!kal_str_is(kal_str_of(item->status), "sent"))
        return json_pack("{s:s}", "error", item->error.len ? item->error.data : "failed");
    kal_buf error = {0};
    json_t *request =
        kal_lua_provider_send(outbox->options.lua, kal_str_of(item->provider), item->json, &error);
    json_t *response = json_incref(json_object_get(request, "response"));
    json_decref(request);
    kal_buf_deinit(&error);
    return json_is_object(response) ? response : json_object();
}

/* The result of a delivery in doubt is for an operator to find out: who waits goes on waiting. */
static void write_answer(kal_outbox *outbox, kal_flush *flush, kal_item *item)
{
    kal_str status = kal_str_of(item->status);
    if (!item->held.seq || !(kal_str_is(status, "sent") || kal_str_is(status, "failed")))
        return;
    json_decref(item->body);
    item->body = kal_held_answer(item->held.seq, answer_of(outbox, item));
    item->held.id = kal_uuid_new(item->at_ms);
    kal_held_add(item->unit, kal_flush_arena(flush), outbox->options.shard, &item->held,
                 item->body);
}

/* status, attempts, provider_message_id, error, sent_at, failed_at of journal_delivery_move.sql */
static void write_row(kal_flush *flush, kal_item *item, const char *status)
{
    kal_unit *unit = kal_flush_unit(flush);
    kal_value *row = kal_unit_row(unit, KAL_TABLE_DELIVERY_MOVE);
    item->unit = unit;
    row[0] = kal_v_uuid(item->id);
    row[1] = kal_v_text(status);
    row[2] = kal_v_int(KAL_INT4, item->attempts);
    if (item->stage != WRITTEN)
        return;
    if (item->error.len)
        row[4] = kal_v_text(item->error.data);
    if (kal_str_is(kal_str_of(status), "sent"))
        row[5] = kal_v_time(item->at_ms);
    if (kal_str_is(kal_str_of(status), "failed"))
        row[6] = kal_v_time(item->at_ms);
}

size_t kal_outbox_fill(kal_outbox *outbox, kal_flush *flush, size_t most, int64_t now_ms)
{
    rouse(outbox, now_ms);
    bool acts = outbox->options.may_act(outbox->options.data);
    size_t budget = outbox->ready.count < most ? outbox->ready.count : most;
    while (budget--) {
        kal_item *item = take(&outbox->ready);
        if (item->stage == ANSWERED) {
            item->stage = WRITTEN;
            if (!item->at_ms)
                item->at_ms = now_ms;
            write_row(flush, item, item->status);
            write_answer(outbox, flush, item);
        } else if (!outbox->options.may_send(outbox->options.data, item->flow)) {
            append(&outbox->parked, item);
            continue;
        } else if (!acts) {
            rest(outbox, item, 1, now_ms);
            continue;
        } else {
            item->stage = CLAIMED;
            item->attempts++;
            write_row(flush, item, "pending");
        }
        append(&outbox->flying, item);
    }
    return outbox->flying.count;
}

/* Asks the provider what is to be done, and does it: the log provider's line joins the ledger. */
static void prepare(kal_outbox *outbox, kal_item *item)
{
    kal_buf error = {0};
    json_t *request =
        kal_lua_provider_send(outbox->options.lua, kal_str_of(item->provider), item->json, &error);
    if (!request)
        answer(item, "failed", error.len ? error.data : "the provider refused it");
    else if (!kal_str_is(kal_json_get_str(request, "sink"), "log"))
        answer(item, "failed", "the provider asks for a sink that does not exist");
    else
        kal_ledger_add(outbox->options.ledger, item->id, json_object_get(request, "line"));
    json_decref(request);
    kal_buf_deinit(&error);
}

static void count(const kal_outbox *outbox, const kal_item *item)
{
    kal_str channel = kal_json_get_str(item->json, "channel");
    if (outbox->options.sent)
        kal_tally_add(outbox->options.sent, channel, kal_str_of(item->provider), 1);
}

static void log_refusal(const kal_item *item)
{
    char id[KAL_UUID_TEXT + 1];
    kal_uuid_format(item->id, id);
    kal_log(KAL_LOG_ERROR, "delivery_refused", "delivery_id", id, "error",
            kal_unit_message(item->unit), NULL);
}

/* What the flush has written; the rest is to be written again. */
static void take_written(kal_outbox *outbox, kal_items *written, int64_t now_ms)
{
    for (kal_item *item; (item = take(&outbox->flying));) {
        if (kal_unit_err(item->unit) == KAL_OK) {
            item->refusals = 0;
            append(written, item);
            continue;
        }
        item->attempts -= item->stage == CLAIMED;
        item->stage = item->stage == CLAIMED ? QUEUED : ANSWERED;
        log_refusal(item);
        rest(outbox, item, ++item->refusals, now_ms);
    }
}

size_t kal_outbox_committed(kal_outbox *outbox, int64_t now_ms)
{
    kal_items flying = {.last = &flying.first};
    take_written(outbox, &flying, now_ms);
    if (!flying.count)
        return 0;
    bool acts = outbox->options.may_act(outbox->options.data);
    for (kal_item *item = flying.first; item; item = item->next)
        if (item->stage == CLAIMED && acts)
            prepare(outbox, item);
    kal_crash_point("before_send");
    kal_err err = kal_ledger_write(outbox->options.ledger);
    kal_crash_point("after_send");
    size_t sent = 0;
    for (kal_item *item; (item = take(&flying));) {
        if (item->stage == WRITTEN && !kal_str_is(kal_str_of(item->status), "pending")) {
            if (item->body)
                outbox->options.answered(outbox->options.data, &item->held, item->body);
            free_item(item);
            continue;
        }
        if (item->stage == WRITTEN || (item->stage == CLAIMED && !acts)) {
            item->stage = QUEUED; /* it failed, or did not leave: it is tried again */
            rest(outbox, item, item->failures ? item->failures : 1, now_ms);
            continue;
        } else if (item->stage == CLAIMED && !err) {
            answer(item, "sent", NULL);
            count(outbox, item);
            sent++;
        } else if (item->stage == CLAIMED) {
            bool again = ++item->failures < MAX_ATTEMPTS;
            answer(item, again ? "pending" : "failed", "the ledger cannot be written");
        }
        item->at_ms = now_ms;
        append(&outbox->ready, item);
    }
    return sent;
}

void kal_outbox_wake(kal_outbox *outbox)
{
    for (kal_item *item; (item = take(&outbox->parked));)
        append(&outbox->ready, item);
}

static void withdraw(kal_items *items, bool (*is_one)(void *, kal_uuid, const json_t *), void *data)
{
    for (size_t n = items->count; n; n--) {
        kal_item *item = take(items);
        if (item->stage == QUEUED && is_one(data, item->flow, item->json))
            free_item(item);
        else
            append(items, item);
    }
}

void kal_outbox_withdraw(kal_outbox *outbox,
                         bool (*is_one)(void *data, kal_uuid flow, const json_t *json), void *data)
{
    withdraw(&outbox->ready, is_one, data);
    withdraw(&outbox->parked, is_one, data);
    withdraw(&outbox->resting, is_one, data);
}
