/* A call that succeeds leaves errno alone, whatever the library does inside. */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE
#endif
#include <openssl/async.h>

#include "check.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The call must be true, and must not change errno. */
#define KEEPS(call) \
    do { \
        errno = 4711; \
        CHECK(call); \
        CHECK(errno == 4711); \
    } while (0)

static ASYNC_WAIT_CTX *ctx;
static int ret, allowed = 1000;
static ASYNC_stack_alloc_fn given_alloc;
static ASYNC_stack_free_fn given_free;

static void *alloc(size_t *size)
{
    errno = ENOMEM;
    return allowed-- > 0 ? given_alloc(size) : NULL;
}

static void drop(void *stack)
{
    given_free(stack);
    errno = ENOENT;
}

static int done(void) { return 1; }

static int pauses(void *p)
{
    (void)p;
    CHECK(errno == 4711); /* also in a job that is the first */
    KEEPS(ASYNC_pause_job() == 1);
    return 1;
}

/* errno is the thread's: what a job sets is there after it. */
static int sets(void *p)
{
    (void)p;
    errno = 42;
    ASYNC_pause_job();
    CHECK(errno == 4711);
    errno = 43;
    return 1;
}

static void jobs(size_t size)
{
    ASYNC_JOB *job[40] = { NULL }, *other = NULL;
    char *args = calloc(1, size);

    for (int i = 0; i < 40; i++)
        KEEPS(ASYNC_start_job(&job[i], ctx, &ret, pauses, args, size) == ASYNC_PAUSE);
    for (int i = 0; i < 20; i++)
        KEEPS(ASYNC_start_job(&job[i], ctx, &ret, pauses, NULL, 0) == ASYNC_FINISH);
    errno = 4711;
    CHECK(ASYNC_start_job(&other, ctx, &ret, sets, args, size) == ASYNC_PAUSE && errno == 42);
    errno = 4711;
    CHECK(ASYNC_start_job(&other, ctx, &ret, sets, args, size) == ASYNC_FINISH && errno == 43);
    KEEPS((ASYNC_WAIT_CTX_free(ctx), done())); /* drops twenty */
    KEEPS((ctx = ASYNC_WAIT_CTX_new()) != NULL);
    free(args);
}

static void fds(void)
{
    static char keys[3000];
    OSSL_ASYNC_FD fd;
    size_t n;

    for (int i = 0; i < 3000; i++)
        KEEPS(ASYNC_WAIT_CTX_set_wait_fd(ctx, &keys[i], i, NULL, NULL) == 1);
    KEEPS(ASYNC_WAIT_CTX_get_fd(ctx, &keys[5], &fd, NULL) == 1 && fd == 5);
    KEEPS(ASYNC_WAIT_CTX_get_all_fds(ctx, NULL, &n) == 1 && n == 3000);
    KEEPS(ASYNC_WAIT_CTX_clear_fd(ctx, &keys[5]) == 1);
    KEEPS((ASYNC_WAIT_CTX_free(ctx), done()));
    KEEPS((ctx = ASYNC_WAIT_CTX_new()) != NULL);
}

int main(void)
{
    setenv("ASYNC_STACK_SIZE", "99999999999999999999", 1); /* beyond all numbers */
    KEEPS((ASYNC_get_mem_functions(&given_alloc, &given_free), given_free != NULL));
    KEEPS((ctx = ASYNC_WAIT_CTX_new()) != NULL);
    KEEPS(ASYNC_set_mem_functions(NULL, NULL) == 1);
    if (getenv("CHECK_ALLOC") != NULL)
        KEEPS(ASYNC_set_mem_functions(alloc, drop) == 1);
    if (getenv("CHECK_LOCKED") != NULL)
        mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT); /* madvise then fails */
    jobs(1);
    jobs(100000);
    fds();
    KEEPS((ASYNC_cleanup_thread(), done()));
    allowed = 3;
    KEEPS(ASYNC_init_thread(40, 40) == 1); /* with CHECK_ALLOC it makes three */
    KEEPS((ASYNC_cleanup_thread(), done()));
    for (int i = 0; i < 3000; i++) {
        ASYNC_WAIT_CTX *c;

        KEEPS((c = ASYNC_WAIT_CTX_new()) != NULL);
        KEEPS((ASYNC_WAIT_CTX_free(c), done()));
    }
    ASYNC_WAIT_CTX_free(ctx);
    return 0;
}
