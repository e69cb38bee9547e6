/* Ordinary use of every function: results, effects, and outputs that must not change. */
#include <openssl/async.h>

#include "check.h"

#include <limits.h>
#include <string.h>

static ASYNC_WAIT_CTX *ctx;

static void capable(void) { CHECK(ASYNC_is_capable() == 1); }

static void pools(void)
{
    FAILS(ASYNC_init_thread(0, 1), EINVAL);
    FAILS(ASYNC_init_thread(1, 2), EINVAL);
    FAILS(ASYNC_init_thread((size_t)-1, (size_t)-1), EINVAL);
    FAILS(ASYNC_init_thread((size_t)INT_MAX + 1, 0), EINVAL);
    FAILS(ASYNC_init_thread(INT_MAX, INT_MAX), ENOMEM);
    CHECK(ASYNC_init_thread(INT_MAX, 1) == 1);
    CHECK(ASYNC_init_thread(3, 3) == 1);
    ASYNC_cleanup_thread();
    ASYNC_cleanup_thread();
    CHECK(ASYNC_init_thread(0, 0) == 1);
    ASYNC_cleanup_thread();
}

struct args {
    char text[400];
    int value;
};

static int twice(void *p)
{
    struct args *a = p;

    CHECK(((size_t)p & 15) == 0);
    CHECK(strcmp(a->text, "copied") == 0);
    strcpy(a->text, "spoilt");
    CHECK(ASYNC_pause_job() == 1);
    CHECK(strcmp(a->text, "spoilt") == 0);
    return 2 * a->value;
}

static int small(void *p) { return *(char *)p; }
static int no_args(void *p) { return p == NULL; }

static void arguments(void)
{
    struct args a = { "copied", 21 };
    ASYNC_JOB *job = NULL;
    int ret = -1;
    char c = 7;

    CHECK(ASYNC_start_job(&job, ctx, &ret, twice, &a, sizeof(a)) == ASYNC_PAUSE);
    CHECK(job != NULL && ret == -1);
    CHECK(strcmp(a.text, "copied") == 0);
    a.value = 0;
    /* A resume ignores all of these. */
    CHECK(ASYNC_start_job(&job, NULL, &ret, NULL, NULL, 0) == ASYNC_FINISH);
    CHECK(job == NULL && ret == 42);
    CHECK(ASYNC_start_job(&job, ctx, &ret, small, &c, 1) == ASYNC_FINISH && ret == 7);
    CHECK(ASYNC_start_job(&job, ctx, &ret, no_args, NULL, 0) == ASYNC_FINISH && ret == 1);
    CHECK(ASYNC_start_job(&job, ctx, &ret, no_args, NULL, 5) == ASYNC_FINISH && ret == 1);
    CHECK(ASYNC_start_job(&job, ctx, &ret, no_args, &c, 0) == ASYNC_FINISH && ret == 1);
    FAILS(ASYNC_start_job(NULL, ctx, &ret, no_args, NULL, 0), EINVAL);
    FAILS(ASYNC_start_job(&job, ctx, &ret, NULL, NULL, 0), EINVAL);
}

static ASYNC_JOB *seen;

static int look(void *p)
{
    (void)p;
    seen = ASYNC_get_current_job();
    CHECK(seen != NULL);
    CHECK(ASYNC_get_wait_ctx(seen) == ctx);
    ASYNC_pause_job();
    CHECK(ASYNC_get_current_job() == seen);
    return 0;
}

static void current(void)
{
    ASYNC_JOB *job = NULL;
    int ret;

    CHECK(ASYNC_get_current_job() == NULL);
    CHECK(ASYNC_pause_job() == 1); /* outside a job it does nothing */
    ASYNC_block_pause();
    ASYNC_unblock_pause();
    CHECK(ASYNC_start_job(&job, ctx, &ret, look, NULL, 0) == ASYNC_PAUSE);
    CHECK(job == seen);
    CHECK(ASYNC_get_current_job() == NULL);
    CHECK(ASYNC_get_wait_ctx(job) == ctx);
    CHECK(ASYNC_start_job(&job, ctx, &ret, look, NULL, 0) == ASYNC_FINISH);
    CHECK(ASYNC_get_wait_ctx(seen) == NULL && ASYNC_get_wait_ctx(NULL) == NULL);
}

static int blocks(void *p)
{
    (void)p;
    ASYNC_block_pause();
    ASYNC_block_pause();
    ASYNC_pause_job();
    ASYNC_unblock_pause();
    ASYNC_pause_job();
    ASYNC_unblock_pause();
    ASYNC_unblock_pause(); /* one too many does nothing */
    ASYNC_pause_job();
    return 5;
}

