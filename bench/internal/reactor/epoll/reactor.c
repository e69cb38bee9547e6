/*
 * The C side of "go run ./bench reactor": an event loop with an eventfd for each job, which is
 * what an engine of OpenSSL's gives it (ASYNC_WAIT_CTX_set_wait_fd).
 *
 *   reactor JOBS MS    nanoseconds a job, over at least MS milliseconds
 *
 * A second thread completes the operations one by one: it writes the eventfd of each. The loop
 * waits with epoll_wait, reads each eventfd that it reports, and calls a function where an
 * application would resume the job; the job itself, and libcrypto, are left out. When it has
 * called all of them it lets the second thread go on, by a semaphore.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static int jobs, *fds;
static sem_t go;

static void die(const char *what)
{
    fprintf(stderr, "reactor: %s failed\n", what);
    exit(1);
}

static double now(void)
{
    struct timespec t;

    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
        die("clock_gettime");
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static void *waker(void *arg)
{
    uint64_t one = 1;
    int i;

    (void)arg;
    for (;;) {
        while (sem_wait(&go) != 0)
            ;
        for (i = 0; i < jobs; i++)
            if (write(fds[i], &one, sizeof(one)) != sizeof(one))
                die("write");
    }
    return NULL;
}

static long resumed;

static void __attribute__((noinline)) resume(int i)
{
    (void)i;
    __asm__ volatile("" ::: "memory");
    resumed++;
}

static void round_of(int ep)
{
    struct epoll_event ev[64];
    uint64_t n;
    int i, got, done = 0;

    if (sem_post(&go) != 0)
        die("sem_post");
    while (done < jobs) {
        if ((got = epoll_wait(ep, ev, 64, -1)) < 0)
            die("epoll_wait");
        for (i = 0; i < got; i++) {
            if (read(fds[ev[i].data.u32], &n, sizeof(n)) != sizeof(n))
                die("read");
            resume(ev[i].data.u32);
            done++;
        }
    }
}

static void measure(double ms)
{
    struct epoll_event ev;
    pthread_t t;
    double begin, spent;
    int ep = epoll_create1(EPOLL_CLOEXEC), i;

    if (ep < 0)
        die("epoll_create1");
    if ((fds = calloc(jobs, sizeof(*fds))) == NULL)
        die("calloc");
    for (i = 0; i < jobs; i++) {
        if ((fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) < 0)
            die("eventfd");
        memset(&ev, 0, sizeof(ev));
        ev.events = EPOLLIN;
        ev.data.u32 = i;
        if (epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &ev) != 0)
            die("epoll_ctl");
    }
    if (sem_init(&go, 0, 0) != 0 || pthread_create(&t, NULL, waker, NULL) != 0)
        die("pthread_create");
    for (i = 0; i < 100; i++)
        round_of(ep);
    resumed = 0;
    begin = now();
    do {
        for (i = 0; i < 100; i++)
            round_of(ep);
        spent = now() - begin;
    } while (spent < ms * 1e6);
    printf("%.3f\n", spent / resumed);
}

int main(int argc, char **argv)
{
    if (argc != 3 || (jobs = atoi(argv[1])) <= 0) {
        fprintf(stderr, "reactor: usage: reactor JOBS MS\n");
        return 1;
    }
    measure(atof(argv[2]));
    return 0;
}
