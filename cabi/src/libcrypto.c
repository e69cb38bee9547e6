/*
 * What is used of libcrypto 3 if it is in the process, be it linked, preloaded or opened later: its error queue, and the
 * default library context, which belongs to a thread and so has to follow the jobs. It is never loaded from here.
 */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE
#endif
#include "local.h"

#include <dlfcn.h>

/* Where libcrypto is linked, statically perhaps, the linker binds these. */
extern void *OSSL_LIB_CTX_set0_default(void *) __attribute__((weak));
extern void ERR_new(void) __attribute__((weak));
extern void ERR_set_debug(const char *, int, const char *) __attribute__((weak));
extern void ERR_set_error(int, int, const char *, ...) __attribute__((weak));

void *(*ac_set0_default)(void *);

/* Finds a function in what is loaded for all to see, or else in a libcrypto that was opened for somebody's own use. */
static void *find(const char *name)
{
    void *f = dlsym(RTLD_DEFAULT, name);
#if defined(AC_SHARED) && defined(RTLD_NOLOAD)
    void *library;

    if (f == NULL && (library = dlopen("libcrypto.so.3", RTLD_LAZY | RTLD_NOLOAD)) != NULL) {
        f = dlsym(library, name);
        dlclose(library); /* libcrypto stays for as long as the process, once it is in use */
    }
#endif
    return f;
}

const struct ac_err *ac_find_err(void)
{
    static const struct ac_err linked = { ERR_new, ERR_set_debug, ERR_set_error };
    static _Thread_local struct ac_err found;

    if (ERR_new != NULL && ERR_set_debug != NULL && ERR_set_error != NULL)
        return &linked;
    *(void **)&found.new_record = find("ERR_new");
    *(void **)&found.set_debug = find("ERR_set_debug");
    *(void **)&found.set_error = find("ERR_set_error");
    return found.new_record == NULL || found.set_debug == NULL || found.set_error == NULL ? NULL : &found;
}

/* Called whenever a pool grows, so that a libcrypto which is opened after the first job is found as well. */
void ac_find_libcrypto(void)
{
    static _Atomic(unsigned) looked; /* a look costs about a microsecond, so it grows rare where there is none */
    unsigned n;

    if (ac_set0_default != NULL)
        return;
    if (OSSL_LIB_CTX_set0_default != NULL) {
        ac_set0_default = OSSL_LIB_CTX_set0_default;
        return;
    }
    n = atomic_fetch_add_explicit(&looked, 1, memory_order_relaxed);
    if (n < 64 || n % 64 == 0)
        *(void **)&ac_set0_default = find("OSSL_LIB_CTX_set0_default");
}
