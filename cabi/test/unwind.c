/* A backtrace must end at a job's first frame: below it are no frames. */
#include <openssl/async.h>

#include "check.h"

#include <stdint.h>
#include <unwind.h>

static int frames, ended;

static _Unwind_Reason_Code frame(struct _Unwind_Context *context, void *arg)
{
    (void)context, (void)arg;
    return ++frames > 50 ? _URC_END_OF_STACK : _URC_NO_REASON;
}

static int body(void *p)
{
    (void)p;
    for (int i = 0; i < 2; i++) {
        frames = 0;
        ended = _Unwind_Backtrace(frame, NULL) == _URC_END_OF_STACK;
        ASYNC_pause_job();
    }
    return 1;
}

int main(void)
{
    ASYNC_JOB *job = NULL;
    int ret;

    while (ASYNC_start_job(&job, NULL, &ret, body, NULL, 0) == ASYNC_PAUSE)
        /* Body, the pool's job_main, and the first code on the stack. */
        CHECK(ended && frames >= 3 && frames <= 6);
    ASYNC_cleanup_thread();
    return 0;
}
