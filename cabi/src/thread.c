/* Threads: what belongs to one, what becomes of it when the thread ends or the process forks, and the lock between them. */
#include "ctx.h"
#include "job.h"

#include <pthread.h>

_Thread_local struct thread ac_thread;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int has_key;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void ac_lock(void) { pthread_mutex_lock(&mutex); }
void ac_unlock(void) { pthread_mutex_unlock(&mutex); }

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
 * The handlers may stand twice: a child that was forked while another thread was in first_use has those which that thread
 * had registered, and its own first use comes yet, with a pthread_once that begins anew. So the first that is called
 * before a fork takes the locks, and the last after it gives them back.
 */
static void before_fork(void)
{
    if (ac_thread.forking++ > 0)
        return;
    ac_find_before_fork();
    ac_lock();
}

static void in_parent(void)
{
    if (--ac_thread.forking > 0)
        return;
    ac_unlock();
    ac_find_in_parent();
}

static void in_child(void)
{
    if (--ac_thread.forking > 0)
        return;
    ac_table_disown(&ac_thread);
    ac_unlock();
    ac_find_in_child();
}

static void first_use(void)
{
    has_key = pthread_key_create(&key, thread_ends) == 0 && pthread_atfork(before_fork, in_parent, in_child) == 0;
}

int ac_register(struct thread *t)
{
    if (t->registered)
        return 1;
    pthread_once(&once, first_use);
    if (!has_key || pthread_setspecific(key, t) != 0)
        return 0;
    return t->registered = 1;
}
