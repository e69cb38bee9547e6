/*
 * The libcrypto side of "go run ./bench facility": the loops of async/bench_test.go, in C. For
 * "go run ./bench cabi" it is linked a second time, with libasync ahead of libcrypto, so that it is
 * both sides.
 *
 *   facility version               the libcrypto this runs with
 *   facility time MEASURE FDS MS   nanoseconds an operation, over at least MS milliseconds
 *   facility allocs MEASURE FDS    libcrypto's allocations an operation, once warm
 *   facility rss JOBS              bytes of resident memory for each of JOBS paused jobs
 *
 * A process makes one measurement, so that no earlier one has warmed or fragmented anything.
 * Nothing is freed at the end, as the process ends too. It answers with one line, or complains on
 * stderr with status 1, or 3 when this libcrypto was built without jobs.
 */
#include <openssl/async.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * For this many operations one reading of the clock is lost in the noise. They take a millisecond.
 */
#define BATCH 10000

static void die(const char *what)
{
    fprintf(stderr, "libcrypto: %s failed\n", what);
    exit(1);
}

static ASYNC_WAIT_CTX *wctx;

static void make_ctx(void)
{
    if ((wctx = ASYNC_WAIT_CTX_new()) == NULL)
        die("ASYNC_WAIT_CTX_new");
}

/* Eight jobs, none made in advance: the pool of the Go benchmarks. */
static void make_pool(void)
{
    if (!ASYNC_init_thread(8, 0))
        die("ASYNC_init_thread");
    make_ctx();
}

/* pause-resume */

static ASYNC_JOB *paused;
static volatile int stop;

static int pauser(void *arg)
{
    (void)arg;
    while (!stop)
        if (!ASYNC_pause_job())
            return 0;
    return 1;
}

static void pause_setup(int fds)
{
    int ret;

    (void)fds;
    make_pool();
    if (ASYNC_start_job(&paused, wctx, &ret, pauser, NULL, 0) != ASYNC_PAUSE)
        die("ASYNC_start_job");
}

static void pause_loop(long n)
{
    int ret;

    while (n-- > 0)
        if (ASYNC_start_job(&paused, wctx, &ret, pauser, NULL, 0) != ASYNC_PAUSE)
            die("ASYNC_start_job");
}

/*
 * start-finish. There is no argument block: libcrypto would allocate and copy it for every start.
 * The Go closure carries its argument for nothing, but here libcrypto gets the benefit.
 */

static long ran;

static int finisher(void *arg)
{
    (void)arg;
    ran++;
    return 1;
}

static void start_setup(int fds)
{
    (void)fds;
    make_pool();
}

static void start_loop(long n)
{
    while (n-- > 0) {
        ASYNC_JOB *job = NULL;
        int ret;

        if (ASYNC_start_job(&job, wctx, &ret, finisher, NULL, 0) != ASYNC_FINISH || ret != 1)
            die("ASYNC_start_job");
    }
}

/*
 * set-get-clear: the context has FDS descriptors while the one at work is set, as in the Go
 * benchmark.
 */

static int *keys, *worked;

static void fds_setup(int fds)
{
    int i;

    make_ctx();
    if ((keys = calloc(fds, sizeof(*keys))) == NULL)
        die("calloc");
    for (i = 0; i < fds - 1; i++)
        if (!ASYNC_WAIT_CTX_set_wait_fd(wctx, &keys[i], (OSSL_ASYNC_FD)i, NULL, NULL))
            die("ASYNC_WAIT_CTX_set_wait_fd");
    worked = &keys[fds - 1];
}

static void fds_loop(long n)
{
    while (n-- > 0) {
        OSSL_ASYNC_FD fd;
        void *custom;

        if (!ASYNC_WAIT_CTX_set_wait_fd(wctx, worked, (OSSL_ASYNC_FD)7, NULL, NULL))
            die("ASYNC_WAIT_CTX_set_wait_fd");
        if (!ASYNC_WAIT_CTX_get_fd(wctx, worked, &fd, &custom) || fd != (OSSL_ASYNC_FD)7)
            die("ASYNC_WAIT_CTX_get_fd");
        if (!ASYNC_WAIT_CTX_clear_fd(wctx, worked))
            die("ASYNC_WAIT_CTX_clear_fd");
    }
}

/* status-callback: the calls that an engine with callbacks makes for each operation. */

static int callback(void *arg) { return arg != NULL; }

static void status_setup(int fds)
{
    (void)fds;
    make_ctx();
}

static void status_loop(long n)
{
    while (n-- > 0) {
        ASYNC_callback_fn fn;
        void *arg;

        if (!ASYNC_WAIT_CTX_set_callback(wctx, callback, &stop) || !ASYNC_WAIT_CTX_set_status(wctx, ASYNC_STATUS_OK))
            die("ASYNC_WAIT_CTX_set_callback");
        if (ASYNC_WAIT_CTX_get_status(wctx) != ASYNC_STATUS_OK || !ASYNC_WAIT_CTX_get_callback(wctx, &fn, &arg))
            die("ASYNC_WAIT_CTX_get_callback");
    }
}

