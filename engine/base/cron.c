#include "base/cron.h"

#include "base/zone.h"

#include <string.h>
#include <strings.h>

#define FARTHEST_DAYS (41 * 366) /* a Sunday that is a 29 February is at most 40 years away */

typedef struct kal_cron_field {
    const char *problem;
    unsigned least, most;
    const char *names; /* three letters each, from `least` on; NULL: none */
} kal_cron_field;

static const kal_cron_field fields[] = {
    {"the minute is no list of 0 to 59", 0, 59, NULL},
    {"the hour is no list of 0 to 23", 0, 23, NULL},
    {"the day of the month is no list of 1 to 31", 1, 31, NULL},
    {"the month is no list of 1 to 12 or jan to dec", 1, 12,
     "janfebmaraprmayjunjulaugsepoctnovdec"},
    {"the day of the week is no list of 0 to 7 or sun to sat", 0, 7, "sunmontuewedthufrisat"},
};
#define FIELDS (sizeof fields / sizeof *fields)
#define WEEKDAYS (FIELDS - 1)

static bool take(kal_str *text, char c)
{
    if (!text->n || text->p[0] != c)
        return false;
    text->p++;
    text->n--;
    return true;
}

static bool take_number(kal_str *text, unsigned *out)
{
    size_t n = 0;
    *out = 0;
    while (n < text->n && n < 4 && text->p[n] >= '0' && text->p[n] <= '9')
        *out = *out * 10 + (unsigned)(text->p[n++] - '0');
    text->p += n;
    text->n -= n;
    return n > 0;
}

static bool take_value(kal_str *text, const kal_cron_field *field, unsigned *out)
{
    for (size_t i = 0; field->names && text->n >= 3 && i < strlen(field->names); i += 3) {
        if (strncasecmp(text->p, field->names + i, 3) != 0)
            continue;
        text->p += 3;
        text->n -= 3;
        *out = field->least + (unsigned)(i / 3);
        return true;
    }
    return take_number(text, out) && *out >= field->least && *out <= field->most;
}

/* One of a list: a star, a value or a range, each with a step or none. */
static bool take_item(kal_str *text, const kal_cron_field *field, uint64_t *bits)
{
    unsigned from = field->least, to = field->most, step = 1;
    bool star = take(text, '*');
    if (!star) {
        if (!take_value(text, field, &from))
            return false;
        to = from;
        if (take(text, '-')) {
            if (!take_value(text, field, &to))
                return false;
            if (field == &fields[WEEKDAYS] && to == 0 && from > 0)
                to = 7; /* fri-sun */
        } else if (text->n && text->p[0] == '/') {
            to = field->most;
        }
    }
    if (take(text, '/') && (!take_number(text, &step) || !step || step > 59))
        return false;
    for (unsigned value = from; value <= to; value += step)
        *bits |= UINT64_C(1) << value;
    return from <= to;
}

static bool read_field(kal_str text, const kal_cron_field *field, uint64_t *bits)
{
    *bits = 0;
    do {
        if (!take_item(&text, field, bits))
            return false;
    } while (take(&text, ','));
    return text.n == 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The next word, p NULL when there is none. */
static kal_str next_word(kal_str *text)
{
    while (text->n && is_blank(text->p[0]))
        (void)take(text, text->p[0]);
    kal_str word = {text->n ? text->p : NULL, 0};
    while (text->n && !is_blank(text->p[0])) {
        (void)take(text, text->p[0]);
        word.n++;
    }
    return word;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of(int year, int month)
{
    static const int days[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[(unsigned)month % 13] + (month == 2 && is_leap(year));
}

/* Some month of it has some day of it. */
static bool comes(const kal_cron *cron)
{
    if (!cron->any_day && !cron->any_weekday)
        return true;
    for (int month = 1; month <= 12; month++)
        for (int day = 1; (cron->months >> month & 1) && day <= days_of(2000, month); day++)
            if (cron->days >> day & 1)
                return true;
    return false;
}

bool kal_cron_parse(kal_str text, kal_cron *out, const char **problem)
{
    uint64_t bits[FIELDS];
    kal_str words[FIELDS];
    for (size_t i = 0; i < FIELDS; i++) {
        words[i] = next_word(&text);
        *problem = words[i].p ? fields[i].problem
                              : "has five fields: minute, hour, day of month, month, day of week";
        if (!words[i].p || !read_field(words[i], &fields[i], &bits[i]))
            return false;
    }
    *problem = "has more than five fields";
    if (next_word(&text).p)
        return false;
    *out = (kal_cron){
        .minutes = bits[0],
        .hours = (uint32_t)bits[1],
        .days = (uint32_t)bits[2],
        .months = (uint32_t)bits[3],
        .weekdays = (uint32_t)(bits[WEEKDAYS] | bits[WEEKDAYS] >> 7), /* 7 is Sunday too */
        .any_day = words[2].p[0] == '*',
        .any_weekday = words[WEEKDAYS].p[0] == '*',
    };
    *problem = "never comes: no such month has such a day";
    return comes(out);
}

static int weekday_of(int year, int month, int day)
{
    static const int shift[13] = {0, 0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
    int y = month < 3 ? year - 1 : year;
    return (y + y / 4 - y / 100 + y / 400 + shift[(unsigned)month % 13] + day) % 7;
}

static bool has_day(const kal_cron *cron, const kal_local *at)
{
    bool day = cron->days >> at->day & 1;
    bool weekday = cron->weekdays >> weekday_of(at->year, at->month, at->day) & 1;
    bool either = !cron->any_day && !cron->any_weekday;
    return (cron->months >> at->month & 1) && (either ? day || weekday : day && weekday);
}

/* On to the next day's beginning. */
static void next_day(kal_local *at)
{
    at->hour = at->minute = 0;
    if (++at->day <= days_of(at->year, at->month))
        return;
    at->day = 1;
    if (++at->month <= 12)
        return;
    at->month = 1;
    at->year++;
}

/* The first instant of the day after after_ms, at or behind the local time. */
static int64_t next_of_day(const kal_cron *cron, kal_str zone, kal_local at, int64_t after_ms)
{
    for (; at.hour < 24; at.hour++, at.minute = 0) {
        for (; (cron->hours >> at.hour & 1) && at.minute < 60; at.minute++) {
            if (!(cron->minutes >> at.minute & 1))
                continue;
            int64_t then = kal_zone_instant(zone, &at);
            if (then > after_ms)
                return then;
        }
    }
    return KAL_CRON_NEVER;
}

int64_t kal_cron_next(const kal_cron *cron, kal_str zone, int64_t after_ms)
{
    kal_local at = kal_zone_local(zone, after_ms);
    for (int days = 0; days < FARTHEST_DAYS; days++, next_day(&at)) {
        int64_t then = has_day(cron, &at) ? next_of_day(cron, zone, at, after_ms) : KAL_CRON_NEVER;
        if (then != KAL_CRON_NEVER)
            return then;
    }
    return KAL_CRON_NEVER;
}
