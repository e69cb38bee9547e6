/*
 * A library's constructor, which runs under the loader's lock, forks while another thread looks
 * for libcrypto and waits for that lock. The argument is the file name of that library, which is
 * this file compiled with -DLIBRARY.
 */
#include <openssl/async.h>

#include "check.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

extern _Atomic(int) loading;

#ifdef LIBRARY

__attribute__((constructor)) static void begin(void)
{
    pid_t pid;

    loading = 1;
    usleep(100000); /* by then the other thread waits, as a rule */
    if ((pid = fork()) == 0)
        _exit(0);
    CHECK(waitpid(pid, NULL, 0) == pid);
}

#else

_Atomic(int) loading;

static void *looks(void *arg)
{
    while (!loading)
        continue;
    CHECK(ASYNC_init_thread(0, 0) == 1);
    return arg;
}

int main(int argc, char **argv)
{
    pthread_t t;

    CHECK(argc == 2 && ASYNC_init_thread(0, 0) == 1);
    alarm(150); /* ends a program that hangs */
    CHECK(pthread_create(&t, NULL, looks, NULL) == 0);
    CHECK(dlopen(argv[1], RTLD_NOW) != NULL);
    CHECK(pthread_join(t, NULL) == 0);
    return 0;
}

#endif
