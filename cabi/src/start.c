/*
 * ASYNC_start_job and ASYNC_pause_job. A job has a stack of its own, on which its function runs
 * until it pauses or returns. Meanwhile the caller, which started or resumed the job, is in
 * ac_switch. The caller may be another job: jobs nest, and a pause returns to the caller that
 * resumed last.
 *
 * A job stays on its thread. Another thread's attempt to resume it is refused: compiled code may
 * keep the address of a thread-local variable, such as errno, across a call, and no library can
 * correct that.
 */
#include "job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* For arguments that are too large for the stack. */
static COLD int own_args(struct job *j, size_t size)
{
    int before = errno;

    if ((j->args = j->own_args = malloc(size)) == NULL)
        return 0;
    errno = before;
    return 1;
}

static COLD void free_own_args(struct job *j)
{
    int before = errno;

    free(j->own_args);
    j->own_args = NULL;
    errno = before;
}

static inline int copy_args(struct job *j, const void *args, size_t size)
{
    j->args = NULL;
    if (args == NULL || size == 0)
        return 1;
    if (!RARELY(size > ARGS_ROOM))
        j->args = job_args_room(j);
    else if (!own_args(j, size))
        return 0;
    memcpy(j->args, args, size);
    return 1;
}

static inline void push_idle(struct thread *t, struct job *j)
{
    j->next = t->idle;
    t->idle = j;
    t->active--;
}

/* Runs a job until it pauses or finishes. */
static inline int run(struct thread *t, struct job *j, ASYNC_JOB **job, int *ret)
{
    ac_set0_default_fn set0_default = atomic_load_explicit(&ac_set0_default, memory_order_relaxed);
    struct exceptions *exceptions = NULL, callers;
    void *mine = NULL;

    j->caller = t->current;
    t->current = j;
    if (set0_default != NULL) {
        mine = set0_default(NULL); /* only reads the context */
        if (j->libctx != NULL && j->libctx != mine)
            set0_default(j->libctx);
    }
    if (j->get_exceptions != NULL) {
        exceptions = j->get_exceptions();
        callers = *exceptions;
        *exceptions = j->exceptions;
    }
    job_enter(j);
    if (exceptions != NULL) {
        j->exceptions = *exceptions;
        *exceptions = callers;
    }
    if (set0_default != NULL) {
        j->libctx = set0_default(NULL);
        if (RARELY(j->libctx != mine))
            set0_default(mine);
    }
    t->current = j->caller;
    stack_check(&j->stack);
    if (!j->finished) {
        COUNT(PAUSES);
        *job = (ASYNC_JOB *)job_handle(j);
        return ASYNC_PAUSE;
    }
    COUNT(FINISHES);
    if (ret != NULL)
        *ret = j->ret;
    *job = NULL;
    job_leave_ctx(j);
    job_next_handle(j);
    if (RARELY(j->own_args != NULL))
        free_own_args(j);
    push_idle(t, j);
    return ASYNC_FINISH;
}

/* Reports why a handle cannot be resumed. Sets the handle to NULL unless its job still lives. */
static COLD int refuse(struct thread *t, ASYNC_JOB **job)
{
    uintptr_t handle = (uintptr_t)*job;
    struct job *j = job_at(handle), *running = t->current;

    if (j != NULL && job_handle(j) == handle && !atomic_load_explicit(&j->dropped, memory_order_relaxed)) {
        if (atomic_load_explicit(&j->owner, memory_order_relaxed) != t)
            return FAIL(EPERM, ASYNC_R_FAILED_TO_SWAP_CONTEXT);
        while (running != NULL && running != j)
            running = running->caller;
        if (running == j)
            return FAIL(EBUSY, ASYNC_R_FAILED_TO_SWAP_CONTEXT);
    }
    *job = NULL;
    return FAIL(ESTALE, ASYNC_R_FAILED_TO_SWAP_CONTEXT);
}

