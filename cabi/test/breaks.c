/* Where OpenSSL's own facility crashes, leaks or corrupts: here each case works or is an error. */
#include <openssl/async.h>

#include "check.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

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

static int cleaned;

static void clears_itself(ASYNC_WAIT_CTX *w, const void *key, int fd, void *data)
{
    size_t n;

    (void)fd, (void)data;
    cleaned++;
    CHECK(ASYNC_WAIT_CTX_clear_fd(w, key) == 1);
    CHECK(ASYNC_WAIT_CTX_clear_fd(w, key) == 0);
    CHECK(ASYNC_WAIT_CTX_get_all_fds(w, NULL, &n) == 1);
}

static void sets_more(ASYNC_WAIT_CTX *w, const void *key, int fd, void *data)
{
    (void)data;
    cleaned++;
    if (fd > 0)
        for (int i = 0; i < 9; i++) /* the list moves under the cleanup */
            CHECK(ASYNC_WAIT_CTX_set_wait_fd(w, key, fd - 1, NULL, i == 0 ? sets_more : NULL) == 1);
    ASYNC_WAIT_CTX_free(w); /* it is being freed */
}

static void cleanup_that_clears_itself(void)
{
    ctx = ASYNC_WAIT_CTX_new();
    for (int i = 0; i < 3; i++)
        CHECK(ASYNC_WAIT_CTX_set_wait_fd(ctx, (char *)&cleaned + i, i, NULL, clears_itself) == 1);
    ASYNC_WAIT_CTX_free(ctx);
    CHECK(cleaned == 3);
    cleaned = 0;
    ctx = ASYNC_WAIT_CTX_new();
    CHECK(ASYNC_WAIT_CTX_set_wait_fd(ctx, &cleaned, 2, NULL, sets_more) == 1);
    ASYNC_WAIT_CTX_free(ctx);
    CHECK(cleaned == 3);
}

static ASYNC_JOB *inner, *outer;

static int nests(void *p)
{
    ASYNC_JOB *self = ASYNC_get_current_job(), *copy = self;

    (void)p;
    CHECK(start(&inner, ctx, pauses) == ASYNC_PAUSE); /* returns here, not to main */
    CHECK(ASYNC_get_current_job() == self);
    FAILS(start(&copy, ctx, one), EBUSY);
    CHECK(copy == self); /* it lives */
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
    CHECK(start(&inner, ctx, one) == ASYNC_FINISH); /* what paused inside is resumed outside */
    ASYNC_WAIT_CTX_free(ctx);
}

static void finished_handle(void)
{
    ASYNC_JOB *job = NULL, *copy, *next = NULL;

    ctx = ASYNC_WAIT_CTX_new();
    CHECK(start(&job, ctx, pauses) == ASYNC_PAUSE);
    copy = job;
    CHECK(start(&job, ctx, pauses) == ASYNC_FINISH);
    CHECK(start(&next, ctx, pauses) == ASYNC_PAUSE); /* most likely in the same place */
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
    for (int i = 0; i < 10000; i++) {
        ASYNC_JOB *copy = job;
        int own;

        CHECK(ASYNC_start_job(&copy, NULL, &own, one, NULL, 0) == ASYNC_ERR);
    }
    return NULL;
}