/* new-free */

static void new_setup(int fds)
{
    (void)fds;
}

static void new_loop(long n)
{
    while (n-- > 0) {
        ASYNC_WAIT_CTX *ctx = ASYNC_WAIT_CTX_new();

        if (ctx == NULL)
            die("ASYNC_WAIT_CTX_new");
        ASYNC_WAIT_CTX_free(ctx);
    }
}

static const struct measure {
    const char *name;
    void (*setup)(int fds);
    void (*loop)(long n);
} measures[] = {
    { "pause-resume", pause_setup, pause_loop },
    { "start-finish", start_setup, start_loop },
    { "set-get-clear", fds_setup, fds_loop },
    { "new-free", new_setup, new_loop },
    { "status-callback", status_setup, status_loop },
};

static const struct measure *find(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof(measures) / sizeof(measures[0]); i++)
        if (strcmp(measures[i].name, name) == 0)
            return &measures[i];
    fprintf(stderr, "libcrypto: no measure named %s\n", name);
    exit(1);
}

static double now(void)
{
    struct timespec t;

    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
        die("clock_gettime");
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static void time_measure(const struct measure *m, int fds, double ms)
{
    double begin, spent;
    long n = 0;

    m->setup(fds);
    m->loop(BATCH / 10);
    begin = now();
    do {
        m->loop(BATCH);
        n += BATCH;
        spent = now() - begin;
    } while (spent < ms * 1e6);
    printf("%.3f\n", spent / n);
}

/* Allocations are never counted while the clock runs, as that takes time too. */

static long allocs;

static void *counting_malloc(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    allocs++;
    return malloc(n);
}

static void *counting_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    allocs++;
    return realloc(p, n);
}

static void plain_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    free(p);
}

static void count_allocs(const struct measure *m, int fds)
{
    m->setup(fds);
    m->loop(BATCH);
    allocs = 0;
    m->loop(BATCH);
    printf("%.3f\n", (double)allocs / BATCH);
}

/* Paused jobs, each with a wait context. Both sides count the arrays that hold them too. */

static int pause_once(void *arg)
{
    (void)arg;
    return ASYNC_pause_job();
}

static long resident(void)
{
    char line[256];
    long kb = -1;
    FILE *f = fopen("/proc/self/status", "r");

    if (f == NULL)
        die("opening /proc/self/status");
    while (fgets(line, sizeof(line), f) != NULL)
        if (sscanf(line, "VmRSS: %ld", &kb) == 1)
            break;
    fclose(f);
    if (kb < 0)
        die("reading VmRSS");
    return kb * 1024;
}

static void rss(long jobs)
{
    ASYNC_WAIT_CTX **ctxs = calloc(jobs, sizeof(*ctxs));
    ASYNC_JOB **handles = calloc(jobs, sizeof(*handles));
    long before, i;
    int ret;

    if (ctxs == NULL || handles == NULL)
        die("calloc");
    if (!ASYNC_init_thread(0, 0))
        die("ASYNC_init_thread");
    resident(); /* stdio's own buffers are there before the first reading that counts */
    before = resident();
    for (i = 0; i < jobs; i++) {
        if ((ctxs[i] = ASYNC_WAIT_CTX_new()) == NULL)
            die("ASYNC_WAIT_CTX_new");
        if (ASYNC_start_job(&handles[i], ctxs[i], &ret, pause_once, NULL, 0) != ASYNC_PAUSE)
            die("ASYNC_start_job");
    }
    printf("%.3f\n", (double)(resident() - before) / jobs);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    /* libcrypto takes other memory functions only before its first allocation. */
    if (strcmp(what, "allocs") == 0
        && !CRYPTO_set_mem_functions(counting_malloc, counting_realloc, plain_free))
        die("CRYPTO_set_mem_functions");
    if (!ASYNC_is_capable()) {
        fprintf(stderr, "libcrypto: %s was built without asynchronous jobs\n", OpenSSL_version(OPENSSL_VERSION));
        return 3;
    }
    if (strcmp(what, "version") == 0 && argc == 2)
        printf("%s\n", OpenSSL_version(OPENSSL_VERSION));
    else if (strcmp(what, "time") == 0 && argc == 5)
        time_measure(find(argv[2]), atoi(argv[3]), atof(argv[4]));
    else if (strcmp(what, "allocs") == 0 && argc == 4)
        count_allocs(find(argv[2]), atoi(argv[3]));
    else if (strcmp(what, "rss") == 0 && argc == 3)
        rss(atol(argv[2]));
    else {
        fprintf(stderr, "libcrypto: usage: facility version | time MEASURE FDS MS | allocs MEASURE FDS | rss JOBS\n");
        return 1;
    }
    return 0;
}
