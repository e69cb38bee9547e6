/*
 * Two features of libcrypto, 3 or later, are used if it is in the process, whether linked,
 * preloaded or opened later: its error queue, and the default library context, which belongs to a
 * thread and so must follow the jobs. We never load libcrypto. If a process has two of them, the
 * one that the loader finds first is used.
 */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE
#endif
#include "local.h"

#include <dlfcn.h>
#include <pthread.h>
#include <time.h>

/* If the program is linked with libcrypto, perhaps statically, the linker resolves these. */
extern void *OSSL_LIB_CTX_set0_default(void *) __attribute__((weak));
extern void ERR_new(void) __attribute__((weak));
extern void ERR_set_debug(const char *, int, const char *) __attribute__((weak));
extern void ERR_set_error(int, int, const char *, ...) __attribute__((weak));

_Atomic(ac_set0_default_fn) ac_set0_default;

/*
 * The loader does not protect a process that forks while another thread is in it: a lookup in the
 * child might meet half a change, or a lock whose holder does not exist in the child. So a fork
 * waits for our lookups to end, and a child of a process that has used the library keeps what its
 * parent had found. A lookup takes microseconds, unless another thread holds the loader's lock
 * for longer. That may be the thread that forks, in a library's constructor, so the fork waits
 * for a second at most.
 */
static pthread_mutex_t lookup_lock = PTHREAD_MUTEX_INITIALIZER;
static int in_child;

void ac_find_before_fork(void)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++;
    /* A child never looks again. */
    ac_thread.has_lookup_lock = !in_child && pthread_mutex_timedlock(&lookup_lock, &until) == 0;
}

void ac_find_in_parent(void)
{
    if (ac_thread.has_lookup_lock)
        pthread_mutex_unlock(&lookup_lock);
}

void ac_find_in_child(void)
{
    in_child = 1;
    ac_find_in_parent();
}

/*
 * Finds a function in the libraries with global symbols, or else in a libcrypto that was opened
 * with RTLD_LOCAL.
 */
static void *find(const char *name)
{
    void *f = dlsym(RTLD_DEFAULT, name);
#if defined(AC_SHARED) && defined(RTLD_NOLOAD)
    static const char *const names[] = { "libcrypto.so.3", "libcrypto.so.4" };
    void *library;
    size_t i;

    for (i = 0; f == NULL && i < sizeof(names) / sizeof(*names); i++) {
        if ((library = dlopen(names[i], RTLD_LAZY | RTLD_NOLOAD)) == NULL)
            continue;
        if ((f = dlsym(library, name)) == NULL) /* else it must stay open for its function */
            dlclose(library);
    }
#endif
    return f;
}

static struct ac_err queue;
static _Atomic(int) has_queue, has_context;

/* While there is no libcrypto, each failure costs some 10 microseconds more. */
const struct ac_err *ac_find_err(void)
{
    static const struct ac_err linked = { ERR_new, ERR_set_debug, ERR_set_error };

    if (ERR_new != NULL && ERR_set_debug != NULL && ERR_set_error != NULL)
        return &linked;
    if (!has_queue && !in_child && pthread_mutex_trylock(&lookup_lock) == 0) {
        if (!has_queue) { /* once another thread has found it, it must not change */
            has_queue = (*(void **)&queue.new_record = find("ERR_new")) != NULL
                        && (*(void **)&queue.set_debug = find("ERR_set_debug")) != NULL
                        && (*(void **)&queue.set_error = find("ERR_set_error")) != NULL;
        }
        pthread_mutex_unlock(&lookup_lock);
    }
    return has_queue ? &queue : NULL;
}

/*
 * Called whenever a pool grows, so that a libcrypto that is opened after the first job is found
 * as well.
 */
void ac_find_libcrypto(void)
{
    static _Atomic(unsigned) looks; /* each takes some 10 microseconds: rare after 64 */
    unsigned n;

    if (has_context)
        return;
    if (OSSL_LIB_CTX_set0_default != NULL) {
        ac_set0_default = OSSL_LIB_CTX_set0_default;
        has_context = 1;
        return;
    }
    n = atomic_fetch_add_explicit(&looks, 1, memory_order_relaxed);
    if ((n < 64 || n % 64 == 0) && !in_child && pthread_mutex_trylock(&lookup_lock) == 0) {
        ac_set0_default = (ac_set0_default_fn)(uintptr_t)find("OSSL_LIB_CTX_set0_default");
        has_context = ac_set0_default != NULL;
        pthread_mutex_unlock(&lookup_lock);
    }
}
