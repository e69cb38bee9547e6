/*
 * A thread's pool of jobs. A job is dropped if its session is freed, or its thread ends, while it
 * is paused. C cannot unwind a stack, so a dropped job never runs again: memory that its function
 * had allocated is lost, but its place in the pool is free again. Its engine may still write a
 * result to the job's stack or arguments. So these are reused only after QUARANTINE more jobs were
 * dropped, though the memory of the stack returns to the system at once.
 */
#include "job.h"
#include "memory.h"

#include <errno.h>
#include <stdlib.h>

#define QUARANTINE 64

static _Atomic(unsigned) num_drops; /* by other threads than the job's */

/* The lowest function on every job's stack. It stays there from one job to the next. */
static void job_main(void *arg)
{
    struct job *j = arg;

    job_entered(j);
    for (;;) {
        j->ret = j->func(j->args);
        j->finished = 1;
        job_leave(j);
    }
}

static void set_up(struct job *j)
{
    j->stack.sp = ac_prepare(j->stack.base, (size_t)(job_args_room(j) - j->stack.base), job_main, j);
}

static struct job *make(struct thread *t)
{
    struct job *j = ac_table_take();

    if (j == NULL)
        return NULL;
    if (!ac_stack_make(t, &j->stack)) {
        ac_lock();
        ac_table_put(j);
        ac_unlock();
        return NULL;
    }
    set_up(j);
    atomic_store_explicit(&j->dropped, 0, memory_order_relaxed);
    atomic_store_explicit(&j->owner, t, memory_order_relaxed);
    j->next_all = t->all;
    t->all = j;
    return j;
}

/* Puts a dropped job of this thread on the list of those that are kept for a while. */
static void retire(struct thread *t, struct job *j)
{
    job_next_handle(j);
    atomic_store_explicit(&j->paused, 0, memory_order_relaxed);
    atomic_store_explicit(&j->dropped, 0, memory_order_relaxed);
    ac_stack_discard(&j->stack);
    j->next = NULL;
    if (t->retired == NULL)
        t->retired_end = &t->retired;
    *t->retired_end = j;
    t->retired_end = &j->next;
    t->num_retired++;
    t->active--;
}

/* Retires the jobs of this thread that other threads have dropped. */
static void sweep(struct thread *t)
{
    unsigned drops = atomic_load_explicit(&num_drops, memory_order_acquire);
    struct job *j;

    if (drops == t->drops_seen)
        return;
    t->drops_seen = drops;
    for (j = t->all; j != NULL; j = j->next_all)
        if (atomic_load_explicit(&j->dropped, memory_order_acquire))
            retire(t, j);
}

static struct job *reuse_retired(struct thread *t)
{
    struct job *j = t->retired;

    t->retired = j->next;
    t->num_retired--;
    free(j->own_args);
    j->own_args = NULL;
    set_up(j);
    return j;
}

COLD struct job *ac_pool_take(struct thread *t, int *outcome)
{
    struct job *j;

    *outcome = ASYNC_ERR;
    if (t->limit == 0)
        t->limit = SIZE_MAX; /* there is none without ASYNC_init_thread */
    ac_look_up();
    sweep(t);
    if (t->active >= t->limit) {
        *outcome = ASYNC_NO_JOBS;
        errno = EAGAIN;
        return NULL;
    }
    if ((j = t->idle) != NULL)
        t->idle = j->next;
    else if (t->num_retired > QUARANTINE)
        j = reuse_retired(t);
    else if ((j = make(t)) == NULL)
        FAIL(ENOMEM, AC_R_MALLOC_FAILURE);
    return j;
}

/*
 * Called when a session is freed: drops its paused jobs. A job that is running goes on without a
 * session.
 */
void ac_drop_jobs(struct ctx *c)
{
    struct thread *t = &ac_thread;
    struct job *j;

    if (atomic_load_explicit(&c->jobs, memory_order_relaxed) == NULL)
        return;
    ac_lock(); /* a job's thread may be ending */
    while ((j = atomic_load_explicit(&c->jobs, memory_order_relaxed)) != NULL) {
        job_leave_ctx(j);
        if (atomic_load_explicit(&j->paused, memory_order_relaxed) == 0)
            continue;
        if (atomic_load_explicit(&j->owner, memory_order_relaxed) == t) {
            retire(t, j);
            continue;
        }
        atomic_store_explicit(&j->paused, 0, memory_order_relaxed);
        atomic_store_explicit(&j->dropped, 1, memory_order_release);
        atomic_fetch_add_explicit(&num_drops, 1, memory_order_release);
    }
    ac_unlock();
}

void ac_pool_free(struct thread *t)
{
    struct job *all = t->all, *j;

    t->all = t->idle = t->retired = NULL;
    t->active = t->limit = t->num_retired = 0;
    ac_lock(); /* other threads may be freeing sessions of these jobs */
    for (j = all; j != NULL; j = j->next_all) {
        job_leave_ctx(j);
        job_next_handle(j);
        atomic_store_explicit(&j->paused, 0, memory_order_relaxed);
    }
    ac_unlock();
    /* Without the lock, since the application's function may use the library. */
    for (j = all; j != NULL; j = j->next_all) {
        free(j->own_args);
        j->own_args = NULL;
        ac_stack_free(&j->stack);
    }
    ac_slabs_free(t);
    ac_lock();
    for (j = all; j != NULL; j = j->next_all)
        ac_table_put(j);
    ac_unlock();
}

/*
 * Sets the limit, and makes jobs until there are n. If there is too little memory it makes fewer,
 * as pools grow later.
 */
void ac_pool_init(struct thread *t, size_t limit, size_t n)
{
    struct job *j;
    size_t has = 0;

    ac_look_up();
    t->limit = limit == 0 ? SIZE_MAX : limit;
    for (j = t->all; j != NULL; j = j->next_all)
        has++;
    for (; has < n && (j = make(t)) != NULL; has++) {
        j->next = t->idle;
        t->idle = j;
    }
}
