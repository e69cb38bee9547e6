/*
 * libcrypto is opened late and with RTLD_LOCAL. libasync must find it. The argument is its file
 * name.
 */
#include <openssl/async.h>

#include "check.h"

#include <dlfcn.h>

static void *handle;

static void *function(const char *name)
{
    void *f = dlsym(handle, name);

    CHECK(f != NULL);
    return f;
}

static int one(void *p) { (void)p; return 1; }

static void *(*set0_default)(void *);

static int changes(void *p)
{
    set0_default(*(void **)p);
    return 1;
}

int main(int argc, char **argv)
{
    ASYNC_JOB *job = NULL;
    void *(*new_context)(void), *before, *mine;
    unsigned long (*get_error)(void);
    int ret;

    CHECK(argc == 2);
    CHECK(ASYNC_start_job(&job, NULL, &ret, one, NULL, 0) == ASYNC_FINISH);
    FAILS(ASYNC_init_thread(1, 2), EINVAL);
    CHECK((handle = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL)) != NULL);
    *(void **)&get_error = function("ERR_get_error");
    *(void **)&set0_default = function("OSSL_LIB_CTX_set0_default");
    *(void **)&new_context = function("OSSL_LIB_CTX_new");
    CHECK(get_error() == 0);
    FAILS(ASYNC_init_thread(1, 2), EINVAL);
    CHECK((get_error() & 0x7fffff) == ASYNC_R_INVALID_POOL_SIZE);
    CHECK(ASYNC_init_thread(0, 0) == 1); /* looks for libcrypto again */
    before = set0_default(NULL);
    mine = new_context();
    CHECK(ASYNC_start_job(&job, NULL, &ret, changes, &mine, sizeof(mine)) == ASYNC_FINISH);
    CHECK(set0_default(NULL) == before);
    return 0;
}
