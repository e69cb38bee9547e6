/*
 * A thread forks while another is in the library's first use, just after it has registered the
 * handlers for forks. The child has these handlers, registers them again in a first use of its
 * own, and must still be able to fork.
 *
 * The program defines the function by which glibc's pthread_atfork registers handlers, so as to
 * fork at that moment.
 */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE
#endif
#include <openssl/async.h>

#include "check.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static int pauses(void *p)
{
    (void)p;
    ASYNC_pause_job();
    return 7;
}

static void use(void)
{
    ASYNC_WAIT_CTX *ctx = ASYNC_WAIT_CTX_new();
    ASYNC_JOB *job = NULL;
    int ret = 0;

    CHECK(ctx != NULL);
    CHECK(ASYNC_start_job(&job, ctx, &ret, pauses, NULL, 0) == ASYNC_PAUSE);
    CHECK(ASYNC_start_job(&job, ctx, &ret, pauses, NULL, 0) == ASYNC_FINISH && ret == 7);
    ASYNC_WAIT_CTX_free(ctx);
}

static void in_child(void (*fn)(void))
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        alarm(150); /* ends a child that hangs */
        fn();
        _exit(0);
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#ifdef __GLIBC__
static _Atomic(int) registered;

static void use_and_fork(void)
{
    use();
    in_child(use);
    use();
}

static void *forks(void *arg)
{
    in_child(use_and_fork);
    return arg;
}

typedef int register_fn(void (*)(void), void (*)(void), void (*)(void), void *);
register_fn __register_atfork;

__attribute__((visibility("default"))) int __register_atfork(void (*before)(void), void (*parent)(void), void (*child)(void), void *dso)
{
    register_fn *real;
    pthread_t t;
    int err;

    *(void **)&real = dlsym(RTLD_NEXT, "__register_atfork");
    err = real(before, parent, child, dso);
    if (registered++ == 0) /* not the child's own */
        CHECK(pthread_create(&t, NULL, forks, NULL) == 0 && pthread_join(t, NULL) == 0);
    return err;
}
#endif

int main(void)
{
    use();
#ifdef __GLIBC__
    CHECK(registered > 0);
#endif
    in_child(use);
    use();
    ASYNC_cleanup_thread();
    return 0;
}
