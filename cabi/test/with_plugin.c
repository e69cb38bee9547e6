/*
 * A C program opens a C++ library with RTLD_LOCAL when it has run a job already: libasync must
 * find the C++ runtime. The argument is the file name of that library, exceptions.cc compiled
 * with -DPLUGIN.
 */
#include <openssl/async.h>

#include "check.h"

#include <dlfcn.h>

static int one(void *p) { (void)p; return 1; }

int main(int argc, char **argv)
{
    ASYNC_JOB *job = NULL;
    void (*run_all)(void);
    void *handle;
    int ret;

    CHECK(ASYNC_start_job(&job, NULL, &ret, one, NULL, 0) == ASYNC_FINISH);
    CHECK(argc == 2 && (handle = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL)) != NULL);
    CHECK(ASYNC_init_thread(0, 0) == 1); /* looks for the runtime again */
    CHECK((*(void **)&run_all = dlsym(handle, "run_all")) != NULL);
    run_all();
    return 0;
}
