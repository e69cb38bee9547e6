#!/bin/bash
# p11-kit: all threads of a process have one call at a time in the module, unless each of them
# calls C_GetFunctionList for itself.
#
# Software    p11-kit 0.24.1 (server and p11-kit-client.so, Debian's 0.24.1-2); SoftHSM 2.6.1
#             (2.6.1-2.1), with a function in front that waits
# Best guess  eight threads with a session each have eight calls in the module at once, through
#             p11-kit-client.so as directly; C_GetFunctionList returns the module's one list of
#             functions, so that a second call of it changes nothing
# Seen        8 calls are in the module at once directly, and 1 through p11-kit-client.so: the list
#             of functions stands for one connection, whose process at the server makes one call
#             after another. A second C_GetFunctionList returns another list, which wants a
#             C_Initialize of its own and gets a process of its own. With a list for each thread,
#             8 calls are in the module at once.
# Matters to  users who put a token that takes time behind p11-kit: more threads and sessions give
#             no more signatures, and one slow call holds up all the others. Two libraries in one
#             process that load p11-kit-client.so share neither sessions nor the login.
source "$(dirname "$0")/common.bash"
debian p11-kit=0.24.1-2 p11-kit-modules=0.24.1-2 libp11-kit0=0.24.1-2 libp11-kit-dev=0.24.1-2 \
	softhsm2=2.6.1-2.1 libsofthsm2=2.6.1-2.1 libffi8=3.4.4-1

cat >counts.h <<'END'
/* Counts of calls that all processes share, in the file that COUNTS names. */
#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CALLERS 8

static struct counts {
    int inside, most; /* calls in the module: at this time, and the most there have been */
    int late;         /* a call has waited for the others in vain, so that no other call waits */
} *counts;

/* load maps the counts and returns the C_GetFunctionList of a module. */
static CK_C_GetFunctionList load(const char *path)
{
    void *module = dlopen(path, RTLD_NOW);
    void *get = module != NULL ? dlsym(module, "C_GetFunctionList") : NULL;
    int file = open(getenv("COUNTS"), O_RDWR);

    counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (get == NULL || counts == MAP_FAILED) {
        fprintf(stderr, "cannot load %s\n", path);
        exit(3);
    }
    close(file);
    return (CK_C_GetFunctionList)get;
}
END

cat >slow.c <<'END'
/* The module that SOFTHSM names. Its C_GenerateRandom first waits until all callers are in it. */
#include "counts.h"

static CK_FUNCTION_LIST *module, slow;

static CK_RV wait_and_generate(CK_SESSION_HANDLE session, CK_BYTE *random, CK_ULONG n)
{
    int i, inside = __atomic_add_fetch(&counts->inside, 1, __ATOMIC_SEQ_CST);
    int most = __atomic_load_n(&counts->most, __ATOMIC_SEQ_CST);

    while (inside > most && !__atomic_compare_exchange_n(&counts->most, &most, inside, 0,
                                                         __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        ;
    for (i = 0; i < 500 && __atomic_load_n(&counts->most, __ATOMIC_SEQ_CST) < CALLERS; i++) {
        if (__atomic_load_n(&counts->late, __ATOMIC_SEQ_CST))
            break;
        usleep(10000);
    }
    if (i == 500)
        __atomic_store_n(&counts->late, 1, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&counts->inside, -1, __ATOMIC_SEQ_CST);
    return module->C_GenerateRandom(session, random, n);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    CK_RV rv = load(getenv("SOFTHSM"))(&module);

    if (rv == CKR_OK) {
        slow = *module;
        slow.C_GenerateRandom = wait_and_generate;
        *list = &slow;
    }
    return rv;
}
END
gcc -Wall -shared -fPIC -o slow.so slow.c -I "$root/usr/include/p11-kit-1"

cat >program.c <<'END'
/*
 * Usage: program MODULE NAME N: eight threads call C_GenerateRandom, with the lists of N calls of
 * C_GetFunctionList.
 */
#include "counts.h"

static void must(CK_RV rv, const char *what)
{
    if (rv != CKR_OK) {
        fprintf(stderr, "%s: 0x%lx\n", what, rv);
        exit(3);
    }
}

static void *generate(void *list)
{
    CK_FUNCTION_LIST *p11 = list;
    CK_SLOT_ID slots[8];
    CK_ULONG n = 8;
    CK_SESSION_HANDLE session;
    CK_BYTE random[32];

    must(p11->C_GetSlotList(CK_TRUE, slots, &n), "C_GetSlotList");
    must(p11->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session), "C_OpenSession");
    must(p11->C_GenerateRandom(session, random, sizeof(random)), "C_GenerateRandom");
    return NULL;
}

int main(int argc, char **argv)
{
    CK_C_GetFunctionList get = load(argv[1]);
    CK_C_INITIALIZE_ARGS threads = { .flags = CKF_OS_LOCKING_OK };
    CK_FUNCTION_LIST *lists[CALLERS];
    pthread_t callers[CALLERS];
    int i, n = atoi(argv[3]);
    CK_INFO info;

    for (i = 0; i < n; i++) {
        must(get(&lists[i]), "C_GetFunctionList");
        if (i == 1)
            printf("%s: a second list is %s, %s\n", argv[2],
                   lists[1] == lists[0] ? "the first one" : "another one",
                   lists[1]->C_GetInfo(&info) == CKR_CRYPTOKI_NOT_INITIALIZED ?
                   "which isn't initialized" : "which is initialized");
        if (i == 0 || lists[i] != lists[0])
            must(lists[i]->C_Initialize(&threads), "C_Initialize");
    }
    counts->most = counts->late = 0;
    for (i = 0; i < CALLERS; i++)
        if (pthread_create(&callers[i], NULL, generate, lists[i % n]) != 0)
            must(CKR_HOST_MEMORY, "pthread_create");
    for (i = 0; i < CALLERS; i++)
        pthread_join(callers[i], NULL);
    printf("%s, %d x C_GetFunctionList, %d threads: %d at once\n", argv[2], n, CALLERS,
           counts->most);
    return 0;
}
END
gcc -Wall -o program program.c -I "$root/usr/include/p11-kit-1" -pthread

softhsm_token
truncate -s 4096 counts
export COUNTS=$work/counts SOFTHSM=$softhsm

p11_kit_server "$work/slow.so"

for n in 1 8; do
	./program "$work/slow.so" directly $n >>seen
	./program "$p11_kit_client" p11-kit-client.so $n >>seen
done

expect "p11-kit-client.so has one call at a time in the module for each C_GetFunctionList" <<'END'
directly, 1 x C_GetFunctionList, 8 threads: 8 at once
p11-kit-client.so, 1 x C_GetFunctionList, 8 threads: 1 at once
directly: a second list is the first one, which is initialized
directly, 8 x C_GetFunctionList, 8 threads: 8 at once
p11-kit-client.so: a second list is another one, which isn't initialized
p11-kit-client.so, 8 x C_GetFunctionList, 8 threads: 8 at once
END
