#include "base/zone.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ucal.h>

#define LONGEST 64 /* the longest zone name is half of that */
#define KEPT 32

/* Opening a calendar reads the zone's rules: each thread keeps some open. */
typedef struct cache {
    struct {
        char name[LONGEST];
        UCalendar *calendar;
    } entry[KEPT];
    size_t next; /* the entry that goes when another one is needed */
} cache;

static pthread_key_t cache_key;
static pthread_once_t cache_once = PTHREAD_ONCE_INIT;

static void cache_free(void *ptr)
{
    cache *c = ptr;
    for (size_t i = 0; i < KEPT; i++)
        if (c->entry[i].calendar)
            ucal_close(c->entry[i].calendar);
    kal_free(c);
}

static void make_key(void)
{
    if (pthread_key_create(&cache_key, cache_free) != 0)
        abort();
}

static cache *own_cache(void)
{
    pthread_once(&cache_once, make_key);
    cache *c = pthread_getspecific(cache_key);
    if (!c) {
        c = kal_calloc(1, sizeof *c);
        if (pthread_setspecific(cache_key, c) != 0)
            abort();
    }
    return c;
}

/* Zone names are ASCII, so each byte is its own UTF-16 unit. Answers the length, 0 when the text
 * can be no name. */
static int32_t widen(kal_str zone, UChar out[LONGEST])
{
    if (zone.n >= LONGEST)
        return 0;
    for (size_t i = 0; i < zone.n; i++) {
        if (zone.p[i] <= ' ' || zone.p[i] > '~')
            return 0;
        out[i] = (UChar)zone.p[i];
    }
    return (int32_t)zone.n;
}

bool kal_zone_known(kal_str zone)
{
    UChar name[LONGEST], canonical[LONGEST];
    UBool is_system = false;
    UErrorCode status = U_ZERO_ERROR;
    int32_t n = widen(zone, name);
    if (n == 0)
        return false;
    ucal_getCanonicalTimeZoneID(name, n, canonical, LONGEST, &is_system, &status);
    return U_SUCCESS(status) && is_system;
}

static UCalendar *open_calendar(kal_str zone)
{
    UChar name[LONGEST];
    UErrorCode status = U_ZERO_ERROR;
    UCalendar *calendar = ucal_open(name, widen(zone, name), "en", UCAL_GREGORIAN, &status);
    if (U_FAILURE(status))
        abort();
    ucal_setAttribute(calendar, UCAL_SKIPPED_WALL_TIME, UCAL_WALLTIME_NEXT_VALID);
    ucal_setAttribute(calendar, UCAL_REPEATED_WALL_TIME, UCAL_WALLTIME_FIRST);
    return calendar;
}

static UCalendar *calendar_of(kal_str zone)
{
    cache *c = own_cache();
    for (size_t i = 0; i < KEPT; i++)
        if (c->entry[i].calendar && kal_str_is(zone, c->entry[i].name))
            return c->entry[i].calendar;
    size_t i = c->next;
    c->next = (i + 1) % KEPT;
    if (c->entry[i].calendar)
        ucal_close(c->entry[i].calendar);
    memcpy(c->entry[i].name, zone.p, zone.n);
    c->entry[i].name[zone.n] = 0;
    return c->entry[i].calendar = open_calendar(zone);
}

static UCalendar *calendar_or_utc(kal_str zone)
{
    return calendar_of(kal_zone_known(zone) ? zone : kal_str_of("UTC"));
}

static kal_local local_of(UCalendar *c, int64_t at_ms)
{
    UErrorCode status = U_ZERO_ERROR;
    ucal_setMillis(c, (UDate)at_ms, &status);
    kal_local local = {
        .year = ucal_get(c, UCAL_YEAR, &status),
        .month = ucal_get(c, UCAL_MONTH, &status) + 1,
        .day = ucal_get(c, UCAL_DATE, &status),
        .hour = ucal_get(c, UCAL_HOUR_OF_DAY, &status),
        .minute = ucal_get(c, UCAL_MINUTE, &status),
    };
    if (U_FAILURE(status))
        abort();
    return local;
}

static int64_t instant_of(UCalendar *c, const kal_local *local)
{
    UErrorCode status = U_ZERO_ERROR;
    ucal_clear(c);
    ucal_setDateTime(c, local->year, local->month - 1, local->day, local->hour, local->minute, 0,
                     &status);
    int64_t then = (int64_t)ucal_getMillis(c, &status);
    if (U_FAILURE(status))
        abort();
    return then;
}

kal_local kal_zone_local(kal_str zone, int64_t at_ms)
{
    return local_of(calendar_or_utc(zone), at_ms);
}

int64_t kal_zone_instant(kal_str zone, const kal_local *local)
{
    return instant_of(calendar_or_utc(zone), local);
}

int64_t kal_zone_next(kal_str zone, int hour, int minute, int64_t now_ms)
{
    UCalendar *c = calendar_or_utc(zone);
    kal_local local = local_of(c, now_ms);
    int64_t then;
    local.hour = hour;
    local.minute = minute;
    while ((then = instant_of(c, &local)) < now_ms)
        local.day++; /* one past the month's end is the next one's first */
    return then;
}