static void blocking(void)
{
    ASYNC_JOB *job = NULL;
    int ret;

    CHECK(ASYNC_start_job(&job, ctx, &ret, blocks, NULL, 0) == ASYNC_PAUSE);
    CHECK(ASYNC_start_job(&job, ctx, &ret, blocks, NULL, 0) == ASYNC_FINISH && ret == 5);
}

static int pauses(void *p)
{
    (void)p;
    ASYNC_pause_job();
    return 1;
}

static void limits(void)
{
    ASYNC_JOB *a = NULL, *b = NULL, *c = NULL;
    int ret;

    CHECK(ASYNC_init_thread(2, 1) == 1);
    CHECK(ASYNC_start_job(&a, ctx, &ret, pauses, NULL, 0) == ASYNC_PAUSE);
    CHECK(ASYNC_start_job(&b, ctx, &ret, pauses, NULL, 0) == ASYNC_PAUSE);
    CHECK(ASYNC_start_job(&c, ctx, &ret, pauses, NULL, 0) == ASYNC_NO_JOBS && c == NULL);
    CHECK(ASYNC_start_job(&a, ctx, &ret, pauses, NULL, 0) == ASYNC_FINISH);
    CHECK(ASYNC_start_job(&c, ctx, &ret, pauses, NULL, 0) == ASYNC_PAUSE);
    CHECK(ASYNC_start_job(&b, ctx, &ret, pauses, NULL, 0) == ASYNC_FINISH);
    CHECK(ASYNC_start_job(&c, ctx, &ret, pauses, NULL, 0) == ASYNC_FINISH);
    ASYNC_cleanup_thread();
}

static int order[8], ordered;

static void cleanup(ASYNC_WAIT_CTX *w, const void *key, int fd, void *data)
{
    CHECK(w == ctx && key == (char *)order + fd && data == &order[1]);
    order[ordered++] = fd;
}

static void set(int fd) { CHECK(ASYNC_WAIT_CTX_set_wait_fd(ctx, (char *)order + fd, fd, &order[1], cleanup) == 1); }

static void wait_fds(void)
{
    int fds[4] = { -1, -1, -1, -1 }, del[4] = { -1, -1, -1, -1 }, fd = -2;
    size_t n = 9, m = 9;
    void *data = NULL;
    ASYNC_JOB *job = NULL;
    int ret;

    ctx = ASYNC_WAIT_CTX_new();
    CHECK(ctx != NULL);
    CHECK(ASYNC_WAIT_CTX_get_all_fds(ctx, NULL, &n) == 1 && n == 0);
    CHECK(ASYNC_WAIT_CTX_get_changed_fds(ctx, NULL, &n, NULL, &m) == 1 && n == 0 && m == 0);
    CHECK(ASYNC_WAIT_CTX_get_fd(ctx, order, &fd, &data) == 0 && fd == -2 && data == NULL);
    CHECK(ASYNC_WAIT_CTX_clear_fd(ctx, order) == 0);
    set(1), set(2), set(3);
    CHECK(ASYNC_WAIT_CTX_get_fd(ctx, (char *)order + 2, &fd, &data) == 1 && fd == 2 && data == &order[1]);
    CHECK(ASYNC_WAIT_CTX_get_all_fds(ctx, fds, &n) == 1 && n == 3);
    CHECK(fds[0] == 3 && fds[1] == 2 && fds[2] == 1 && fds[3] == -1); /* newest first */
    /* Set and cleared since the last reset: in neither list. */
    CHECK(ASYNC_WAIT_CTX_clear_fd(ctx, (char *)order + 3) == 1);
    CHECK(ASYNC_WAIT_CTX_get_changed_fds(ctx, fds, &n, del, &m) == 1 && n == 2 && m == 0 && fds[0] == 2 && fds[1] == 1);
    CHECK(ASYNC_start_job(&job, ctx, &ret, pauses, NULL, 0) == ASYNC_PAUSE);
    CHECK(ASYNC_WAIT_CTX_get_changed_fds(ctx, NULL, &n, NULL, &m) == 1 && n == 2 && m == 0);
    /* A resume resets the marks. */
    CHECK(ASYNC_start_job(&job, ctx, &ret, pauses, NULL, 0) == ASYNC_FINISH);
    CHECK(ASYNC_WAIT_CTX_get_changed_fds(ctx, NULL, &n, NULL, &m) == 1 && n == 0 && m == 0);
    CHECK(ASYNC_WAIT_CTX_clear_fd(ctx, (char *)order + 1) == 1);
    set(4), set(5);
    CHECK(ASYNC_WAIT_CTX_get_changed_fds(ctx, fds, &n, del, &m) == 1 && n == 2 && m == 1);
    CHECK(fds[0] == 5 && fds[1] == 4 && del[0] == 1);
    CHECK(ASYNC_WAIT_CTX_clear_fd(ctx, (char *)order + 1) == 0);
    CHECK(ordered == 0); /* a clear calls no cleanup */
    ASYNC_WAIT_CTX_free(ctx);
    CHECK(ordered == 3 && order[0] == 5 && order[1] == 4 && order[2] == 2);
    ASYNC_WAIT_CTX_free(NULL);
}

