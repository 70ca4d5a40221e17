/* Clocks. Journey time is a parameter: real, or virtual and moved by hand; real and monotonic
 * time serve sockets, leases and limits. time() and clock_gettime() appear in clock.c only.
 * Invariant: journey time never goes back.
 * Thread: any (atomic). Blocks: never. */
#ifndef KAL_BASE_CLOCK_H
#define KAL_BASE_CLOCK_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define KAL_TIME_TEXT 24 /* 2026-11-21T07:45:00.000Z */

typedef struct kal_clock kal_clock;

/* A clock that follows real time. */
kal_clock *kal_clock_new_real(void);
/* A clock that stands at start_ms until it is set. */
kal_clock *kal_clock_new_virtual(int64_t start_ms);
void kal_clock_free(kal_clock *clock);
/* Journey time, milliseconds since 1970. */
int64_t kal_clock_now(const kal_clock *clock);
bool kal_clock_is_virtual(const kal_clock *clock);
/* Moves a virtual clock forward to now_ms; an earlier instant changes nothing. */
void kal_clock_set(kal_clock *clock, int64_t now_ms);

/* Real time, milliseconds since 1970. */
int64_t kal_clock_real_ms(void);
/* Monotonic nanoseconds (they go on while the process is stopped). */
uint64_t kal_clock_mono_ns(void);
/* CPU time of this thread, nanoseconds. */
uint64_t kal_clock_cpu_ns(void);
/* CPU time of another process, nanoseconds; 0 when it is gone. */
uint64_t kal_clock_cpu_of_ns(int pid);

/* Writes ISO-8601 UTC with milliseconds and a NUL; years below 1 and above 9999 are cut to them. */
void kal_clock_format(int64_t ms, char out[KAL_TIME_TEXT + 1]);
/* Reads ISO-8601: a date, or date and time with optional fraction and Z or an offset (no offset
 * means UTC); years 1 to 9999. False when the text is none or the date does not exist. */
bool kal_clock_parse(kal_str text, int64_t *ms);
/* Reads a duration of spec/flows.md, `^\d+(ms|s|m|h|d|w)$`, at most ten years (3653 days). */
bool kal_clock_duration(kal_str text, int64_t *ms);

#endif