static int pauses_often(void *p)
{
    (void)p;
    for (int i = 0; i < 10000; i++)
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

/* What an engine does that comes late: all of it fails, also when the session's place was taken by others. */
static void *late(void *gone)
{
    ASYNC_callback_fn fn;
    void *data;
    int fd;
    size_t n, m;

    for (int i = 0; i < 300; i++) {
        FAILS(ASYNC_WAIT_CTX_get_callback(gone, &fn, &data), ESTALE);
        FAILS(ASYNC_WAIT_CTX_get_fd(gone, NULL, &fd, &data), ESTALE);
        FAILS(ASYNC_WAIT_CTX_set_wait_fd(gone, NULL, 1, NULL, NULL), ESTALE);
        FAILS(ASYNC_WAIT_CTX_clear_fd(gone, NULL), ESTALE);
        FAILS(ASYNC_WAIT_CTX_get_all_fds(gone, NULL, &n), ESTALE);
        FAILS(ASYNC_WAIT_CTX_get_changed_fds(gone, NULL, &n, NULL, &m), ESTALE);
        FAILS(ASYNC_WAIT_CTX_set_callback(gone, NULL, NULL), ESTALE);
        FAILS(ASYNC_WAIT_CTX_set_status(gone, ASYNC_STATUS_OK), ESTALE);
        CHECK(ASYNC_WAIT_CTX_get_status(gone) == ASYNC_STATUS_ERR);
        ASYNC_JOB *job = NULL;
        FAILS(start(&job, gone, one), ESTALE);
        ASYNC_WAIT_CTX_free(gone);
        ASYNC_WAIT_CTX_free(ASYNC_WAIT_CTX_new());
    }
    FAILS(ASYNC_WAIT_CTX_set_status(NULL, 1), EINVAL);
    CHECK(ASYNC_WAIT_CTX_get_status(NULL) == ASYNC_STATUS_ERR);
    return NULL;
}

static void freed_under_an_engine(void)
{
    ctx = ASYNC_WAIT_CTX_new();
    CHECK(ASYNC_WAIT_CTX_set_callback(ctx, one, NULL) == 1);
    ASYNC_WAIT_CTX_free(ctx);
    late(ctx);
    in_thread(late, ctx);
}

static char *on_stack;

static int engine_writes_here(void *p)
{
    char result[64];

    (void)p;
    memset(result, 0, sizeof(result));
    on_stack = result;
    ASYNC_pause_job();
    CHECK(!"a dropped job is resumed");
    return result[0];
}

static void *frees(void *w)
{
    ASYNC_WAIT_CTX_free(w);
    return NULL;
}

/* A connection is freed while its job is paused: the place in the pool comes back, and the stack rests. */
static void freed_while_paused(void)
{
    ASYNC_JOB *job = NULL, *copy;

    CHECK(ASYNC_init_thread(1, 0) == 1);
    for (int i = 0; i < 200; i++) {
        ctx = ASYNC_WAIT_CTX_new();
        CHECK(start(&job, ctx, engine_writes_here) == ASYNC_PAUSE);
        copy = job;
        if (i % 2 == 0)
            ASYNC_WAIT_CTX_free(ctx);
        else
            in_thread(frees, ctx);
        memset(on_stack, 1, 64); /* the engine, late */
        FAILS(start(&job, NULL, one), ESTALE);
        CHECK(job == NULL);
        CHECK(start(&job, NULL, pauses) == ASYNC_PAUSE);
        FAILS(start(&copy, NULL, one), ESTALE);
        CHECK(start(&job, NULL, pauses) == ASYNC_FINISH);
    }
    ASYNC_cleanup_thread();
}

static int frees_own(void *p)
{
    (void)p;
    ASYNC_WAIT_CTX_free(ctx);
    CHECK(ASYNC_get_wait_ctx(ASYNC_get_current_job()) == NULL);
    ASYNC_pause_job();
    return 1;
}

static void freed_by_its_job(void)
{
    ASYNC_JOB *job = NULL;

    ctx = ASYNC_WAIT_CTX_new();
    CHECK(start(&job, ctx, frees_own) == ASYNC_PAUSE);
    CHECK(start(&job, NULL, one) == ASYNC_FINISH);
}

static int cleans_up(void *p)
{
    (void)p;
    errno = 0;
    ASYNC_cleanup_thread();
    CHECK(errno == EBUSY);
    CHECK(ASYNC_init_thread(7, 7) == 1);
    ASYNC_pause_job();
    return 1;
}

static void cleanup_in_a_job_and_under_one(void)
{
    ASYNC_JOB *job = NULL, *copy;

    ctx = ASYNC_WAIT_CTX_new();
    CHECK(start(&job, ctx, cleans_up) == ASYNC_PAUSE);
    copy = job;
    ASYNC_cleanup_thread();
    FAILS(start(&job, ctx, one), ESTALE);
    CHECK(start(&job, ctx, pauses) == ASYNC_PAUSE);
    FAILS(start(&copy, ctx, one), ESTALE);
    ASYNC_WAIT_CTX_free(ctx);
    ASYNC_cleanup_thread();
}

static void *pauses_there(void *p)
{
    (void)p;
    CHECK(ASYNC_get_current_job() == NULL);
    CHECK(ASYNC_pause_job() == 1); /* not this thread's job: nothing */
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
    cleanup_that_clears_itself();
    nested_start();
    finished_handle();
    another_thread();
    two_at_once();
    no_wait_context();
    unbalanced_block();
    second_init();
    freed_under_an_engine();
    freed_while_paused();
    freed_by_its_job();
    cleanup_in_a_job_and_under_one();
    pause_from_another_thread();
    ASYNC_cleanup_thread();
    return 0;
}
