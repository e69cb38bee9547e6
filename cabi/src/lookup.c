/*
 * Functions of other libraries, which are used if they are in the process, whether linked,
 * preloaded or opened later. We never load a library for them. If a process has several libraries
 * of a kind, the one that the loader finds first is used.
 *
 * - libcrypto, 3 or later, has an error queue, and a default library context, which belongs to a
 *   thread and so must follow the jobs.
 * - The C++ runtime keeps the exceptions that a thread handles, which must follow the jobs too.
 */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE
#endif
#include "local.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <time.h>

/* If the program is linked with the library, perhaps statically, the linker resolves these. */
extern void *OSSL_LIB_CTX_set0_default(void *) __attribute__((weak));
extern void ERR_new(void) __attribute__((weak));
extern void ERR_set_debug(const char *, int, const char *) __attribute__((weak));
extern void ERR_set_error(int, int, const char *, ...) __attribute__((weak));

extern struct exceptions *__cxa_get_globals(void) __attribute__((weak));

_Atomic(ac_set0_default_fn) ac_set0_default;
_Atomic(ac_exceptions_fn) ac_exceptions;

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

static const char *const libcryptos[] = { "libcrypto.so.3", "libcrypto.so.4", NULL };
static const char *const runtimes[] = { "libstdc++.so.6", "libc++abi.so.1", "libcxxrt.so.1", NULL };

/*
 * Finds a function in the libraries with global symbols, or else in one of those named, if it was
 * opened with RTLD_LOCAL.
 */
static void *find(const char *function, const char *const *names)
{
    void *f = dlsym(RTLD_DEFAULT, function);
#if defined(AC_SHARED) && defined(RTLD_NOLOAD)
    void *library;

    for (; f == NULL && *names != NULL; names++) {
        if ((library = dlopen(*names, RTLD_LAZY | RTLD_NOLOAD)) == NULL)
            continue;
        if ((f = dlsym(library, function)) == NULL) /* else it must stay open for its function */
            dlclose(library);
    }
#else
    (void)names;
#endif
    return f;
}

static int get_loads(struct dl_phdr_info *info, size_t size, void *loads)
{
    (void)size;
    *(unsigned long long *)loads = info->dlpi_adds;
    return 1; /* one library is enough: the number is the process's */
}

/*
 * Reports whether a library was loaded since the last call with that variable. That takes 10 ns,
 * and a look for a library that is not there 15 microseconds.
 */
static int has_loaded(unsigned long long *before)
{
    unsigned long long loads = *before;

    dl_iterate_phdr(get_loads, &loads);
    if (loads == *before)
        return 0;
    *before = loads;
    return 1;
}

static struct ac_err queue;
static _Atomic(int) has_queue;

const struct ac_err *ac_find_err(void)
{
    static unsigned long long loads;
    static const struct ac_err linked = { ERR_new, ERR_set_debug, ERR_set_error };

    if (ERR_new != NULL && ERR_set_debug != NULL && ERR_set_error != NULL)
        return &linked;
    if (!has_queue && !in_child && pthread_mutex_trylock(&lookup_lock) == 0) {
        if (!has_queue && has_loaded(&loads)) { /* once a thread has found it, it must not change */
            has_queue = (*(void **)&queue.new_record = find("ERR_new", libcryptos)) != NULL
                        && (*(void **)&queue.set_debug = find("ERR_set_debug", libcryptos)) != NULL
                        && (*(void **)&queue.set_error = find("ERR_set_error", libcryptos)) != NULL;
        }
        pthread_mutex_unlock(&lookup_lock);
    }
    return has_queue ? &queue : NULL;
}

/*
 * Called whenever a pool grows, so that a library that is opened after the first job is found as
 * well.
 */
void ac_look_up(void)
{
    static unsigned long long loads;

    if (ac_set0_default != NULL && ac_exceptions != NULL)
        return;
    if (ac_set0_default == NULL && OSSL_LIB_CTX_set0_default != NULL)
        ac_set0_default = OSSL_LIB_CTX_set0_default;
    if (ac_exceptions == NULL && __cxa_get_globals != NULL)
        ac_exceptions = __cxa_get_globals;
    if (in_child || pthread_mutex_trylock(&lookup_lock) != 0)
        return;
    if (has_loaded(&loads)) {
        if (ac_set0_default == NULL)
            ac_set0_default = (ac_set0_default_fn)(uintptr_t)find("OSSL_LIB_CTX_set0_default", libcryptos);
        if (ac_exceptions == NULL)
            ac_exceptions = (ac_exceptions_fn)(uintptr_t)find("__cxa_get_globals", runtimes);
    }
    pthread_mutex_unlock(&lookup_lock);
}
