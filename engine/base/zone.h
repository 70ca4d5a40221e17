/* Local time of day in an IANA time zone, through ICU.
 * Thread: any. Blocks: never (ICU loads its data at first use). */
#ifndef KAL_BASE_ZONE_H
#define KAL_BASE_ZONE_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* The zone is known ("Europe/Berlin", "UTC"). */
bool kal_zone_known(kal_str zone);
/* The first instant at or after now_ms when clocks in the zone begin to show hour:minute. A time
 * that daylight saving skips gives the instant right after the gap, of one that comes twice a day
 * only the first counts. An unknown zone counts as UTC. */
int64_t kal_zone_next(kal_str zone, int hour, int minute, int64_t now_ms);

/* What a wall clock shows; months and days count from 1. */
typedef struct kal_local {
    int year, month, day, hour, minute;
} kal_local;

/* What clocks in the zone show at an instant. An unknown zone counts as UTC. */
kal_local kal_zone_local(kal_str zone, int64_t at_ms);
/* The instant when clocks in the zone begin to show this; skipped and doubled times as above. */
int64_t kal_zone_instant(kal_str zone, const kal_local *local);

#endif
