#include "base/crash.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Set once at start, before any thread; a hook for tests that must cost nothing when unused. */
static char armed[64];
static atomic_int left;

void kal_crash_arm(const char *spec)
{
    const char *colon = spec ? strchr(spec, ':') : NULL;
    size_t n = colon ? (size_t)(colon - spec) : spec ? strlen(spec) : 0;
    if (n >= sizeof armed)
        n = 0;
    memcpy(armed, spec ? spec : "", n);
    armed[n] = 0;
    atomic_store(&left, colon ? atoi(colon + 1) : 1);
}

void kal_crash_point(const char *name)
{
    if (!armed[0] || strcmp(armed, name) != 0 || atomic_fetch_sub(&left, 1) != 1)
        return;
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}
