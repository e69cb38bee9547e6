/*
 * A forked child works as its parent does, if it is forked before the first use, after it, while
 * jobs are paused, or by a job.
 */
#include <openssl/async.h>

#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

static ASYNC_WAIT_CTX *ctx;

static int pauses(void *p)
{
    (void)p;
    ASYNC_pause_job();
    return 7;
}

static void use(void)
{
    ASYNC_WAIT_CTX *w = ASYNC_WAIT_CTX_new();
    ASYNC_JOB *job[100] = { NULL };
    int ret = 0;

    CHECK(w != NULL);
    CHECK(ASYNC_init_thread(200, 10) == 1);
    for (int i = 0; i < 100; i++)
        CHECK(ASYNC_start_job(&job[i], w, &ret, pauses, NULL, 0) == ASYNC_PAUSE);
    for (int i = 0; i < 100; i++)
        CHECK(ASYNC_start_job(&job[i], w, &ret, pauses, NULL, 0) == ASYNC_FINISH && ret == 7);
    ASYNC_WAIT_CTX_free(w);
}

static void *uses(void *arg)
{
    (void)arg;
    use();
    return NULL;
}

static void wait_for(pid_t pid)
{
    int status;

    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void in_child(void (*fn)(void))
{
    pid_t pid = fork();

    if (pid == 0) {
        pthread_t t;

        alarm(150); /* ends a child that hangs */
        fn();
        CHECK(pthread_create(&t, NULL, uses, NULL) == 0 && pthread_join(t, NULL) == 0);
        ASYNC_cleanup_thread();
        _exit(0); /* without a leak check: the child has lost what other threads had allocated */
    }
    wait_for(pid);
}

static ASYNC_JOB *paused;

static void resume(void)
{
    int ret = 0;

    CHECK(ASYNC_get_wait_ctx(paused) == ctx);
    CHECK(ASYNC_start_job(&paused, ctx, &ret, pauses, NULL, 0) == ASYNC_FINISH && ret == 7);
    use();
    ASYNC_WAIT_CTX_free(ctx);
}

static int forks(void *p)
{
    pid_t pid = fork();

    (void)p;
    CHECK(pid >= 0);
    ASYNC_pause_job();
    if (pid != 0)
        wait_for(pid);
    return pid == 0;
}

/* A thread that the child does not have, with a paused job. */
static ASYNC_WAIT_CTX *elsewheres;
static ASYNC_JOB *elsewhere;
static _Atomic(int) has_paused, may_end;

static void *pauses_elsewhere(void *arg)
{
    int ret;

    CHECK((elsewheres = ASYNC_WAIT_CTX_new()) != NULL);
    CHECK(ASYNC_start_job(&elsewhere, elsewheres, &ret, pauses, NULL, 0) == ASYNC_PAUSE);
    has_paused = 1;
    while (!may_end)
        sched_yield();
    CHECK(ASYNC_start_job(&elsewhere, elsewheres, &ret, pauses, NULL, 0) == ASYNC_FINISH && ret == 7);
    ASYNC_WAIT_CTX_free(elsewheres);
    return arg;
}

/*
 * The C library gives this thread the stack, and so the thread-local memory, of the thread that
 * the child lacks.
 */
static void *comes_after(void *arg)
{
    ASYNC_JOB *copy = elsewhere;
    int ret;

    FAILS(ASYNC_start_job(&copy, NULL, &ret, pauses, NULL, 0), EPERM);
    CHECK(copy == elsewhere);
    ASYNC_WAIT_CTX_free(elsewheres);
    FAILS(ASYNC_start_job(&copy, NULL, &ret, pauses, NULL, 0), ESTALE);
    use();
    return arg;
}

static void replace(void)
{
    pthread_t t;

    CHECK(pthread_create(&t, NULL, comes_after, NULL) == 0 && pthread_join(t, NULL) == 0);
}

static _Atomic(int) stop;

/* Holds the library's lock about half of the time, since dropping a session's jobs takes it. */
static void *busy(void *arg)
{
    (void)arg;
    while (!stop) {
        ASYNC_WAIT_CTX *session = ASYNC_WAIT_CTX_new();
        int ret;

        for (int i = 0; i < 100; i++) {
            ASYNC_JOB *job = NULL;

            CHECK(ASYNC_start_job(&job, session, &ret, pauses, NULL, 0) == ASYNC_PAUSE);
        }
        ASYNC_WAIT_CTX_free(session);
    }
    ASYNC_cleanup_thread();
    return NULL;
}

int main(void)
{
    ASYNC_JOB *job = NULL;
    pthread_t t;
    int ret;

    in_child(use);
    use();
    in_child(use);
    ctx = ASYNC_WAIT_CTX_new();
    CHECK(ASYNC_start_job(&paused, ctx, &ret, pauses, NULL, 0) == ASYNC_PAUSE);
    in_child(resume); /* resumes the child's copy; the parent's job is resumed below */
    CHECK(pthread_create(&t, NULL, pauses_elsewhere, NULL) == 0);
    while (!has_paused)
        sched_yield();
    in_child(replace);
    may_end = 1;
    CHECK(pthread_join(t, NULL) == 0);
    CHECK(pthread_create(&t, NULL, busy, NULL) == 0);
    for (int i = 0; i < (SLOW ? 3 : repetitions(100, 10)); i++)
        in_child(use);
    stop = 1;
    CHECK(pthread_join(t, NULL) == 0);
    resume();
    CHECK(ASYNC_start_job(&job, NULL, &ret, forks, NULL, 0) == ASYNC_PAUSE);
    CHECK(ASYNC_start_job(&job, NULL, &ret, forks, NULL, 0) == ASYNC_FINISH);
    ASYNC_cleanup_thread();
    if (ret == 1)
        _exit(0); /* the child that the job forked */
    return 0;
}
