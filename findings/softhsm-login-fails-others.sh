#!/bin/bash
# SoftHSM: while one process logs in, C_GetTokenInfo of another one fails.
#
# Software    SoftHSM 2.6.1 (Debian's 2.6.1-2.1), objects in files
# Best guess  a token serves several processes, because SoftHSM locks its files; C_Login changes
#             nothing that another process would notice
# Seen        now and then C_GetTokenInfo is CKR_GENERAL_ERROR while another process calls C_Login and
#             C_Logout. It was not in 200,000 calls while that process called C_GetTokenInfo, too. Each
#             C_Login that succeeds writes the token's file, token.object, anew.
# Matters to  programs that ask for the token's state to learn whether it is there, and services of
#             several processes that start at the same time: the answer is the one that SoftHSM has
#             for nearly every fault, so nothing tells that the next call would succeed.
source "$(dirname "$0")/common.bash"
debian softhsm2=2.6.1-2.1 libsofthsm2=2.6.1-2.1 libp11-kit-dev=0.24.1-2

cat >program.c <<'END'
/*
 * Usage: program MODULE login|info N: a child calls C_Login and C_Logout, or C_GetTokenInfo, again and
 * again, while this process calls C_GetTokenInfo until it has failed, but at most N times.
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void must(CK_RV rv, const char *what)
{
    if (rv != CKR_OK) {
        fprintf(stderr, "%s: 0x%lx\n", what, rv);
        exit(3);
    }
}

int main(int argc, char **argv)
{
    pid_t child = fork();
    CK_C_GetFunctionList get = (CK_C_GetFunctionList)dlsym(dlopen(argv[1], RTLD_NOW), "C_GetFunctionList");
    CK_FUNCTION_LIST *p11;
    CK_SLOT_ID slots[8];
    CK_ULONG n = 8;
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO info;
    CK_RV rv;
    int i, most = atoi(argv[3]);

    if (child < 0) {
        perror("fork");
        exit(3);
    }
    must(get(&p11), "C_GetFunctionList");
    must(p11->C_Initialize(NULL), "C_Initialize");
    must(p11->C_GetSlotList(CK_TRUE, slots, &n), "C_GetSlotList");
    must(p11->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session), "C_OpenSession");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            if (strcmp(argv[2], "login") == 0) {
                must(p11->C_Login(session, CKU_USER, (CK_BYTE *)"1234", 4), "C_Login");
                must(p11->C_Logout(session), "C_Logout");
            } else {
                p11->C_GetTokenInfo(slots[0], &info);
            }
        }
    }
    for (i = 0, rv = CKR_OK; i < most && rv == CKR_OK; i++)
        rv = p11->C_GetTokenInfo(slots[0], &info);
    kill(child, SIGKILL);
    printf("%s: C_GetTokenInfo is 0x%lx\n", argv[2], rv);
    fprintf(stderr, "after %d calls\n", i);
    return 0;
}
END
gcc -Wall -o program program.c -I "$root/usr/include/p11-kit-1"

softhsm_token
./program "$softhsm" info 200000 >>seen
./program "$softhsm" login 10000000 >>seen

expect "while one process logs in, C_GetTokenInfo of another one is CKR_GENERAL_ERROR at times" <<'END'
info: C_GetTokenInfo is 0x0
login: C_GetTokenInfo is 0x5
END
