/* Threads: the pool of one, and what becomes of what belongs to it when the thread ends or the process forks. */
#include "ctx.h"
#include "job.h"

#include <errno.h>
#include <pthread.h>

static _Atomic(long) key_and_1; /* 0 before there is one */
static _Atomic(int) watches_forks;

/* Runs on the thread's own stack, also when a job has called pthread_exit: glibc's goes back there first. */
static void thread_ends(void *arg)
{
    struct thread *t = arg;

    t->current = NULL;
    t->registered = 0; /* should another destructor use the library, this one runs again */
    ac_pool_free(t);
    ac_ctx_leave(t);
}

/*
 * A forked child has the one thread that forked, with its jobs, which go on there too: nothing is shared with the parent.
 * The lock must not be held by a thread that isn't there any more. Nor must such a thread own jobs: a new one may get its
 * memory, and with it the address by which jobs know their owner.
 *
 * The handlers may stand twice, as first_use says. So the first that is called before a fork takes the locks, and the last
 * after it gives them back.
 */
static void before_fork(void)
{
    if (ac_thread.forking++ > 0)
        return;
    ac_find_before_fork();
    ac_lock();
}

/* musl may call a handler after a fork that was registered during it, and that was not called before. */
static int ends_fork(void)
{
    return ac_thread.forking > 0 && --ac_thread.forking == 0;
}

static void in_parent(void)
{
    if (!ends_fork())
        return;
    ac_unlock();
    ac_find_in_parent();
}

static void in_child(void)
{
    if (!ends_fork())
        return;
    ac_table_disown(&ac_thread);
    ac_unlock();
    ac_find_in_child();
}

/*
 * Whoever takes the lock has been here. Two threads may be here at once, and a child that was forked meanwhile comes
 * again, perhaps to find half of it done by a thread which it has not. So nothing waits for another thread, as
 * pthread_once would (glibc's begins anew in the child, others' wait for ever): the second key is deleted, and handlers
 * may stand twice.
 */
static COLD int first_use(void)
{
    pthread_key_t key;
    long none = 0;

    if (key_and_1 == 0) {
        if (pthread_key_create(&key, thread_ends) != 0)
            return 0;
        if (!atomic_compare_exchange_strong(&key_and_1, &none, (long)key + 1))
            pthread_key_delete(key);
    }
    if (!watches_forks) {
        if (pthread_atfork(before_fork, in_parent, in_child) != 0)
            return 0;
        watches_forks = 1;
    }
    return 1;
}

int ac_register(struct thread *t)
{
    if (t->registered)
        return 1;
    if (!first_use() || pthread_setspecific((pthread_key_t)(key_and_1 - 1), t) != 0)
        return 0;
    return t->registered = 1;
}

/* A second call while there is a pool sets its limit anew, and keeps its jobs. */
EXPORT int ASYNC_init_thread(size_t max_size, size_t init_size)
{
    struct thread *t = &ac_thread;

    if (init_size > max_size)
        return FAIL(EINVAL, ASYNC_R_INVALID_POOL_SIZE);
    if (init_size > INDEX_MASK) /* more than there can be: don't find out by filling the memory */
        return FAIL(ENOMEM, ASYNC_R_INIT_FAILED);
    if (!ac_register(t))
        return FAIL(ENOMEM, ASYNC_R_INIT_FAILED);
    ac_pool_init(t, max_size, init_size);
    return 1;
}

/* The stack that this runs on can't go, so inside a job it does nothing. */
EXPORT void ASYNC_cleanup_thread(void)
{
    struct thread *t = &ac_thread;

    if (t->current != NULL)
        FAIL(EBUSY, ASYNC_R_FAILED_TO_SWAP_CONTEXT);
    else
        ac_pool_free(t);
}
