/* Frequency caps: at most so many messages of a channel within a time. A flow's and a graph's
 * `frequency_cap` is written {max_messages, time_window, channel} or {channel: {max, window}}.
 * Invariant: a cap has a known channel and a window over 0; whatever says something else is none.
 * Thread: any. Blocks: never. */
#ifndef KAL_FLOW_CAPS_H
#define KAL_FLOW_CAPS_H

#include "base/json.h"

#include <stdbool.h>
#include <stdint.h>

#define KAL_CAP_MOST 10000                                /* messages are counted no further */
#define KAL_CAP_LONGEST_MS (INT64_C(3653) * 86400 * 1000) /* the longest duration */

typedef struct kal_cap {
    kal_str channel;   /* "all": of any */
    int64_t window_ms; /* messages that are younger count */
    int64_t max;       /* -1: for whoever counts to tell */
} kal_cap;

typedef struct kal_caps {
    kal_cap *items;
    size_t len;
} kal_caps;

/* Adds what a frequency_cap says (NULL: nothing). Texts are borrowed from the JSON. */
void kal_caps_read(kal_caps *caps, const json_t *frequency_cap);
/* Adds a cap, once. */
void kal_caps_add(kal_caps *caps, kal_cap cap);
void kal_caps_deinit(kal_caps *caps);
/* Messages of the channel count for the cap. */
bool kal_caps_count_in(const kal_cap *cap, kal_str channel);

#endif
