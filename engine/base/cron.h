/* Cron schedules: minute, hour, day of month, month, day of week, in a time zone.
 * Fields: *, numbers, names of months and days (jan, mon), ranges, lists, steps (0-30/10, 5/15).
 * When both days are restricted, either is enough. Local times that daylight saving skips come at
 * the jump, all of them once; those of an hour that comes twice come in the first alone.
 * Thread: any. Blocks: never. */
#ifndef KAL_BASE_CRON_H
#define KAL_BASE_CRON_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define KAL_CRON_NEVER INT64_MAX

/* Bit n of a field: n is in it. */
typedef struct kal_cron {
    uint64_t minutes;
    uint32_t hours, days, months, weekdays; /* Sunday is 0 */
    bool any_day, any_weekday;              /* the field begins with a star */
} kal_cron;

/* False with a sentence (static text) when the text is no schedule, or one that never comes. */
bool kal_cron_parse(kal_str text, kal_cron *out, const char **problem);
/* The first instant after after_ms. An unknown zone counts as UTC. */
int64_t kal_cron_next(const kal_cron *cron, kal_str zone, int64_t after_ms);

#endif
