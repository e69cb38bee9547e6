/* ASYNC_set_mem_functions: the application makes and frees the stacks. */
#include <openssl/async.h>

#include "check.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

static int allocated, freed, fail, small;
static ASYNC_stack_alloc_fn given_alloc;
static ASYNC_stack_free_fn given_free;

/* The stack is not aligned, as if the application kept a header before it. */
static void *make(size_t *size)
{
    char *stack;

    CHECK(*size >= 16384);
    if (fail || (stack = given_alloc(size)) == NULL)
        return NULL;
    allocated++;
    *size = small ? 100 : *size - 8;
    return stack + 8;
}

static void *uses_sessions(void *p)
{
    ASYNC_WAIT_CTX_free(ASYNC_WAIT_CTX_new());
    return p;
}

static void drop(void *stack)
{
    pthread_t t;

    freed++;
    /* The library must not hold its lock now. */
    CHECK(pthread_create(&t, NULL, uses_sessions, NULL) == 0 && pthread_join(t, NULL) == 0);
    given_free((char *)stack - 8);
}

static int uses(void *p)
{
    char buf[8000];

    CHECK(((uintptr_t)p & 15) == 0);
    memset(buf, 1, sizeof(buf));
    ASYNC_pause_job();
    return buf[*(int *)p];
}

int main(void)
{
    ASYNC_stack_alloc_fn a = NULL;
    ASYNC_stack_free_fn f = NULL;
    ASYNC_JOB *job[5] = { NULL };
    ASYNC_WAIT_CTX *ctx = ASYNC_WAIT_CTX_new();
    int ret, n = 4000;

    alarm(150); /* ends a program that hangs */
    ASYNC_get_mem_functions(NULL, NULL);
    ASYNC_get_mem_functions(&given_alloc, &given_free);
    CHECK(given_alloc != NULL && given_free != NULL);
    CHECK(ASYNC_set_mem_functions(NULL, NULL) == 1);
    CHECK(ASYNC_set_mem_functions(make, drop) == 1);
    ASYNC_get_mem_functions(&a, &f);
    CHECK(a == make && f == drop);
    for (int i = 0; i < 2; i++) {
        CHECK(ASYNC_init_thread(5, 3) == 1);
        CHECK(allocated == 3); /* at the first call, and no more at the second */
    }
    for (int i = 0; i < 5; i++)
        CHECK(ASYNC_start_job(&job[i], ctx, &ret, uses, &n, sizeof(n)) == ASYNC_PAUSE);
    CHECK(allocated == 5);
    FAILS(ASYNC_set_mem_functions(make, drop), EBUSY); /* too late */
    for (int i = 0; i < 3; i++)
        CHECK(ASYNC_start_job(&job[i], ctx, &ret, uses, NULL, 0) == ASYNC_FINISH && ret == 1);
    for (int i = 0; i < 100; i++) {
        CHECK(ASYNC_start_job(&job[0], ctx, &ret, uses, &n, sizeof(n)) == ASYNC_PAUSE);
        CHECK(ASYNC_start_job(&job[0], ctx, &ret, uses, NULL, 0) == ASYNC_FINISH && ret == 1);
    }
    CHECK(allocated == 5 && freed == 0); /* stacks are reused */
    ASYNC_WAIT_CTX_free(ctx); /* drops two */
    CHECK(freed == 0);
    ASYNC_cleanup_thread();
    CHECK(freed == 5);
    small = 1;
    FAILS(ASYNC_start_job(&job[0], NULL, &ret, uses, &n, sizeof(n)), ENOMEM);
    CHECK(allocated == 6 && freed == 6);
    fail = 1;
    FAILS(ASYNC_start_job(&job[0], NULL, &ret, uses, &n, sizeof(n)), ENOMEM);
    return 0;
}
