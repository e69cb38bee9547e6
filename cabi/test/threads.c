/*
 * Threads: 8 run 100 jobs each; 5,000 end with jobs paused, and must not leak; some end inside a
 * job.
 */
#include <openssl/async.h>

#include "check.h"

#include <pthread.h>
#include <string.h>

#define JOBS 100

struct args {
    int n;
    char pad[100];
};

static int counts(void *p)
{
    struct args *a = p;
    volatile int sum = 0;

    for (int i = 0; i < a->n; i++) {
        sum += i;
        CHECK(ASYNC_pause_job() == 1);
    }
    return sum;
}

static void *many(void *arg)
{
    ASYNC_WAIT_CTX *ctx[JOBS];
    ASYNC_JOB *job[JOBS] = { NULL };
    int left = JOBS, done[JOBS] = { 0 }, rounds = *(int *)arg;

    CHECK(ASYNC_init_thread(JOBS, JOBS / 2) == 1);
    while (rounds-- > 0) {
        memset(done, 0, sizeof(done));
        left = JOBS;
        for (int i = 0; i < JOBS; i++)
            CHECK((ctx[i] = ASYNC_WAIT_CTX_new()) != NULL);
        while (left > 0)
            for (int i = 0; i < JOBS; i++) {
                struct args a = { .n = i };
                int ret = -1;

                if (done[i])
                    continue;
                switch (ASYNC_start_job(&job[i], ctx[i], &ret, counts, &a, sizeof(a))) {
                case ASYNC_PAUSE:
                    break;
                case ASYNC_FINISH:
                    CHECK(ret == i * (i - 1) / 2);
                    done[i] = 1;
                    left--;
                    break;
                default:
                    CHECK(!"started");
                }
            }
        for (int i = 0; i < JOBS; i++)
            ASYNC_WAIT_CTX_free(ctx[i]);
    }
    return NULL; /* without ASYNC_cleanup_thread */
}

static int pauses(void *p)
{
    (void)p;
    ASYNC_pause_job();
    return 1;
}

static void *comes_and_goes(void *arg)
{
    ASYNC_WAIT_CTX *ctx = ASYNC_WAIT_CTX_new();
    ASYNC_JOB *a = NULL, *b = NULL, *c = NULL;
    int ret;

    (void)arg;
    CHECK(ASYNC_WAIT_CTX_set_wait_fd(ctx, &ret, 1, NULL, NULL) == 1);
    CHECK(ASYNC_start_job(&a, ctx, &ret, pauses, NULL, 0) == ASYNC_PAUSE);
    CHECK(ASYNC_start_job(&b, ctx, &ret, pauses, NULL, 0) == ASYNC_PAUSE);
    CHECK(ASYNC_start_job(&c, NULL, &ret, pauses, NULL, 0) == ASYNC_PAUSE);
    CHECK(ASYNC_start_job(&b, ctx, &ret, pauses, NULL, 0) == ASYNC_FINISH);
    ASYNC_WAIT_CTX_free(ctx); /* drops a; c stays paused */
    return NULL;
}

static int mappings(void)
{
    int n = 0, c;
    FILE *f = fopen("/proc/self/maps", "r");

    CHECK(f != NULL);
    while ((c = fgetc(f)) != EOF)
        n += c == '\n';
    fclose(f);
    return n;
}

/* Returns pages of memory, not of addresses, which malloc reserves in blocks of 64 MB. */
static long resident(void)
{
    long size, resident;
    FILE *f = fopen("/proc/self/statm", "r");

    CHECK(f != NULL && fscanf(f, "%ld %ld", &size, &resident) == 2);
    fclose(f);
    return resident;
}

static void run(int n, void *(*fn)(void *), void *arg)
{
    pthread_t t[16];

    for (int i = 0; i < n; i++)
        CHECK(pthread_create(&t[i], NULL, fn, arg) == 0);
    for (int i = 0; i < n; i++)
        CHECK(pthread_join(t[i], NULL) == 0);
}

#ifdef __GLIBC__ /* musl's pthread_exit stays on the job's stack, and crashes */

static int exits(void *p)
{
    (void)p;
    ASYNC_pause_job();
    pthread_exit(p);
}

static void *ends_in_a_job(void *arg)
{
    ASYNC_JOB *job = NULL;
    int ret;

    (void)arg;
    CHECK(ASYNC_start_job(&job, NULL, &ret, exits, NULL, 0) == ASYNC_PAUSE);
    ASYNC_start_job(&job, NULL, &ret, exits, NULL, 0);
    CHECK(!"returns");
    return NULL;
}

#endif

static void *has_one(void *handle)
{
    *(ASYNC_WAIT_CTX **)handle = ASYNC_WAIT_CTX_new();
    ASYNC_WAIT_CTX_free(*(ASYNC_WAIT_CTX **)handle);
    return NULL;
}

/* A session's handle does not return soon, even if each thread makes only one. */
static void handles_differ(void)
{
    ASYNC_WAIT_CTX *first, *later;

    run(1, has_one, &first);
    for (int i = 0; i < 1024; i++) {
        run(1, has_one, &later);
        CHECK(later != first);
    }
}

/* A job's handle outlives its thread. */
static ASYNC_JOB *left_behind;

static void *leaves(void *ctx)
{
    int ret;

    CHECK(ASYNC_start_job(&left_behind, ctx, &ret, pauses, NULL, 0) == ASYNC_PAUSE);
    return NULL;
}

int main(void)
{
    int rounds = SLOW ? 2 : repetitions(50, 5), tens = SLOW ? 20 : repetitions(450, 5), ret;
    ASYNC_WAIT_CTX *ctx = ASYNC_WAIT_CTX_new();
    long before;
    int maps;

    handles_differ();
    run(8, many, &rounds);
    for (int i = 0; i < (SLOW ? 2 : repetitions(50, 5)); i++)
        run(10, comes_and_goes, NULL);
    before = resident();
    maps = mappings();
    for (int i = 0; i < tens; i++)
        run(10, comes_and_goes, NULL);
    /* 2 MB; one page of each of 4,500 threads would be 18 MB, of 900 threads 3.6 MB. */
    CHECK(SLOW || resident() - before < 500);
    CHECK(SLOW || mappings() - maps < 50);
#ifdef __GLIBC__
    /* Sanitizers and valgrind cannot follow the unwinder from a job to the thread's stack. */
    if (!SLOW)
        run(10, ends_in_a_job, NULL);
#endif
    run(1, leaves, ctx);
    CHECK(ASYNC_get_wait_ctx(left_behind) == NULL);
    FAILS(ASYNC_start_job(&left_behind, ctx, &ret, pauses, NULL, 0), ESTALE);
    ASYNC_WAIT_CTX_free(ctx);
    return 0;
}