static int called(void *p) { return *(int *)p; }

static void callbacks(void)
{
    ASYNC_callback_fn fn = called;
    int n = 3;
    void *arg = &fn;

    ctx = ASYNC_WAIT_CTX_new();
    CHECK(ASYNC_WAIT_CTX_get_callback(ctx, &fn, &arg) == 0 && fn == called && arg == &fn);
    CHECK(ASYNC_WAIT_CTX_set_callback(ctx, called, &n) == 1);
    fn = NULL;
    CHECK(ASYNC_WAIT_CTX_get_callback(ctx, &fn, &arg) == 1 && fn == called && arg == &n && fn(arg) == 3);
    CHECK(ASYNC_WAIT_CTX_set_callback(ctx, NULL, NULL) == 1);
    CHECK(ASYNC_WAIT_CTX_get_callback(ctx, &fn, &arg) == 0);
    ASYNC_WAIT_CTX_free(ctx);
}

/* Outputs may be NULL; libcrypto would write to address 0. */
static void outputs_not_wanted(void)
{
    int fds[2] = { -1, -1 };
    void *arg = NULL;
    ASYNC_callback_fn fn;
    ASYNC_JOB *job = NULL;

    ctx = ASYNC_WAIT_CTX_new();
    set(1);
    CHECK(ASYNC_WAIT_CTX_get_fd(ctx, (char *)order + 1, NULL, NULL) == 1);
    CHECK(ASYNC_WAIT_CTX_get_fd(ctx, (char *)order + 1, &fds[0], NULL) == 1 && fds[0] == 1);
    CHECK(ASYNC_WAIT_CTX_get_fd(ctx, (char *)order + 1, NULL, &arg) == 1 && arg == &order[1]);
    CHECK(ASYNC_WAIT_CTX_get_all_fds(ctx, NULL, NULL) == 1);
    CHECK(ASYNC_WAIT_CTX_get_all_fds(ctx, &fds[1], NULL) == 1 && fds[1] == 1);
    CHECK(ASYNC_WAIT_CTX_get_changed_fds(ctx, NULL, NULL, NULL, NULL) == 1);
    CHECK(ASYNC_WAIT_CTX_get_changed_fds(ctx, &fds[1], NULL, NULL, NULL) == 1 && fds[1] == 1);
    CHECK(ASYNC_WAIT_CTX_set_callback(ctx, called, &fds[1]) == 1);
    CHECK(ASYNC_WAIT_CTX_get_callback(ctx, NULL, NULL) == 1);
    CHECK(ASYNC_WAIT_CTX_get_callback(ctx, &fn, NULL) == 1 && fn == called);
    ASYNC_get_mem_functions(NULL, NULL);
    CHECK(ASYNC_start_job(&job, ctx, NULL, no_args, NULL, 0) == ASYNC_FINISH);
    ASYNC_WAIT_CTX_free(ctx);
}

static void statuses(void)
{
    ctx = ASYNC_WAIT_CTX_new();
    CHECK(ASYNC_WAIT_CTX_get_status(ctx) == ASYNC_STATUS_UNSUPPORTED);
    for (int s = -1; s < 5; s++) {
        CHECK(ASYNC_WAIT_CTX_set_status(ctx, s) == 1);
        CHECK(ASYNC_WAIT_CTX_get_status(ctx) == s);
    }
    ASYNC_WAIT_CTX_free(ctx);
}

int main(void)
{
    capable();
    pools();
    ctx = ASYNC_WAIT_CTX_new();
    arguments();
    current();
    blocking();
    limits();
    ASYNC_WAIT_CTX_free(ctx);
    wait_fds();
    callbacks();
    outputs_not_wanted();
    statuses();
    ASYNC_cleanup_thread();
    return 0;
}
