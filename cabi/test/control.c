/* A switch keeps floating-point control words and registers of jobs and their callers apart. */
#include <openssl/async.h>

#include "check.h"

#include <fenv.h>

/*
 * x86-64 has two control words. A job changes the one, the other or both; the switch must notice
 * each.
 */
#ifdef __x86_64__
# include <xmmintrin.h>

# define SETTINGS 3
# define DOUBLE_PRECISION 0x0100 /* the x87's default is 64 bits */
# define FLUSH_TO_ZERO 0x8000

static unsigned words(void)
{
    unsigned short x87;

    __asm__ volatile("fnstcw %0" : "=m"(x87));
    return (unsigned)x87 << 16 | (_mm_getcsr() & 0xffc0);
}

static void set(int which)
{
    unsigned short x87 = (unsigned short)(words() >> 16);

    x87 ^= which == 1 ? 0 : DOUBLE_PRECISION;
    __asm__ volatile("fldcw %0" : : "m"(x87));
    _mm_setcsr(_mm_getcsr() ^ (which == 0 ? 0 : FLUSH_TO_ZERO));
}
#else
# define SETTINGS 1

static unsigned words(void) { return (unsigned)fegetround(); }
static void set(int which) { CHECK(which == 0 && fesetround(FE_DOWNWARD) == 0); }
#endif

/*
 * Volatile, so that the compiler neither computes sums of these nor moves them across a change of
 * rounding.
 */
static volatile double one = 1.0, three = 3.0, tiny = 0x1p-200;
/* Computed by the x87 on x86-64. */
static volatile long double long_one = 1.0L, long_tiny = 0x1p-200L;

static int rounds_up(void) { return one + tiny > one && long_one + long_tiny > long_one; }
static int rounds_to_nearest(void) { return one + tiny == one && long_one + long_tiny == long_one; }

static int round_up(void *p)
{
    double a = one + 0.5, b = three * 7, c = one / 7, d = three / 11;
    volatile double kept[4] = { a, b, c, d };

    (void)p;
    CHECK(fesetround(FE_UPWARD) == 0);
    for (int i = 0; i < 3; i++) {
        CHECK(rounds_up());
        CHECK(ASYNC_pause_job() == 1);
        CHECK(fegetround() == FE_UPWARD && rounds_up());
    }
    CHECK(a == kept[0] && b == kept[1] && c == kept[2] && d == kept[3]);
    return 1;
}

static int plain(void *p)
{
    (void)p;
    CHECK(rounds_to_nearest());
    CHECK(ASYNC_pause_job() == 1);
    CHECK(rounds_to_nearest());
    return fegetround();
}

static int sets(void *p)
{
    unsigned callers = words(), own;

    set(*(int *)p);
    own = words();
    CHECK(own != callers);
    for (int i = 0; i < 2; i++) {
        CHECK(ASYNC_pause_job() == 1);
        CHECK(words() == own);
    }
    return 1;
}

static void each_word(void)
{
    unsigned mine = words();
    int ret;

    for (int which = 0; which < SETTINGS; which++) {
        ASYNC_JOB *job = NULL;

        while (ASYNC_start_job(&job, NULL, &ret, sets, &which, sizeof(which)) == ASYNC_PAUSE)
            CHECK(words() == mine);
        CHECK(words() == mine && ret == 1);
        ASYNC_cleanup_thread(); /* the next job on this stack would begin with these words */
    }
}

int main(void)
{
    ASYNC_JOB *up = NULL, *other = NULL;
    int ret;

    CHECK(ASYNC_start_job(&up, NULL, &ret, round_up, NULL, 0) == ASYNC_PAUSE);
    CHECK(fegetround() == FE_TONEAREST && rounds_to_nearest());
    CHECK(ASYNC_start_job(&other, NULL, &ret, plain, NULL, 0) == ASYNC_PAUSE);
    CHECK(fegetround() == FE_TONEAREST && rounds_to_nearest());
    while (ASYNC_start_job(&up, NULL, &ret, round_up, NULL, 0) == ASYNC_PAUSE)
        CHECK(fegetround() == FE_TONEAREST && rounds_to_nearest());
    CHECK(fegetround() == FE_TONEAREST && rounds_to_nearest());
    CHECK(ASYNC_start_job(&other, NULL, &ret, plain, NULL, 0) == ASYNC_FINISH && ret == FE_TONEAREST);
    each_word();
    return 0;
}
