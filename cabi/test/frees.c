/* Cases in which OpenSSL's jobs break when something is freed. In libasync each works or fails. */
#include <openssl/async.h>

#include "check.h"

#include <pthread.h>
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

static void in_thread(void *(*fn)(void *), void *arg)
{
    pthread_t t;

    CHECK(pthread_create(&t, NULL, fn, arg) == 0);
    CHECK(pthread_join(t, NULL) == 0);
}

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

static void counts(ASYNC_WAIT_CTX *w, const void *key, int fd, void *data)
{
    int add[3] = { -1, -1, -1 };
    size_t n, m;

    (void)key, (void)data;
    CHECK(ASYNC_WAIT_CTX_get_changed_fds(w, add, &n, NULL, &m) == 1);
    CHECK(n == (size_t)fd + 1 && m == 0 && add[0] == fd && add[fd] == 0);
}

static void cleanup_that_counts(void)
{
    ctx = ASYNC_WAIT_CTX_new();
    for (int i = 0; i < 3; i++)
        CHECK(ASYNC_WAIT_CTX_set_wait_fd(ctx, (char *)&cleaned + i, i, NULL, counts) == 1);
    ASYNC_WAIT_CTX_free(ctx);
}

static ASYNC_JOB *begun;

static void starts(ASYNC_WAIT_CTX *w, const void *key, int fd, void *data)
{
    (void)key, (void)fd, (void)data;
    CHECK(start(&begun, w, pauses) == ASYNC_PAUSE);
}

/* The job is dropped with the session, too. */
static void cleanup_that_starts_a_job(void)
{
    ctx = ASYNC_WAIT_CTX_new();
    CHECK(ASYNC_WAIT_CTX_set_wait_fd(ctx, &begun, 1, NULL, starts) == 1);
    ASYNC_WAIT_CTX_free(ctx);
    CHECK(begun != NULL && ASYNC_get_wait_ctx(begun) == NULL);
    FAILS(start(&begun, NULL, one), ESTALE);
}

/* All calls of an engine that is late fail, also when another session has the same memory. */
static void *late(void *gone)
{
    ASYNC_callback_fn fn;
    void *data;
    int fd;
    size_t n, m;

    /* More than 64 sessions, after which memory is reused. */
    for (int i = repetitions(300, 3); i > 0; i--) {
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

#define LATE 60 /* a stack is reused after 64 more jobs were dropped */

static char *on_stack[LATE];

static int engine_writes_here(void *p)
{
    char result[64];

    memset(result, 0, sizeof(result));
    on_stack[*(int *)p % LATE] = result;
    ASYNC_pause_job();
    CHECK(!"a dropped job is resumed");
    return result[0];
}

static int keeps(void *p)
{
    volatile char mine[4096];

    (void)p;
    memset((char *)mine, 7, sizeof(mine));
    ASYNC_pause_job();
    for (size_t i = 0; i < sizeof(mine); i++)
        CHECK(mine[i] == 7);
    return 1;
}

static void *frees(void *w)
{
    ASYNC_WAIT_CTX_free(w);
    return NULL;
}

/*
 * A session is freed while its job is paused: the pool has room again, and the stack is not yet
 * reused.
 */
static void freed_while_paused(void)
{
    ASYNC_JOB *job = NULL, *old[200], *copy;

    CHECK(ASYNC_init_thread(1, 0) == 1);
    for (int i = 0; i < repetitions(200, 2); i++) { /* after 64, stacks are reused */
        ctx = ASYNC_WAIT_CTX_new();
        CHECK(ASYNC_start_job(&job, ctx, &ret, engine_writes_here, &i, sizeof(i)) == ASYNC_PAUSE);
        old[i] = job;
        if (i % 2 == 0)
            ASYNC_WAIT_CTX_free(ctx);
        else
            in_thread(frees, ctx);
        FAILS(start(&job, NULL, one), ESTALE);
        CHECK(job == NULL);
        CHECK(start(&job, NULL, keeps) == ASYNC_PAUSE);
        for (int k = 0; k <= i; k++) { /* also when another job has its entry in the table */
            copy = old[k];
            FAILS(start(&copy, NULL, one), ESTALE);
        }
        for (int k = 0; k < LATE && k <= i; k++)
            memset(on_stack[k], 1, 64); /* the engine, late */
        CHECK(start(&job, NULL, keeps) == ASYNC_FINISH);
    }
    ASYNC_cleanup_thread();
}

struct request {
    char text[300], result; /* too large to be copied to the stack */
};

static struct request *in_args;

static int engine_writes_to_args(void *p)
{
    in_args = p;
    ASYNC_pause_job();
    CHECK(!"a dropped job is resumed");
    return 0;
}

/*
 * The arguments of a dropped job are kept as its stack is. AddressSanitizer and valgrind check
 * this.
 */
static void args_of_a_dropped_job(void)
{
    struct request r = { "", 0 };
    ASYNC_JOB *job;

    for (int i = 0; i < 200; i++) {
        job = NULL;
        ctx = ASYNC_WAIT_CTX_new();
        CHECK(ASYNC_start_job(&job, ctx, &ret, engine_writes_to_args, &r, sizeof(r)) == ASYNC_PAUSE);
        ASYNC_WAIT_CTX_free(ctx);
        in_args->result = 1;
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

int main(void)
{
    cleanup_that_clears_itself();
    cleanup_that_counts();
    cleanup_that_starts_a_job();
    freed_under_an_engine();
    freed_while_paused();
    args_of_a_dropped_job();
    freed_by_its_job();
    cleanup_in_a_job_and_under_one();
    ASYNC_cleanup_thread();
    return 0;
}
