/*
 * Pauses 100,000 jobs at once, or as many as the command line says, each with a session. Resumes
 * all twice. All memory must be returned.
 */
#include <openssl/async.h>

#include "check.h"

#include <string.h>
#include <time.h>

static int pauses_twice(void *p)
{
    int n = *(int *)p;

    ASYNC_pause_job();
    ASYNC_pause_job();
    return n;
}

static long status(const char *name)
{
    char line[256];
    long kb = -1;
    FILE *f = fopen("/proc/self/status", "r");

    CHECK(f != NULL);
    while (fgets(line, sizeof(line), f) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            kb = atol(line + strlen(name));
    fclose(f);
    return kb;
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

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : SLOW ? 2000 : repetitions(100000, 5), ret;
    ASYNC_WAIT_CTX **ctx = calloc((size_t)n, sizeof(*ctx));
    ASYNC_JOB **job = calloc((size_t)n, sizeof(*job));
    long before, rss;

    CHECK(ctx != NULL && job != NULL);
    memset(ctx, 1, (size_t)n * sizeof(*ctx));
    before = status("VmRSS:");
    for (int i = 0; i < n; i++) {
        CHECK((ctx[i] = ASYNC_WAIT_CTX_new()) != NULL);
        CHECK(ASYNC_start_job(&job[i], ctx[i], &ret, pauses_twice, &i, sizeof(i)) == ASYNC_PAUSE);
    }
    rss = status("VmRSS:") - before;
    printf("%d jobs are paused: %ld bytes of memory and %.3f mappings each\n", n, rss * 1024 / n, (double)mappings() / n);
    for (int i = 0; i < n; i++)
        CHECK(ASYNC_start_job(&job[i], ctx[i], &ret, NULL, NULL, 0) == ASYNC_PAUSE);
    for (int i = n - 1; i >= 0; i--) {
        CHECK(ASYNC_start_job(&job[i], ctx[i], &ret, NULL, NULL, 0) == ASYNC_FINISH && ret == i);
        ASYNC_WAIT_CTX_free(ctx[i]);
    }
    ASYNC_cleanup_thread();
    free(ctx);
    free(job);
    CHECK(SLOW || status("VmRSS:") - before < rss / 4);
    return 0;
}
