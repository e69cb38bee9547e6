/*
 * A wait fd is an eventfd of the ASYNC_WAIT_CTX's own, from the first wait until the
 * ASYNC_WAIT_CTX is freed. Then it is closed, and not kept for another one: many programs, such as
 * HAProxy, do not remove it from their epoll sets, since the kernel does that at the close.
 */
#include "wait.h"

#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct waiter {
    /*
     * Held during each wake, and while the context is freed: so no wake reaches a file that has
     * got the number of the closed fd, or a callback whose argument is no more. It is recursive,
     * since a callback may do all that its program does elsewhere.
     */
    pthread_mutex_t mutex;
    atomic_uint references; /* the context's, and one of each wake */
    int fd;                 /* -1 when the context was freed */
    unsigned forks;         /* the process that it belongs to */
    struct wake *wake;      /* between wake_begin and wake_end; only the context's thread uses it */
};

static const char key; /* its address is our key in all contexts */

/* How many of this process's forefathers have had the provider. */
static unsigned forks;

/*
 * The fd of contexts that have a callback. It never becomes readable. A context without an fd would
 * not tell us that it is freed.
 */
static atomic_int silent = -1;

static int new_eventfd(unsigned value) { return eventfd(value, EFD_CLOEXEC | EFD_NONBLOCK); }

static int silent_fd(void)
{
    int none = -1, fd = atomic_load(&silent);

    if (fd >= 0 || (fd = new_eventfd(0)) < 0 || atomic_compare_exchange_strong(&silent, &none, fd))
        return fd;
    close(fd); /* another thread was faster */
    return none;
}

static bool has_own_fd(const struct waiter *w) { return w->fd >= 0 && w->fd != atomic_load(&silent); }

static void make_mutex(struct waiter *w)
{
    pthread_mutexattr_t recursive;

    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&w->mutex, &recursive);
    pthread_mutexattr_destroy(&recursive);
}

static void waiter_release(struct waiter *w)
{
    if (atomic_fetch_sub(&w->references, 1) > 1)
        return;
    pthread_mutex_destroy(&w->mutex);
    free(w);
}

/* Closes the fd, so that no wake begins any more, and gives up the context's reference. */
static void retire(struct waiter *w)
{
    pthread_mutex_lock(&w->mutex);
    if (has_own_fd(w))
        close(w->fd);
    w->fd = -1;
    pthread_mutex_unlock(&w->mutex);
    waiter_release(w);
}

/* The context is freed. */
static void clean_up(ASYNC_WAIT_CTX *ctx, const void *our_key, OSSL_ASYNC_FD fd, void *data)
{
    struct waiter *w = data;
    struct wake *k = w->wake;

    (void)ctx, (void)our_key, (void)fd;
    if (w->forks != forks)
        make_mutex(w);
    w->wake = NULL;
    retire(w);
    if (k != NULL)
        k->gone(k);
}

/*
 * Makes what was inherited in a fork the process's own. The parent's thread may have had the mutex,
 * and the parent still waits for the file of the fd: the fd gets another file, with that value.
 */
static bool adopt(struct waiter *w, unsigned value)
{
    int fd;

    make_mutex(w);
    if (has_own_fd(w)) {
        if ((fd = new_eventfd(value)) < 0)
            return false;
        while (dup3(fd, w->fd, O_CLOEXEC) < 0 && (errno == EINTR || errno == EBUSY))
            continue;
        close(fd);
    }
    w->forks = forks;
    return true;
}

static struct waiter *waiter_new(int fd)
{
    struct waiter *w = malloc(sizeof(*w));

    if (w == NULL)
        return NULL;
    *w = (struct waiter){ .references = 1, .fd = fd, .forks = forks };
    make_mutex(w);
    return w;
}

/* Gives the context a waiter. If it had one, that must go: it lacks an fd of its own. */
static struct waiter *attach(const struct libcrypto *l, ASYNC_WAIT_CTX *ctx, bool has_callback, struct waiter *old)
{
    int fd = has_callback ? silent_fd() : new_eventfd(0);
    struct waiter *w = fd < 0 ? NULL : waiter_new(fd);

    if (w != NULL && old != NULL) {
        l->ASYNC_WAIT_CTX_clear_fd(ctx, &key);
        retire(old);
    }
    if (w != NULL && l->ASYNC_WAIT_CTX_set_wait_fd(ctx, &key, fd, w, clean_up))
        return w;
    if (w != NULL)
        retire(w);
    else if (fd >= 0 && !has_callback)
        close(fd);
    return NULL;
}

