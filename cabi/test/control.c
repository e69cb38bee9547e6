/* What a switch keeps apart: floating-point control words and registers, of jobs and of their callers. */
#include <openssl/async.h>

#include "check.h"

#include <fenv.h>

/* The compiler must not compute these itself, nor move them over the change of the rounding. */
static volatile double one = 1.0, three = 3.0, third;

static int round_up(void *p)
{
    double a = one + 0.5, b = three * 7, c = one / 7, d = three / 11;
    volatile double kept[4] = { a, b, c, d };

    (void)p;
    CHECK(fesetround(FE_UPWARD) == 0);
    for (int i = 0; i < 3; i++) {
        CHECK(ASYNC_pause_job() == 1);
        CHECK(fegetround() == FE_UPWARD);
    }
    CHECK(a == kept[0] && b == kept[1] && c == kept[2] && d == kept[3]);
    third = one / three;
    return 1;
}

static int plain(void *p)
{
    (void)p;
    CHECK(ASYNC_pause_job() == 1);
    return fegetround();
}

int main(void)
{
    ASYNC_JOB *up = NULL, *other = NULL;
    int ret;
    double near = one / three;

    CHECK(ASYNC_start_job(&up, NULL, &ret, round_up, NULL, 0) == ASYNC_PAUSE);
    CHECK(fegetround() == FE_TONEAREST);
    CHECK(ASYNC_start_job(&other, NULL, &ret, plain, NULL, 0) == ASYNC_PAUSE);
    CHECK(fegetround() == FE_TONEAREST);
    while (ASYNC_start_job(&up, NULL, &ret, round_up, NULL, 0) == ASYNC_PAUSE)
        CHECK(fegetround() == FE_TONEAREST);
    CHECK(fegetround() == FE_TONEAREST && third > near);
    CHECK(ASYNC_start_job(&other, NULL, &ret, plain, NULL, 0) == ASYNC_FINISH && ret == FE_TONEAREST);
    return 0;
}
