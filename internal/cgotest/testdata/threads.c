/* Eight threads of C's own call a Go library, each of which makes, uses and closes pools. */

#include <pthread.h>
#include <stdio.h>
#include "shared.h"

enum { THREADS = 8, ROUNDS = 200 };

static void *run(void *failures)
{
    for (int i = 0; i < ROUNDS; i++)
        *(int *)failures += use_pool();
    return 0;
}

int main(void)
{
    pthread_t threads[THREADS];
    int failures[THREADS] = {0}, all = 0;

    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], 0, run, &failures[i]) != 0)
            return 2;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], 0);
        all += failures[i];
    }
    printf("%d failures\n", all);
    return all != 0;
}
