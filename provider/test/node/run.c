/*
 * Makes a test a module that Node loads, so that it runs on the OpenSSL that is part of Node. The
 * test is compiled with -Dmain=test_main.
 */
#include <stdio.h>
#include <unistd.h>

int test_main(void);
void *napi_register_module_v1(void *environment, void *exports);

void *napi_register_module_v1(void *environment, void *exports)
{
    int status = test_main();

    (void)environment;
    (void)exports;
    fflush(NULL);
    _exit(status);
}
