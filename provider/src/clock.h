/* Times: microseconds of CLOCK_MONOTONIC. */
#ifndef AP_CLOCK_H
#define AP_CLOCK_H

#include <limits.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_NEVER INT64_MAX

static inline int64_t clock_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static inline int64_t clock_add(int64_t time, uint32_t milliseconds) { return time + (int64_t)milliseconds * 1000; }

/* The milliseconds from now until a time, rounded up, and within an int. */
static inline int clock_left(int64_t until)
{
    int64_t now = clock_now();

    if (until <= now)
        return 0;
    return until - now > INT64_C(1000) * INT_MAX ? INT_MAX : (int)((until - now + 999) / 1000);
}

#endif
