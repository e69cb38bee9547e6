/* Cases in which OpenSSL's jobs crash, leak or corrupt memory. In libasync each works or fails. */
#include <openssl/async.h>

#include "check.h"

#include <pthread.h>
#include <stdint.h>

static ASYNC_WAIT_CTX *ctx;
static int ret;

static int start(ASYNC_JOB **job, ASYNC_WAIT_CTX *w, int (*fn)(void *)) { return ASYNC_start_job(job, w, &ret, fn, NULL, 0); }

static int pauses(void *p)
{
    (void)p;
    ASYNC_pause_job();
    return 1;
}

static int one(void *p) { (void)p; return 1; }

static ASYNC_JOB *inner, *outer;

static int nests(void *p)
{
    ASYNC_JOB *self = ASYNC_get_current_job(), *copy = self;

    (void)p;
    /* The pause returns to this job, not to main. */
    CHECK(start(&inner, ctx, pauses) == ASYNC_PAUSE);
    CHECK(ASYNC_get_current_job() == self);
    FAILS(start(&copy, ctx, one), EBUSY);
    CHECK(copy == self); /* its job still lives */
    ASYNC_pause_job();
    CHECK(start(&inner, ctx, one) == ASYNC_FINISH);
    CHECK(start(&inner, ctx, pauses) == ASYNC_PAUSE);
    return 1;
}

static void nested_start(void)
{
    ctx = ASYNC_WAIT_CTX_new();
    CHECK(start(&outer, ctx, nests) == ASYNC_PAUSE);
    CHECK(start(&outer, ctx, nests) == ASYNC_FINISH);
    /* A job that was started inside another is resumed outside. */
    CHECK(start(&inner, ctx, one) == ASYNC_FINISH);
    ASYNC_WAIT_CTX_free(ctx);
}

static void finished_handle(void)
{
    ASYNC_JOB *job = NULL, *copy, *next = NULL;

    ctx = ASYNC_WAIT_CTX_new();
    CHECK(start(&job, ctx, pauses) == ASYNC_PAUSE);
    copy = job;
    CHECK(start(&job, ctx, pauses) == ASYNC_FINISH);
    /* Most likely in the same entry of the table. */
    CHECK(start(&next, ctx, pauses) == ASYNC_PAUSE);
    job = copy;
    FAILS(start(&job, ctx, pauses), ESTALE);
    CHECK(job == NULL && ASYNC_get_wait_ctx(copy) == NULL);
    CHECK(start(&next, ctx, pauses) == ASYNC_FINISH);
    for (uintptr_t any = 1; any != 0; any <<= 1) {
        job = (ASYNC_JOB *)any;
        FAILS(start(&job, ctx, pauses), ESTALE);
        job = (ASYNC_JOB *)~any;
        FAILS(start(&job, ctx, pauses), ESTALE);
    }
    ASYNC_WAIT_CTX_free(ctx);
}

static void *resumes(void *job)
{
    ASYNC_JOB *copy = job;

    FAILS(start(&copy, ctx, pauses), EPERM);
    CHECK(copy == job);
    return NULL;
}

static void in_thread(void *(*fn)(void *), void *arg)
{
    pthread_t t;

    CHECK(pthread_create(&t, NULL, fn, arg) == 0);
    CHECK(pthread_join(t, NULL) == 0);
}

static void another_thread(void)
{
    ASYNC_JOB *job = NULL;

    ctx = ASYNC_WAIT_CTX_new();
    CHECK(start(&job, ctx, pauses) == ASYNC_PAUSE);
    in_thread(resumes, job);
    CHECK(start(&job, ctx, pauses) == ASYNC_FINISH);
    ASYNC_WAIT_CTX_free(ctx);
}

static _Atomic(int) go;

static void *resumes_often(void *job)
{
    while (!go)
        continue;
    for (int i = repetitions(10000, 10); i > 0; i--) {
        ASYNC_JOB *copy = job;
        int own;

        CHECK(ASYNC_start_job(&copy, NULL, &own, one, NULL, 0) == ASYNC_ERR);
    }
    return NULL;
}

static int pauses_often(void *p)
{
    (void)p;
    for (int i = repetitions(10000, 10); i > 0; i--)
        ASYNC_pause_job();
    return 1;
}

static void two_at_once(void)
{
    ASYNC_JOB *job = NULL;
    pthread_t t;

    ctx = ASYNC_WAIT_CTX_new();
    CHECK(start(&job, ctx, pauses_often) == ASYNC_PAUSE);
    CHECK(pthread_create(&t, NULL, resumes_often, job) == 0);
    go = 1;
    while (start(&job, ctx, pauses_often) == ASYNC_PAUSE)
        continue;
    CHECK(job == NULL && ret == 1);
    CHECK(pthread_join(t, NULL) == 0);
    ASYNC_WAIT_CTX_free(ctx);
}

static void no_wait_context(void)
{
    ASYNC_JOB *job = NULL;

    CHECK(start(&job, NULL, pauses) == ASYNC_PAUSE);
    CHECK(ASYNC_get_wait_ctx(job) == NULL);
    CHECK(start(&job, NULL, pauses) == ASYNC_FINISH);
}

static int blocks(void *p)
{
    (void)p;
    ASYNC_block_pause();
    return 1;
}

static void unbalanced_block(void)
{
    ASYNC_JOB *job = NULL;

    CHECK(start(&job, NULL, blocks) == ASYNC_FINISH);
    CHECK(start(&job, NULL, pauses) == ASYNC_PAUSE);
    CHECK(start(&job, NULL, pauses) == ASYNC_FINISH);
}

static void second_init(void)
{
    ASYNC_JOB *a = NULL, *b = NULL;

    CHECK(ASYNC_init_thread(8, 8) == 1);
    CHECK(ASYNC_init_thread(1, 1) == 1);
    CHECK(start(&a, NULL, pauses) == ASYNC_PAUSE);
    CHECK(start(&b, NULL, pauses) == ASYNC_NO_JOBS);
    CHECK(ASYNC_init_thread(2, 0) == 1); /* while a job is paused */
    CHECK(start(&b, NULL, pauses) == ASYNC_PAUSE);
    CHECK(start(&a, NULL, pauses) == ASYNC_FINISH);
    CHECK(start(&b, NULL, pauses) == ASYNC_FINISH);
    ASYNC_cleanup_thread();
}

static void *pauses_there(void *p)
{
    (void)p;
    CHECK(ASYNC_get_current_job() == NULL);
    CHECK(ASYNC_pause_job() == 1); /* the job is of another thread: this does nothing */
    return NULL;
}

static int has_threads(void *p)
{
    (void)p;
    in_thread(pauses_there, NULL);
    ASYNC_pause_job();
    return 1;
}

static void pause_from_another_thread(void)
{
    ASYNC_JOB *job = NULL;

    CHECK(start(&job, NULL, has_threads) == ASYNC_PAUSE);
    CHECK(start(&job, NULL, one) == ASYNC_FINISH);
}

int main(void)
{
    nested_start();
    finished_handle();
    another_thread();
    two_at_once();
    no_wait_context();
    unbalanced_block();
    second_init();
    pause_from_another_thread();
    ASYNC_cleanup_thread();
    return 0;
}
