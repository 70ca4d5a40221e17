/* Crash points: places where a test lets the process die as by kill -9.
 * Thread: any. Blocks: never. */
#ifndef KAL_BASE_CRASH_H
#define KAL_BASE_CRASH_H

/* Arms "name:n" (the n-th time that point is passed); NULL or "" disarms. Once, at start. */
void kal_crash_arm(const char *spec);
/* Dies here when the point is armed and its time has come; else nothing. */
void kal_crash_point(const char *name);

#endif