/* Returns the context's waiter, which can wake a job of this process, or NULL. */
static struct waiter *find_waiter(const struct libcrypto *l, ASYNC_WAIT_CTX *ctx, bool has_callback)
{
    struct waiter *w = NULL;
    OSSL_ASYNC_FD fd;

    if (!l->ASYNC_WAIT_CTX_get_fd(ctx, &key, &fd, (void **)&w))
        w = NULL;
    if (w != NULL && w->forks != forks && !adopt(w, 0))
        return NULL;
    if (w == NULL || (!has_callback && !has_own_fd(w)))
        w = attach(l, ctx, has_callback, w);
    return w;
}

bool wake_begin(struct wake *k, const struct libcrypto *l, ASYNC_WAIT_CTX *ctx, void (*gone)(struct wake *))
{
    *k = (struct wake){ .gone = gone };
    if (!l->ASYNC_WAIT_CTX_get_callback(ctx, &k->callback, &k->arg))
        k->callback = NULL;
    if ((k->waiter = find_waiter(l, ctx, k->callback != NULL)) == NULL) {
        sem_init(&k->sent_to_thread, 0, 0);
        return false;
    }
    atomic_fetch_add(&k->waiter->references, 1);
    k->waiter->wake = k;
    return true;
}

void wake_end(struct wake *k)
{
    if (k->waiter != NULL)
        k->waiter->wake = NULL;
}

void wake_free(struct wake *k)
{
    if (k->waiter != NULL)
        waiter_release(k->waiter);
}

void wake_send(struct wake *k, unsigned news)
{
    struct waiter *w = k->waiter;

    if (w == NULL) {
        atomic_fetch_or(&k->news, news);
        sem_post(&k->sent_to_thread);
        return;
    }
    pthread_mutex_lock(&w->mutex);
    if (w->fd >= 0 && k->callback != NULL) {
        atomic_fetch_or(&k->news, news);
        k->callback(k->arg);
    } else if (w->fd >= 0) {
        k->sent++;
        atomic_fetch_or(&k->news, news);
        (void)!eventfd_write(w->fd, 1);
    }
    pthread_mutex_unlock(&w->mutex);
}

/* Makes the fd unreadable. */
static void see(struct wake *k)
{
    eventfd_t writes;

    if (eventfd_read(k->waiter->fd, &writes) == 0)
        k->seen += (unsigned)writes;
}

/* Returns the news. After the last ones no write to the fd is still to come. */
static unsigned take_news(struct wake *k)
{
    unsigned news;

    if (k->callback == NULL)
        see(k);
    news = atomic_exchange(&k->news, 0);
    if (k->callback == NULL && (news & NEWS_DONE) != 0 && k->seen != k->sent) {
        pthread_mutex_lock(&k->waiter->mutex); /* wake_send has it, and will have written */
        see(k);
        pthread_mutex_unlock(&k->waiter->mutex);
    }
    return news;
}

/*
 * Nothing says whether ASYNC_block_pause is in force: then a pause returns at once. So do those of
 * a program that resumes the job all the time. If MANY took no longer than that, wait a moment here.
 */
enum { MANY = 16, MANY_TAKE = 20 /* microseconds */, MOMENT = 1 /* millisecond */ };

static void wait_a_moment(const struct wake *k)
{
    struct pollfd p = { .fd = k->waiter->fd, .events = POLLIN };

    poll(&p, 1, MOMENT);
}

/* Returns news for a job that blocks. */
static unsigned block(struct wake *k)
{
    unsigned news;

    while ((news = atomic_exchange(&k->news, 0)) == 0)
        sem_wait(&k->sent_to_thread);
    return news;
}

unsigned wake_wait(struct wake *k, const struct libcrypto *l)
{
    int64_t began = 0;
    unsigned pauses, news;

    if (k->waiter == NULL)
        return block(k);
    for (pauses = 0;; pauses++) {
        if (pauses % MANY == 0) {
            if (pauses > 0 && clock_now() - began < MANY_TAKE)
                wait_a_moment(k);
            began = clock_now();
        }
        l->ASYNC_pause_job();
        if ((news = take_news(k)) != 0)
            return news;
    }
}

void wait_in_child(void) { forks++; }

void wake_in_child(struct wake *k)
{
    if (k->waiter == NULL) /* of another thread, which is the parent's */
        return;
    if ((atomic_load(&k->news) & NEWS_DONE) == 0)
        atomic_fetch_or(&k->news, NEWS_LOST);
    if (adopt(k->waiter, 1))
        k->sent = k->seen + 1;
}
