/*
 * A job that overflows its stack meets the guard page below. A forked child checks the address of
 * the fault.
 */
#include <openssl/async.h>

#include "check.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static uintptr_t top, lowest; /* the job's frames so far */

/*
 * Exits with 3 if the fault is in the guard page: just below the deepest frame, and 64 KB below
 * the first.
 */
static void faulted(int sig, siginfo_t *info, void *context)
{
    uintptr_t at = (uintptr_t)info->si_addr;

    (void)sig, (void)context;
    _exit(at <= lowest && lowest - at < 8192 && top - at < (64 << 10) + 8192 ? 3 : 4);
}

__attribute__((noinline)) static int deeper(int n)
{
    volatile char frame[512];

    frame[0] = (char)n;
    lowest = (uintptr_t)frame;
    return n < 0 ? 0 : deeper(n + 1) + frame[0]; /* keeps the compiler from making a loop of it */
}

static int overflows(void *p)
{
    (void)p;
    top = (uintptr_t)__builtin_frame_address(0);
    return deeper(0);
}

/* Overwrites the canary but not all of the next stack, and pauses. */
static int overflows_a_little(void *p)
{
    volatile char *end = (volatile char *)((uintptr_t)&p - (64 << 10));

    for (int i = -512; i < 1536; i++)
        end[i] = 1;
    ASYNC_pause_job();
    return 0;
}

static int pauses(void *p) { (void)p; return ASYNC_pause_job(); }

static int child(int (*fn)(void *), int jobs_before)
{
    static char alternate[1 << 16];
    int status;
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        stack_t alt = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
        struct sigaction act = { .sa_sigaction = faulted, .sa_flags = SA_ONSTACK | SA_SIGINFO };
        ASYNC_JOB *job;
        int ret;

        sigaltstack(&alt, NULL);
        sigaction(SIGSEGV, &act, NULL);
        sigaction(SIGBUS, &act, NULL);
        while (jobs_before-- > 0) {
            job = NULL;
            CHECK(ASYNC_start_job(&job, NULL, &ret, pauses, NULL, 0) == ASYNC_PAUSE);
        }
        job = NULL;
        ASYNC_start_job(&job, NULL, &ret, fn, NULL, 0);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return status;
}

int main(void)
{
    const char *guards = getenv("ASYNC_STACK_GUARDS");
    int status;

    for (int before = 0; before < 12; before += 3) {
        if (guards == NULL || strcmp(guards, "canary") != 0) {
            status = child(overflows, before);
            CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
        } else if (before != 0) { /* the first stack of a slab has a guard page */
            status = child(overflows_a_little, before);
            CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
        }
    }
    return 0;
}
