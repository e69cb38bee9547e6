/*
 * What is used of libcrypto 3 if it is in the process, be it linked, preloaded or opened later: its error queue, and the
 * default library context, which belongs to a thread and so has to follow the jobs. It is never loaded from here.
 */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE
#endif
#include "local.h"

#include <dlfcn.h>
#include <pthread.h>
#include <time.h>

/* Where libcrypto is linked, statically perhaps, the linker binds these. */
extern void *OSSL_LIB_CTX_set0_default(void *) __attribute__((weak));
extern void ERR_new(void) __attribute__((weak));
extern void ERR_set_debug(const char *, int, const char *) __attribute__((weak));
extern void ERR_set_error(int, int, const char *, ...) __attribute__((weak));

_Atomic(ac_set0_default_fn) ac_set0_default;

/*
 * The loader keeps no order for a process that forks while another thread is in it: a look in the child might meet
 * half a change, or a lock that nobody holds. So no thread of ours looks during a fork, and a child that was forked
 * after the first look lives with what its parent had found. A look takes microseconds, unless somebody has the loader
 * for longer, who may be the thread that forks, in a library's constructor: so the fork does not wait for ever.
 */
static pthread_mutex_t looking = PTHREAD_MUTEX_INITIALIZER;
static int in_child;

void ac_find_before_fork(void)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++;
    ac_thread.keeps_out = !in_child && pthread_mutex_timedlock(&looking, &until) == 0; /* a child looks no more */
}

void ac_find_in_parent(void)
{
    if (ac_thread.keeps_out)
        pthread_mutex_unlock(&looking);
}

void ac_find_in_child(void)
{
    in_child = 1;
    ac_find_in_parent();
}

/* Finds a function in what is loaded for all to see, or else in a libcrypto that was opened for somebody's own use. */
static void *find(const char *name)
{
    void *f = dlsym(RTLD_DEFAULT, name);
#if defined(AC_SHARED) && defined(RTLD_NOLOAD)
    void *library;

    if (f == NULL && (library = dlopen("libcrypto.so.3", RTLD_LAZY | RTLD_NOLOAD)) != NULL) {
        if ((f = dlsym(library, name)) == NULL) /* else it stays open, since its function is going to be called */
            dlclose(library);
    }
#endif
    return f;
}

static struct ac_err queue;
static _Atomic(int) has_queue, has_context;

/* A failure costs a few microseconds more while there is no libcrypto. */
const struct ac_err *ac_find_err(void)
{
    static const struct ac_err linked = { ERR_new, ERR_set_debug, ERR_set_error };

    if (ERR_new != NULL && ERR_set_debug != NULL && ERR_set_error != NULL)
        return &linked;
    if (!has_queue && !in_child && pthread_mutex_trylock(&looking) == 0) {
        if (!has_queue) { /* or another thread has found it meanwhile, and somebody reads it */
            has_queue = (*(void **)&queue.new_record = find("ERR_new")) != NULL
                        && (*(void **)&queue.set_debug = find("ERR_set_debug")) != NULL
                        && (*(void **)&queue.set_error = find("ERR_set_error")) != NULL;
        }
        pthread_mutex_unlock(&looking);
    }
    return has_queue ? &queue : NULL;
}

/* Called whenever a pool grows, so that a libcrypto which is opened after the first job is found as well. */
void ac_find_libcrypto(void)
{
    static _Atomic(unsigned) looks; /* each costs about a microsecond, so they grow rare where there is none */
    unsigned n;

    if (has_context)
        return;
    if (OSSL_LIB_CTX_set0_default != NULL) {
        ac_set0_default = OSSL_LIB_CTX_set0_default;
        has_context = 1;
        return;
    }
    n = atomic_fetch_add_explicit(&looks, 1, memory_order_relaxed);
    if ((n < 64 || n % 64 == 0) && !in_child && pthread_mutex_trylock(&looking) == 0) {
        ac_set0_default = (ac_set0_default_fn)(uintptr_t)find("OSSL_LIB_CTX_set0_default");
        has_context = ac_set0_default != NULL;
        pthread_mutex_unlock(&looking);
    }
}
