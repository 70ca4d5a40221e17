/* Cron schedules: a text is one or says why not; each instant is behind the one before, on a minute
 * of the schedule's, and there is none between: asked from just before it, it comes again. */
#include "base/cron.h"

#include "base/zone.h"

#include "fuzz.h"

#define MINUTE_MS 60000
#define LATEST_MS INT64_C(4102444800000) /* 2100 */

static const char *const zones[] = {
    "UTC",          "Europe/Berlin",       "America/New_York", "Asia/Kathmandu",
    "Pacific/Apia", "Australia/Lord_Howe", "no/zone"};

/* A jump of the clocks puts what it skips at its end, where the rest does not hold. */
static void check_instant(const kal_cron *cron, kal_str zone, int64_t then)
{
    kal_local at = kal_zone_local(zone, then);
    kal_local before = kal_zone_local(zone, then - MINUTE_MS);
    int passed = (at.hour * 60 + at.minute - before.hour * 60 - before.minute + 1440) % 1440;

    KEEP(then % MINUTE_MS == 0);
    if (passed != 1 || at.day != before.day)
        return;
    KEEP(cron->months >> at.month & 1);
    KEEP(cron->hours >> at.hour & 1);
    KEEP(cron->minutes >> at.minute & 1);
}

static void walk(const kal_cron *cron, kal_str zone, int64_t after_ms)
{
    for (int i = 0; i < 4; i++) {
        int64_t then = kal_cron_next(cron, zone, after_ms);
        KEEP(then > after_ms);
        KEEP(then != KAL_CRON_NEVER); /* one that never comes is no schedule */
        KEEP(kal_cron_next(cron, zone, then - 1) == then);
        KEEP(kal_cron_next(cron, zone, after_ms + (then - after_ms) / 2) == then);
        check_instant(cron, zone, then);
        after_ms = then;
    }
}

/* The first byte is the zone, the next four are the minute to begin at, the rest is the text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *problem = NULL;
    uint32_t minute = 0;
    kal_cron cron;

    if (size < 5)
        return 0;
    for (size_t i = 1; i < 5; i++)
        minute = minute << 8 | data[i];
    kal_str zone = kal_str_of(zones[data[0] % (sizeof(zones) / sizeof(zones[0]))]);
    if (kal_cron_parse(fuzz_text(data + 5, size - 5), &cron, &problem))
        walk(&cron, zone, (int64_t)minute * MINUTE_MS % LATEST_MS);
    else
        KEEP(problem && *problem);
    return 0;
}
