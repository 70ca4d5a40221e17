#include "run/pace.h"

#define MOST 200 /* patient bursts of a turn */
#define LEAST 4
#define TARGET_NS 2000000ULL /* what a turn with patient work may take while callers are about */
#define REST 2               /* how many times as long it then leaves to others */
#define MS 1000000ULL

void kal_pace_init(kal_pace *pace)
{
    *pace = (kal_pace){.share = LEAST};
}

size_t kal_pace_begin(kal_pace *pace, bool callers, uint64_t now_ns)
{
    pace->began_ns = now_ns;
    pace->taken = 0;
    if (!callers)
        return MOST;
    return now_ns < pace->after_ns ? 0 : pace->share;
}

void kal_pace_took(kal_pace *pace, size_t taken)
{
    pace->taken += taken;
}

void kal_pace_end(kal_pace *pace, bool callers, uint64_t now_ns)
{
    uint64_t took_ns = now_ns - pace->began_ns;
    if (!pace->taken || !callers)
        return;
    pace->after_ns = now_ns + REST * took_ns;
    if (took_ns > TARGET_NS)
        pace->share = pace->share / 2 < LEAST ? LEAST : pace->share / 2;
    else if (pace->taken >= pace->share)
        pace->share = pace->share * 5 / 4 + 1 > MOST ? MOST : pace->share * 5 / 4 + 1;
}

uint64_t kal_pace_wait_ms(const kal_pace *pace, uint64_t now_ns)
{
    return now_ns < pace->after_ns ? (pace->after_ns - now_ns + MS - 1) / MS : 0;
}
