/*
 * Two jobs use as many kilobytes of their stacks as the command line says. None may overwrite the
 * other's.
 */
#include <openssl/async.h>

#include "check.h"

#include <string.h>

static size_t size = 40 << 10;

__attribute__((noinline)) static int deeper(size_t left)
{
    volatile char frame[1024];

    memset((char *)frame, (int)(left >> 10), sizeof(frame));
    if (left > sizeof(frame) + 64)
        deeper(left - sizeof(frame) - 64);
    else
        ASYNC_pause_job();
    CHECK(frame[0] == (char)(left >> 10) && frame[1023] == frame[0]);
    return 1;
}

static int uses(void *p)
{
    (void)p;
    return deeper(size);
}

int main(int argc, char **argv)
{
    ASYNC_JOB *a = NULL, *b = NULL;
    int ret;

    if (argc > 1)
        size = (size_t)atol(argv[1]) << 10;
    CHECK(ASYNC_start_job(&a, NULL, &ret, uses, NULL, 0) == ASYNC_PAUSE);
    CHECK(ASYNC_start_job(&b, NULL, &ret, uses, NULL, 0) == ASYNC_PAUSE);
    CHECK(ASYNC_start_job(&a, NULL, &ret, uses, NULL, 0) == ASYNC_FINISH);
    CHECK(ASYNC_start_job(&b, NULL, &ret, uses, NULL, 0) == ASYNC_FINISH);
    return 0;
}