static inline int resume(struct thread *t, ASYNC_JOB **job, int *ret)
{
    uintptr_t handle = (uintptr_t)*job;
    struct job *j = job_at(handle);

    if (RARELY(j == NULL) || RARELY(atomic_load_explicit(&j->paused, memory_order_relaxed) != handle)
        || RARELY(atomic_load_explicit(&j->owner, memory_order_relaxed) != t))
        return refuse(t, job);
    atomic_store_explicit(&j->paused, 0, memory_order_relaxed);
    if (j->ctx != NULL)
        fds_reset(&j->ctx->fds);
    return run(t, j, job, ret);
}

/* Takes a job from the pool if none is idle, or if the pool is at its limit. */
static COLD struct job *take(struct thread *t, int *outcome)
{
    int before = errno;
    struct job *j;

    if (!ac_register(t)) {
        *outcome = FAIL(ENOMEM, ASYNC_R_INIT_FAILED);
        return NULL;
    }
    if ((j = ac_pool_take(t, outcome)) != NULL)
        errno = before;
    return j;
}

EXPORT int ASYNC_start_job(ASYNC_JOB **job, ASYNC_WAIT_CTX *wctx, int *ret, int (*func)(void *), void *args,
                           size_t size)
{
    struct thread *t = &ac_thread;
    struct ctx *c = NULL;
    struct job *j;
    int outcome;

    if (RARELY(job == NULL))
        return FAIL(EINVAL, AC_R_INVALID_ARGUMENT);
    if (*job != NULL)
        return resume(t, job, ret);
    if (RARELY(func == NULL))
        return FAIL(EINVAL, AC_R_INVALID_ARGUMENT);
    if (wctx != NULL && RARELY((c = ctx_of(wctx)) == NULL))
        return FAIL(ESTALE, AC_R_INVALID_ARGUMENT);
    j = t->idle;
    if (RARELY(j == NULL) || RARELY(t->active >= t->limit)) {
        if ((j = take(t, &outcome)) == NULL)
            return outcome;
    } else {
        t->idle = j->next;
    }
    t->active++;
    if (RARELY(!copy_args(j, args, size))) {
        push_idle(t, j);
        return FAIL(ENOMEM, AC_R_MALLOC_FAILURE);
    }
    COUNT(STARTS);
    j->func = func;
    j->finished = 0;
    j->blocked = 0; /* the last job on this stack may have ended blocked */
    j->libctx = NULL;
    j->exceptions = (struct exceptions){ 0 };
    j->get_exceptions = atomic_load_explicit(&ac_exceptions, memory_order_relaxed);
    job_join_ctx(j, c);
    return run(t, j, job, ret);
}

EXPORT int ASYNC_pause_job(void)
{
    struct job *j = ac_thread.current;

    if (j == NULL || j->blocked != 0)
        return 1;
    atomic_store_explicit(&j->paused, job_handle(j), memory_order_relaxed);
    job_leave(j);
    return 1;
}

EXPORT ASYNC_JOB *ASYNC_get_current_job(void)
{
    struct job *j = ac_thread.current;

    return j == NULL ? NULL : (ASYNC_JOB *)job_handle(j);
}

/* Returns NULL also if the job has finished, or if its session was freed. */
EXPORT ASYNC_WAIT_CTX *ASYNC_get_wait_ctx(ASYNC_JOB *job)
{
    struct job *j = job_at((uintptr_t)job);

    if (RARELY(j == NULL) || RARELY(job_handle(j) != (uintptr_t)job) || j->ctx == NULL)
        return NULL;
    return ctx_handle(j->ctx);
}

EXPORT void ASYNC_block_pause(void)
{
    if (ac_thread.current != NULL)
        ac_thread.current->blocked++;
}

EXPORT void ASYNC_unblock_pause(void)
{
    if (ac_thread.current != NULL && ac_thread.current->blocked > 0)
        ac_thread.current->blocked--;
}

EXPORT int ASYNC_is_capable(void) { return 1; }
