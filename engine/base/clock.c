#include "base/clock.h"

#include "base/alloc.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define TEN_YEARS (3653 * DAY) /* three leap days among them */

/* 0001-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z. */
#define FIRST_MS INT64_C(-62135596800000)
#define LAST_MS INT64_C(253402300799999)

struct kal_clock {
    bool is_virtual;
    _Atomic int64_t now;
};

static kal_clock *clock_new(bool is_virtual, int64_t now)
{
    kal_clock *clock = kal_alloc(sizeof *clock);
    clock->is_virtual = is_virtual;
    atomic_init(&clock->now, now);
    return clock;
}

kal_clock *kal_clock_new_real(void)
{
    return clock_new(false, kal_clock_real_ms());
}

kal_clock *kal_clock_new_virtual(int64_t start_ms)
{
    return clock_new(true, start_ms);
}

void kal_clock_free(kal_clock *clock)
{
    kal_free(clock);
}

/* Moves forward to now_ms, or stays; answers where it stands. */
static int64_t forward(_Atomic int64_t *at, int64_t now_ms)
{
    int64_t before = atomic_load(at);
    while (before < now_ms)
        if (atomic_compare_exchange_weak(at, &before, now_ms))
            return now_ms;
    return before;
}

int64_t kal_clock_now(const kal_clock *clock)
{
    if (clock->is_virtual)
        return atomic_load(&clock->now);
    /* The system's clock may be set back; journeys must not see it. */
    return forward((_Atomic int64_t *)&clock->now, kal_clock_real_ms());
}

bool kal_clock_is_virtual(const kal_clock *clock)
{
    return clock->is_virtual;
}

void kal_clock_set(kal_clock *clock, int64_t now_ms)
{
    if (clock->is_virtual)
        forward(&clock->now, now_ms);
}

int64_t kal_clock_real_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * SECOND + t.tv_nsec / 1000000;
}

