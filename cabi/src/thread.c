/*
 * Initializes a thread's pool, and frees all that a thread owns when it ends. Keeps the library
 * working after a fork.
 */
#include "ctx.h"
#include "job.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>

static _Atomic(long) key_plus_1; /* 0 while there is no key */
static _Atomic(int) has_fork_handlers;

/*
 * Runs on the thread's own stack, also if a job has called pthread_exit: glibc returns to that
 * stack first.
 */
static void thread_ends(void *arg)
{
    struct thread *t = arg;

    t->current = NULL;
    t->registered = 0; /* if another destructor uses the library, this one runs again */
    ac_pool_free(t);
    ac_ctx_leave(t);
}

/*
 * A forked child has one thread, the one that forked, and copies of that thread's jobs, which may
 * be resumed there too. No other thread may hold the lock during the fork, since it does not
 * exist in the child. Nor may such a thread still own jobs in the child: a new thread may get its
 * memory, and with it the address by which jobs know their owner.
 *
 * The handlers may be registered twice, see first_use. So the first that is called before a fork
 * takes the locks, and the last that is called after it releases them.
 */
static void before_fork(void)
{
    if (ac_thread.forking++ > 0)
        return;
    ac_find_before_fork();
    ac_lock();
}

/*
 * musl may call a handler after a fork though it was registered during that fork, and not called
 * before it.
 */
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
 * Every thread that takes the lock has called this before. Two threads may be here at once. If
 * the process forks meanwhile, the child comes here again, and may find half of the work done by
 * a thread that it does not have. So nothing here waits for another thread, as pthread_once does
 * (after a fork glibc's starts again, others wait for ever). Instead a second key is deleted, and
 * the handlers may be registered twice.
 */
static COLD int first_use(void)
{
    pthread_key_t key;
    long none = 0;

    if (key_plus_1 == 0) {
        if (pthread_key_create(&key, thread_ends) != 0)
            return 0;
        if (!atomic_compare_exchange_strong(&key_plus_1, &none, (long)key + 1))
            pthread_key_delete(key);
    }
    if (!has_fork_handlers) {
        if (pthread_atfork(before_fork, in_parent, in_child) != 0)
            return 0;
        has_fork_handlers = 1;
    }
    return 1;
}

int ac_register(struct thread *t)
{
    if (t->registered)
        return 1;
    if (!first_use() || pthread_setspecific((pthread_key_t)(key_plus_1 - 1), t) != 0)
        return 0;
    return t->registered = 1;
}

/* If there is a pool already, this changes its limit and keeps its jobs. */
EXPORT int ASYNC_init_thread(size_t max_size, size_t init_size)
{
    struct thread *t = &ac_thread;
    int before = errno;

    if (init_size > max_size || max_size > INT_MAX)
        return FAIL(EINVAL, ASYNC_R_INVALID_POOL_SIZE);
    if (init_size > INDEX_MASK) /* more jobs than handles: fail before all memory is used */
        return FAIL(ENOMEM, ASYNC_R_INIT_FAILED);
    if (!ac_register(t))
        return FAIL(ENOMEM, ASYNC_R_INIT_FAILED);
    ac_pool_init(t, max_size, init_size);
    errno = before;
    return 1;
}

/* Inside a job it fails, since that job's stack is in use. */
EXPORT void ASYNC_cleanup_thread(void)
{
    struct thread *t = &ac_thread;
    int before = errno;

    if (t->current != NULL) {
        FAIL(EBUSY, ASYNC_R_FAILED_TO_SWAP_CONTEXT);
        return;
    }
    ac_pool_free(t);
    errno = before;
}
