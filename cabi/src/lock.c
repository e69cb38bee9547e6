/*
 * The state of each thread, and the lock for what threads share. Everything else is built on
 * these two.
 */
#include "local.h"

#include <pthread.h>

_Thread_local struct thread ac_thread;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void ac_lock(void) { pthread_mutex_lock(&mutex); }
void ac_unlock(void) { pthread_mutex_unlock(&mutex); }
