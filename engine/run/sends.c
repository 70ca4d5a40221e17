#include "run/sends.h"

/* Messages of this batch, by channel. */
struct kal_sends {
    kal_sends *next;
    kal_str channel;
    uint32_t sent, reserved;
};

/* What the load has found for a cap. */
struct kal_found {
    kal_found *next;
    kal_cap cap;
    int64_t n;
};

static bool same(const kal_cap *a, const kal_cap *b)
{
    return a->window_ms == b->window_ms && kal_str_eq(a->channel, b->channel);
}

void kal_sends_found(kal_batch *batch, kal_customer *customer, kal_cap cap, int64_t n)
{
    kal_found *found = kal_arena_alloc(batch->arena, sizeof *found);
    cap.channel = kal_batch_text(batch, cap.channel);
    *found = (kal_found){customer->found, cap, n};
    customer->found = found;
}

static kal_sends *sends_of(const kal_customer *customer, kal_str channel)
{
    kal_sends *sends = customer->sends;
    while (sends && !kal_str_eq(sends->channel, channel))
        sends = sends->next;
    return sends;
}

static kal_sends *sends_at(kal_batch *batch, kal_customer *customer, kal_str channel)
{
    kal_sends *sends = sends_of(customer, channel);
    if (sends)
        return sends;
    sends = kal_arena_alloc(batch->arena, sizeof *sends);
    *sends = (kal_sends){.next = customer->sends, .channel = kal_batch_text(batch, channel)};
    customer->sends = sends;
    return sends;
}

void kal_sends_add(kal_batch *batch, kal_customer *customer, kal_str channel)
{
    kal_sends *sends = sends_at(batch, customer, channel);
    kal_sends *any = sends_of(customer, kal_str_of("all"));
    sends->sent++;
    if (sends->reserved)
        sends->reserved--;
    else if (any && any->reserved)
        any->reserved--;
}

void kal_sends_reserve(kal_batch *batch, kal_customer *customer, kal_str channel)
{
    sends_at(batch, customer, channel)->reserved++;
}

void kal_sends_release(kal_customer *customer)
{
    for (kal_sends *sends = customer->sends; sends; sends = sends->next)
        sends->reserved = 0;
}

/* Messages that count for the cap. A place that is reserved for any channel may become one of this.
 * A cap of the flow's own is asked again by each send, so that what is reserved does not count. */
static int64_t count(const kal_customer *customer, const kal_cap *cap)
{
    int64_t n = 0;
    for (const kal_found *f = customer->found; f; f = f->next)
        if (same(&f->cap, cap))
            n = f->n;
    for (const kal_sends *s = customer->sends; s && cap->window_ms; s = s->next) {
        bool any = kal_str_is(s->channel, "all");
        if (!any && !kal_caps_count_in(cap, s->channel))
            continue;
        n += s->sent;
        n += cap->max < 0 ? s->reserved : 0;
    }
    return n;
}

bool kal_sends_capped(const kal_customer *customer, const kal_version *version)
{
    for (int i = 0; i < 2; i++) {
        const kal_caps *caps = kal_version_caps(version, i);
        for (size_t c = 0; c < caps->len; c++)
            if (caps->items[c].max >= 0 && count(customer, &caps->items[c]) >= caps->items[c].max)
                return true;
    }
    return false;
}

static json_t *cap_json(const kal_customer *customer, const kal_cap *cap)
{
    json_t *json = json_object();
    json_object_set_new(json, "channel", json_stringn(cap->channel.p, cap->channel.n));
    json_object_set_new(json, "window_ms", json_integer(cap->window_ms));
    json_object_set_new(json, "count", json_integer(count(customer, cap)));
    if (cap->max >= 0)
        json_object_set_new(json, "max", json_integer(cap->max));
    return json;
}

json_t *kal_sends_json(const kal_customer *customer, const kal_version *version)
{
    if (!kal_version_caps(version, 0)->len && !kal_version_caps(version, 1)->len)
        return NULL;
    json_t *list = json_array();
    for (int i = 0; i < 2; i++) {
        const kal_caps *caps = kal_version_caps(version, i);
        for (size_t c = 0; c < caps->len; c++)
            json_array_append_new(list, cap_json(customer, &caps->items[c]));
    }
    return list;
}
