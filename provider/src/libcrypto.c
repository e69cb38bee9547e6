#include "libcrypto.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

struct row {
    const char *name;
    size_t offset; /* in struct libcrypto */
};

static const struct row own[] = {
#define ROW(name) { #name, offsetof(struct libcrypto, name) },
    LIBCRYPTO_OWN(ROW)
};

static const struct row async[] = {
    LIBCRYPTO_ASYNC(ROW)
#undef ROW
};

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/*
 * Looks up the rows. Where base is not NULL, only functions of the file that is mapped there count:
 * a program that hides its own libcrypto may have another one among its libraries, and the two
 * must not be mixed. Returns NULL, or the name of the first function that is not there.
 */
static const char *look_up(struct libcrypto *l, void *library, const void *base, const struct row *rows, size_t n)
{
    Dl_info info;

    for (; n > 0; rows++, n--) {
        void *f = dlsym(library, rows->name);

        if (f == NULL || (base != NULL && (dladdr(f, &info) == 0 || info.dli_fbase != base)))
            return rows->name;
        memcpy((char *)l + rows->offset, &f, sizeof f);
    }
    return NULL;
}

const char *libcrypto_find(struct libcrypto *l, void (*beside)(void), const char **file)
{
    Dl_info info;
    void *library;
    const char *missing;

    *file = "the program";
    if (dladdr(*(void **)&beside, &info) == 0)
        return own[0].name;
    *file = info.dli_fname;
    /* The program itself can't be opened by its name. */
    if ((library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD)) == NULL
        && (library = dlopen(NULL, RTLD_LAZY)) == NULL)
        return own[0].name;
    missing = look_up(l, library, info.dli_fbase, own, LENGTH(own));
    if (missing == NULL && look_up(l, RTLD_DEFAULT, NULL, async, LENGTH(async)) != NULL)
        missing = look_up(l, library, info.dli_fbase, async, LENGTH(async));
    dlclose(library); /* its caller holds it */
    return missing;
}
