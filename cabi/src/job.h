/* Jobs and their handles. */
#ifndef AC_JOB_H
#define AC_JOB_H

#include "ctx.h"
#include "local.h"
#include "sanitize.h"
#include "stack.h"
#include "switch.h"

struct job {
    _Atomic(uintptr_t) handle; /* changes when the job finishes or is dropped */
    _Atomic(uintptr_t) paused; /* the handle while the job is paused, else 0 */
    _Atomic(struct thread *) owner;
    _Atomic(unsigned) dropped; /* by another thread, see ac_drop_jobs */
    unsigned blocked;
    struct stack stack;
    void *caller_sp;     /* the stack of the caller, which started or resumed it last */
    struct job *caller;  /* the caller, if it is a job */
    int (*func)(void *);
    void *args, *own_args; /* own_args: args that were too large for the stack, from malloc */
    int ret, finished;
    struct ctx *ctx;
    _Atomic(struct job *) next_on_ctx, *link_on_ctx;
    void *libctx; /* libcrypto's default context when the job last paused */
    /*
     * The C++ runtime's, likewise. A job that started before the runtime was found has no
     * get_exceptions, and leaves its exceptions where they are.
     */
    struct exceptions exceptions;
    ac_exceptions_fn get_exceptions;
    struct job *next, *next_all;
#ifdef AC_ASAN
    void *fake, *caller_fake;
    const void *caller_bottom;
    size_t caller_size;
#endif
};

/* Runs a job until it pauses or its function returns. */
static inline void job_enter(struct job *j)
{
#ifdef AC_ASAN
    __sanitizer_start_switch_fiber(&j->caller_fake, j->stack.base, j->stack.size);
#endif
    ac_switch(&j->caller_sp, j->stack.sp);
#ifdef AC_ASAN
    __sanitizer_finish_switch_fiber(j->caller_fake, NULL, NULL);
#endif
}

/*
 * Called first on a new stack. It does what job_leave does after its switch, since no job_leave
 * has left this stack.
 */
static inline void job_entered(struct job *j)
{
#ifdef AC_ASAN
    __sanitizer_finish_switch_fiber(NULL, &j->caller_bottom, &j->caller_size);
#else
    (void)j;
#endif
}

/* Returns to the job's caller, until the next job_enter. */
static inline void job_leave(struct job *j)
{
#ifdef AC_ASAN
    __sanitizer_start_switch_fiber(&j->fake, j->caller_bottom, j->caller_size);
#endif
    ac_switch(&j->stack.sp, j->caller_sp);
#ifdef AC_ASAN
    __sanitizer_finish_switch_fiber(j->fake, &j->caller_bottom, &j->caller_size);
#endif
}

/*
 * Bytes at the top of a stack for the copy of the job's arguments; larger ones are malloced.
 * libssl's take 72.
 */
#define ARGS_ROOM 256

static inline char *job_args_room(const struct job *j)
{
    return (char *)(((uintptr_t)j->stack.base + j->stack.size - ARGS_ROOM) & ~(uintptr_t)15);
}

/*
 * A handle is not an address. Its low bits are the job's index in a table, the others count how
 * often that entry was used. So a finished job's handle differs from that of the next job in the
 * same entry, and any number can be probed up safely.
 */
#if UINTPTR_MAX > 0xffffffff
# define INDEX_BITS 24
#else
# define INDEX_BITS 18
#endif
#define CHUNK_BITS 10
#define INDEX_MASK (((uintptr_t)1 << INDEX_BITS) - 1)
#define CHUNK_JOBS ((size_t)1 << CHUNK_BITS)

extern _Atomic(struct job *) ac_chunks[1 << (INDEX_BITS - CHUNK_BITS)];

/*
 * Returns the table's entry for a handle, or NULL. The caller checks whether the entry's job
 * still has that handle.
 */
static inline struct job *job_at(uintptr_t handle)
{
    uintptr_t index = handle & INDEX_MASK;
    struct job *chunk = atomic_load_explicit(&ac_chunks[index >> CHUNK_BITS], memory_order_acquire);

    return RARELY(chunk == NULL) ? NULL : &chunk[index & (CHUNK_JOBS - 1)];
}

static inline uintptr_t job_handle(const struct job *j)
{
    return atomic_load_explicit(&j->handle, memory_order_relaxed);
}

static inline void job_next_handle(struct job *j)
{
    uintptr_t next = job_handle(j) + INDEX_MASK + 1;

    if (RARELY(next <= INDEX_MASK)) /* the count has wrapped; a handle is never 0 */
        next += INDEX_MASK + 1;
    atomic_store_explicit(&j->handle, next, memory_order_relaxed);
}

/*
 * A session's jobs are on a list, so that freeing the session can drop them. A job is on it from
 * its start to its end: pauses cost nothing.
 */
static inline void job_join_ctx(struct job *j, struct ctx *c)
{
    struct job *next;

    j->ctx = c;
    if (c == NULL)
        return;
    next = atomic_load_explicit(&c->jobs, memory_order_relaxed);
    atomic_store_explicit(&j->next_on_ctx, next, memory_order_relaxed);
    if (next != NULL)
        next->link_on_ctx = &j->next_on_ctx;
    j->link_on_ctx = &c->jobs;
    atomic_store_explicit(&c->jobs, j, memory_order_relaxed);
}

static inline void job_leave_ctx(struct job *j)
{
    struct job *next;

    if (j->ctx == NULL)
        return;
    next = atomic_load_explicit(&j->next_on_ctx, memory_order_relaxed);
    if (next != NULL)
        next->link_on_ctx = j->link_on_ctx;
    atomic_store_explicit(j->link_on_ctx, next, memory_order_relaxed);
    j->ctx = NULL;
}

/* pool.c */
void ac_pool_init(struct thread *t, size_t limit, size_t n);
struct job *ac_pool_take(struct thread *t, int *outcome); /* if none is idle, or at the limit */
void ac_drop_jobs(struct ctx *c);
void ac_pool_free(struct thread *t);

/* table.c */
struct job *ac_table_take(void);
/* With the lock held: */
void ac_table_put(struct job *j);
void ac_table_disown(struct thread *t); /* all jobs but those of t lose their owner */

#endif
