/* Waking a job that waits: by the wait fd of its ASYNC_WAIT_CTX, or by the callback. */
#ifndef AP_WAIT_H
#define AP_WAIT_H

#include "libcrypto.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What a job may find when it is resumed. */
enum news {
    NEWS_DONE = 1, /* the request has its answer; nothing comes after it */
    NEWS_FULL = 2, /* the server is full; the request will be sent again */
    NEWS_LOST = 4  /* in a forked child: the request was the parent's */
};

/* One for each ASYNC_WAIT_CTX with which a job has waited. */
struct waiter;

/* The wakes of one request. */
struct wake {
    struct waiter *waiter;      /* NULL: the job blocks its thread */
    sem_t sent_to_thread;       /* of a job that blocks */
    ASYNC_callback_fn callback; /* NULL: the fd */
    void *arg;
    void (*gone)(struct wake *);
    atomic_uint news;
    unsigned sent; /* what was written to the fd: complete once NEWS_DONE is set */
    unsigned seen; /* what the job has read of that */
};

/*
 * On the job's thread: begins and ends to use the running job's ASYNC_WAIT_CTX. wake_begin returns
 * false if there is no memory or file descriptor for that: then wake_wait blocks the thread. If the
 * ASYNC_WAIT_CTX is freed before wake_end, the job never runs again, and gone is called in place of
 * wake_end.
 */
bool wake_begin(struct wake *k, const struct libcrypto *l, ASYNC_WAIT_CTX *ctx, void (*gone)(struct wake *));
void wake_end(struct wake *k);

/* Releases what wake_begin has made, when nothing uses the wake any more. */
void wake_free(struct wake *k);

/*
 * Pauses the job until there are news, and returns them. It pauses at least once: HAProxy stops
 * itself over a wait fd that it was not told to wait for.
 */
unsigned wake_wait(struct wake *k, const struct libcrypto *l);

/* On any thread: tells news to the job and wakes it. Not after NEWS_DONE. */
void wake_send(struct wake *k, unsigned news);

/*
 * In a child after a fork. wait_in_child comes first. wake_in_child is for each wake between
 * wake_begin and wake_end, also if another thread was in wake_send. The job gets a wait fd of its
 * own, which is readable, and NEWS_LOST if it has no NEWS_DONE.
 */
void wait_in_child(void);
void wake_in_child(struct wake *k);

#endif