static uint64_t read_ns(clockid_t clock)
{
    struct timespec t = {0};
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t kal_clock_mono_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

uint64_t kal_clock_cpu_ns(void)
{
    return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t kal_clock_cpu_of_ns(int pid)
{
    clockid_t clock;
    return clock_getcpuclockid(pid, &clock) == 0 ? read_ns(clock) : 0;
}

typedef struct date {
    int year, month, day;
} date;

/* Days since 1970 and back by Howard Hinnant's algorithms: the year begins in March, so that the
 * leap day is its last, and 400 years are 146,097 days. Years from 1 on. */
static int64_t days_of(date d)
{
    int64_t year = d.year - (d.month <= 2);
    int64_t era = year / 400, year_of_era = year % 400;
    int64_t day_of_year = (153 * ((d.month + 9) % 12) + 2) / 5 + d.day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static date date_of(int64_t days)
{
    days += 719468;
    int era = (int)(days / 146097), day = (int)(days % 146097);
    int year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int day_of_year = day - (365 * year + year / 4 - year / 100);
    int month = (5 * day_of_year + 2) / 153;
    date d = {
        .month = month < 10 ? month + 3 : month - 9,
        .day = day_of_year - (153 * month + 2) / 5 + 1,
    };
    d.year = year + era * 400 + (d.month <= 2);
    return d;
}

/* Writes width digits and the character behind them; answers what follows. */
static char *put(char *out, int width, int64_t value, char behind)
{
    for (int i = width - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    out[width] = behind;
    return out + width + 1;
}

void kal_clock_format(int64_t ms, char out[KAL_TIME_TEXT + 1])
{
    ms = ms < FIRST_MS ? FIRST_MS : ms > LAST_MS ? LAST_MS : ms;
    int64_t since = ms - FIRST_MS, in_day = since % DAY;
    date d = date_of(since / DAY + FIRST_MS / DAY);
    out = put(out, 4, d.year, '-');
    out = put(out, 2, d.month, '-');
    out = put(out, 2, d.day, 'T');
    out = put(out, 2, in_day / HOUR, ':');
    out = put(out, 2, in_day % HOUR / MINUTE, ':');
    out = put(out, 2, in_day % MINUTE / SECOND, '.');
    out = put(out, 3, in_day % SECOND, 'Z');
    *out = 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes one of two characters from the front. */
static bool take(kal_str *text, char c, char or)
{
    if (text->n == 0 || (*text->p != c && *text->p != or))
        return false;
    text->p++;
    text->n--;
    return true;
}

/* Takes exactly width digits whose value lies between least and most. */
static bool take_number(kal_str *text, size_t width, int least, int most, int *out)
{
    int value = 0;
    if (text->n < width)
        return false;
    for (size_t i = 0; i < width; i++) {
        if (!is_digit(text->p[i]))
            return false;
        value = value * 10 + text->p[i] - '0';
    }
    text->p += width;
    text->n -= width;
    *out = value;
    return value >= least && value <= most;
}

static bool take_date(kal_str *text, int64_t *days)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    date d;
    if (!take_number(text, 4, 1, 9999, &d.year) || !take(text, '-', '-') ||
        !take_number(text, 2, 1, 12, &d.month) || !take(text, '-', '-'))
        return false;
    bool leap = d.year % 4 == 0 && (d.year % 100 != 0 || d.year % 400 == 0);
    int length = lengths[d.month - 1] + (d.month == 2 && leap);
    if (!take_number(text, 2, 1, length, &d.day))
        return false;
    *days = days_of(d);
    return true;
}

/* A fraction of any length; what is finer than milliseconds is cut off. */
static bool take_fraction(kal_str *text, int *ms)
{
    int weight = 100;
    if (text->n == 0 || !is_digit(*text->p))
        return false;
    for (; text->n > 0 && is_digit(*text->p); text->p++, text->n--) {
        *ms += (*text->p - '0') * weight;
        weight /= 10;
    }
    return true;
}

/* HH:MM, HH:MM:SS or HH:MM:SS.fraction. */
static bool take_time(kal_str *text, int64_t *in_day)
{
    int hour, minute, second = 0, ms = 0;
    if (!take_number(text, 2, 0, 23, &hour) || !take(text, ':', ':') ||
        !take_number(text, 2, 0, 59, &minute))
        return false;
    if (take(text, ':', ':') && (!take_number(text, 2, 0, 59, &second) ||
                                 (take(text, '.', '.') && !take_fraction(text, &ms))))
        return false;
    *in_day = hour * HOUR + minute * MINUTE + second * SECOND + ms;
    return true;
}

/* Nothing, Z, +HH:MM, +HHMM or +HH, and then the end. */
static bool take_offset(kal_str *text, int64_t *offset)
{
    int hour, minute = 0;
    *offset = 0;
    if (text->n == 0 || take(text, 'Z', 'z'))
        return text->n == 0;
    int sign = *text->p == '-' ? -1 : 1;
    if (!take(text, '+', '-') || !take_number(text, 2, 0, 23, &hour))
        return false;
    if (text->n > 0) {
        take(text, ':', ':');
        if (!take_number(text, 2, 0, 59, &minute))
            return false;
    }
    *offset = sign * (hour * HOUR + minute * MINUTE);
    return text->n == 0;
}

bool kal_clock_parse(kal_str text, int64_t *ms)
{
    int64_t days, in_day = 0, offset = 0;
    if (!take_date(&text, &days))
        return false;
    if (text.n > 0 &&
        (!take(&text, 'T', 't') || !take_time(&text, &in_day) || !take_offset(&text, &offset)))
        return false;
    int64_t instant = days * DAY + in_day - offset;
    if (instant < FIRST_MS || instant > LAST_MS)
        return false;
    *ms = instant;
    return true;
}

static int64_t unit_of(kal_str text)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", SECOND}, {"m", MINUTE}, {"h", HOUR}, {"d", DAY}, {"w", 7 * DAY}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (kal_str_is(text, units[i].name))
            return units[i].ms;
    return 0;
}

bool kal_clock_duration(kal_str text, int64_t *ms)
{
    int64_t count, unit;
    size_t digits = 0;
    while (digits < text.n && is_digit(text.p[digits]))
        digits++;
    if (!kal_str_int((kal_str){text.p, digits}, &count))
        return false;
    unit = unit_of((kal_str){text.p + digits, text.n - digits});
    if (unit == 0 || count > TEN_YEARS / unit)
        return false;
    *ms = count * unit;
    return true;
}
