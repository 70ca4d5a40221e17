#include "flow/caps.h"

#include "base/alloc.h"
#include "base/clock.h"

static const char *const channels[] = {"all",      "email",  "sms",    "push",
                                       "whatsapp", "in_app", "webhook"};

static bool is_channel(kal_str name)
{
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++)
        if (kal_str_is(name, channels[i]))
            return true;
    return false;
}

bool kal_caps_count_in(const kal_cap *cap, kal_str channel)
{
    return kal_str_is(cap->channel, "all") || kal_str_eq(cap->channel, channel);
}

void kal_caps_add(kal_caps *caps, kal_cap cap)
{
    for (size_t i = 0; i < caps->len; i++)
        if (caps->items[i].window_ms == cap.window_ms && caps->items[i].max == cap.max &&
            kal_str_eq(caps->items[i].channel, cap.channel))
            return;
    caps->items = kal_realloc(caps->items, (caps->len + 1) * sizeof *caps->items);
    caps->items[caps->len++] = cap;
}

void kal_caps_deinit(kal_caps *caps)
{
    kal_free(caps->items);
    *caps = (kal_caps){0};
}

static void read_one(kal_caps *caps, kal_str channel, const json_t *max, kal_str window)
{
    int64_t ms;
    if (!is_channel(channel) || !json_is_integer(max) || json_integer_value(max) < 0 ||
        json_integer_value(max) > KAL_CAP_MOST || !window.p || !kal_clock_duration(window, &ms) ||
        !ms)
        return;
    kal_caps_add(caps, (kal_cap){channel, ms, json_integer_value(max)});
}

void kal_caps_read(kal_caps *caps, const json_t *frequency_cap)
{
    const char *channel;
    json_t *cap;
    const json_t *max = json_object_get(frequency_cap, "max_messages");
    if (max) {
        kal_str given = kal_json_get_str(frequency_cap, "channel");
        read_one(caps, given.p ? given : kal_str_of("all"), max,
                 kal_json_get_str(frequency_cap, "time_window"));
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)frequency_cap, channel, cap) read_one(
        caps, kal_str_of(channel), json_object_get(cap, "max"), kal_json_get_str(cap, "window"));
}
