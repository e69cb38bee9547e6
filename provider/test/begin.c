/*
 * When the thread of jobs begins: argv[1] is the setting, early or late. With early, the first key
 * has it begin, and each fork after that.
 */
#include "signing.h"

#include <sys/wait.h>
#include <unistd.h>

static int threads(void)
{
    FILE *status = fopen("/proc/self/status", "re");
    char line[200];
    int n = 0;

    CHECK(status != NULL);
    while (n == 0 && fgets(line, sizeof line, status) != NULL)
        sscanf(line, "Threads: %d", &n);
    fclose(status);
    return n;
}

int main(int argc, char **argv)
{
    int begun, status;
    EVP_PKEY *first, *second;
    pid_t child;

    CHECK(argc == 2);
    begun = strcmp(argv[1], "early") == 0 ? 2 : 1;
    CHECK(OSSL_PROVIDER_available(NULL, "asynccrypto") == 1);
    CHECK(threads() == 1);
    EVP_PKEY_free(original("p256"));
    CHECK((child = fork()) >= 0);
    CHECK(threads() == 1);
    if (child == 0)
        _exit(0);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    first = handle("p256");
    CHECK(threads() == begun);
    second = handle("rsa2048");
    CHECK(threads() == begun);
    CHECK((child = fork()) >= 0);
    CHECK(threads() == begun);
    EVP_PKEY_free(first);
    EVP_PKEY_free(second);
    if (child == 0)
        _exit(0);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    return 0;
}
