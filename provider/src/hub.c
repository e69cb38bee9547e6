/*
 * A hub has a connection, and a thread that reads the answers, keeps the deadlines, and connects
 * again. The jobs' threads write the requests themselves as long as the socket takes them.
 *
 *            submit            transmit             an answer, or the deadline
 *     (new) --------> WAITING ----------> SENT -----------------------------> DONE
 *                      ^ ^ |               | |                                 ^
 *                      | | |  the connection has ended                         |
 *                      | +-----------------+ | the server is full              |
 *                      |   |                 v                                 |
 *                      +------------------ RESTING                             |
 *                        a while later       |  the deadline                   |
 *                          +-----------------+---------------------------------+
 *
 * LOST: in a forked child, under way in the parent, until its callback is called.
 */
#include "hub.h"

#include "clock.h"
#include "core.h"
#include "link.h"
#include "list.h"
#include "timers.h"
#include "wait.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    STACK_SIZE = 256 << 10, /* of the thread: callbacks run on it */
    LIMIT_MAX = 1 << 16,    /* requests at once, whatever the server allows */
    OUTBOX_SIZE = 128 << 10,
    WRITES = 16 /* that a job does in a row, in case other threads' jobs keep it busy */
};

/* The longest request fits in an empty outbox. */
_Static_assert(OUTBOX_SIZE >= FRAME_HEAD + 60 + FRAME_MAX_NAME + FRAME_MAX_DATA, "OUTBOX_SIZE");

struct call {
    struct timer timer; /* in the hub's timers until it is done */
    struct wake wake;
    atomic_uint references; /* the job's, and the hub's until it is done */
    enum { NEW, WAITING, SENT, RESTING, DONE, LOST } state;
    bool is_listed;
    struct list of_hub; /* in the hub's calls, while the job lives */
    struct list line;   /* WAITING: in the hub's line */
    struct list told;   /* if there are news: in the list for tell */
    unsigned news;      /* the thread's */
    struct hub *hub;
    int64_t began, deadline;
    uint32_t slot;       /* SENT */
    uint32_t pause;      /* between two attempts, of which the server was full */
    enum ask status;     /* DONE */
    struct bytes answer; /* DONE: its data or text; from malloc */
    size_t size;
    uint8_t frame[];
};

/* A request's number on a connection is that of its slot plus one, and, above 32 bits, the slot's round. */
struct slot {
    struct call *call; /* NULL: the request was given up, its answer is still to come */
    uint32_t round;
    uint32_t next_free; /* plus one */
};

struct connection {
    int fd;
    unsigned references; /* the hub's, and that of the thread that writes; guarded by the hub's mutex */
    uint32_t limit;      /* requests at once; 0: no hello yet */
    uint32_t sent;       /* requests without an answer */
    uint32_t free_slot;  /* plus one */
    uint32_t used_slots; /* all after them are free */
    struct slot *slots;
    int64_t heard;      /* when the server last sent something; at first: when we connected */
    int64_t answered;   /* when it last sent an answer; 0: never */
    bool writing;       /* a thread sends from the outbox, without the mutex */
    bool full;          /* the socket takes no more: the hub's thread goes on */
    size_t start, end;  /* of what is in the outbox */
    uint8_t outbox[OUTBOX_SIZE];
    struct inbox inbox; /* the hub's thread's */
};

struct hub {
    const char *path;
    atomic_bool has_blocked; /* a job */
    /* Held while the thread connects: so a forked child knows of the socket. Locked before mutex. */
    pthread_mutex_t connecting;
    pthread_mutex_t mutex; /* guards all that follows; nobody waits for the system with it */
    bool has_thread, begins_early;
    bool is_used; /* a job has asked: before, the thread sleeps and has no fd */
    pthread_cond_t used;
    int kick;                      /* an eventfd that wakes the thread */
    struct connection *connection; /* NULL: none. Only the thread changes it */
    struct timers timers;          /* of all calls that are not done */
    struct list calls, waiting;
    int64_t sleeps_until; /* the thread's time to wake, at the latest */
    int64_t connects_at;
    uint32_t pause; /* between two attempts to connect */
    enum ask trouble; /* the last one of the connection, with its text */
    char text[FRAME_MAX_TEXT + 1];
};

struct hub *hub_new(const char *path)
{
    struct hub *h = calloc(1, sizeof(*h));

    if (h == NULL)
        return NULL;
    h->path = path;
    h->kick = -1;
    h->sleeps_until = CLOCK_NEVER;
    h->trouble = ASK_NO_SERVER;
    list_init(&h->calls);
    list_init(&h->waiting);
    pthread_mutex_init(&h->connecting, NULL);
    pthread_mutex_init(&h->mutex, NULL);
    pthread_cond_init(&h->used, NULL);
    return h;
}

static int new_kick(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

/* Calls. */

static struct call *call_new(struct hub *h, const struct request *r, uint32_t timeout_ms)
{
    size_t size = frame_request_size(r);
    struct call *c = malloc(sizeof(*c) + size);

    if (c == NULL)
        return NULL;
    *c = (struct call){ .references = 1, .hub = h, .size = size };
    c->began = clock_now();
    c->deadline = clock_add(c->began, timeout_ms);
    frame_put_request(c->frame, r, timeout_ms);
    return c;
}

static void call_release(struct call *c)
{
    if (atomic_fetch_sub(&c->references, 1) > 1)
        return;
    wake_free(&c->wake);
    free((void *)c->answer.data);
    free(c);
}

/* Keeps what the job is to find. A later status takes the place of an earlier one. */
static void keep(struct call *c, enum ask status, struct bytes answer)
{
    uint8_t *copy = malloc(answer.size + 1); /* + 1: it may be empty */

    free((void *)c->answer.data);
    c->status = copy == NULL ? ASK_MEMORY : status;
    c->answer = (struct bytes){ copy, copy == NULL ? 0 : answer.size };
    if (copy != NULL && answer.size > 0)
        memcpy(copy, answer.data, answer.size);
}

static struct bytes text_bytes(const char *text) { return (struct bytes){ (const uint8_t *)text, strlen(text) }; }

/* Connections. */

static struct connection *connection_new(int fd)
{
    struct connection *n = malloc(sizeof(*n)); /* most of it is never touched */

    if (n == NULL)
        return NULL;
    n->fd = fd;
    n->references = 1;
    n->limit = n->sent = n->free_slot = n->used_slots = 0;
    n->slots = NULL;
    n->heard = clock_now();
    n->answered = 0;
    n->writing = n->full = false;
    n->start = n->end = 0;
    n->inbox.start = n->inbox.end = 0;
    return n;
}

static void connection_release(struct connection *n)
{
    if (--n->references > 0)
        return;
    close(n->fd);
    free(n->slots);
    free(n);
}

static uint32_t take_slot(struct connection *n, struct call *c)
{
    uint32_t i;

    if (n->free_slot > 0) {
        i = n->free_slot - 1;
        n->free_slot = n->slots[i].next_free;
    } else {
        i = n->used_slots++;
    }
    n->slots[i].call = c;
    n->sent++;
    return i;
}

static void release_slot(struct connection *n, uint32_t i)
{
    n->slots[i].call = NULL;
    n->slots[i].round++;
    n->slots[i].next_free = n->free_slot;
    n->free_slot = i + 1;
    n->sent--;
}

static uint64_t slot_id(const struct connection *n, uint32_t i) { return (uint64_t)n->slots[i].round << 32 | (i + 1); }

/* Finds the slot of a request that has no answer yet. */
static bool find_slot(const struct connection *n, uint64_t id, uint32_t *i)
{
    *i = (uint32_t)id - 1;
    return (uint32_t)id != 0 && *i < n->used_slots && slot_id(n, *i) == id;
}

static bool make_room(struct connection *n, size_t size)
{
    if (n->end + size > sizeof(n->outbox) && n->start > 0 && !n->writing) {
        memmove(n->outbox, n->outbox + n->start, n->end - n->start);
        n->end -= n->start;
        n->start = 0;
    }
    return n->end + size <= sizeof(n->outbox);
}

/* Puts a request into the outbox. Reports whether the server allows it and there is room. */
static bool transmit(struct connection *n, struct call *c)
{
    int left;

    if (n == NULL || n->sent >= n->limit || !make_room(n, c->size))
        return false;
    left = clock_left(c->deadline);
    c->slot = take_slot(n, c);
    c->state = SENT;
    frame_set_id(c->frame, slot_id(n, c->slot));
    frame_set_timeout(c->frame, left > 0 ? (uint32_t)left : 1);
    memcpy(n->outbox + n->end, c->frame, c->size);
    n->end += c->size;
    return true;
}

/*
 * Sends what is in the outbox, without the mutex meanwhile. If another thread is about that, it
 * sends ours, too. Reports whether the hub's thread must go on, when the socket takes more.
 */
static bool flush(struct hub *h, struct connection *n)
{
    bool full;
    int writes;

    if (n == NULL || n->writing || n->full)
        return false;
    n->writing = true;
    n->references++;
    for (writes = 0; writes < WRITES && n->start < n->end; writes++) {
        const uint8_t *from = n->outbox + n->start;
        size_t size = n->end - n->start;
        ssize_t sent;

        pthread_mutex_unlock(&h->mutex);
        sent = send(n->fd, from, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        pthread_mutex_lock(&h->mutex);
        if (sent < 0) /* full, or broken: the thread learns of that */
            break;
        n->start += (size_t)sent;
    }
    full = n->full = n->start < n->end;
    if (!full)
        n->start = n->end = 0;
    n->writing = false;
    connection_release(n);
    return full;
}

/* Transmits the requests that wait, as far as that goes. */
static void transmit_waiting(struct hub *h)
{
    while (!list_is_empty(&h->waiting)) {
        struct call *c = LIST_OWNER(h->waiting.next, struct call, line);

        if (!transmit(h->connection, c))
            break;
        list_remove(&c->line);
    }
}

static void await_room(struct hub *h, struct call *c)
{
    c->state = WAITING;
    list_append(&h->waiting, &c->line);
}

/*
 * The thread. The functions that follow, up to run, are its own. They are called with the mutex
 * unless they say otherwise.
 */

/* Notes news for a job, to which tell tells it. */
static void note(struct call *c, enum news news, struct list *told)
{
    if (c->news == 0)
        list_append(told, &c->told);
    c->news |= news;
}

static void finish(struct hub *h, struct call *c, struct list *told)
{
    timers_remove(&h->timers, &c->timer);
    c->state = DONE;
    note(c, NEWS_DONE, told);
}

/* Called without the mutex. A fork may come at any moment: see hub_in_child. */
static void tell(struct list *told)
{
    while (!list_is_empty(told)) {
        struct call *c = LIST_OWNER(told->next, struct call, told);
        unsigned news = c->news;

        list_remove(&c->told);
        wake_send(&c->wake, news & ~(unsigned)NEWS_LOST); /* the job has that since the fork */
        c->news = 0;
        if ((news & (NEWS_DONE | NEWS_LOST)) != 0)
            call_release(c);
    }
}

static void set_trouble(struct hub *h, enum ask status, const char *text)
{
    DEBUG("key server at %s: %s", h->path, text);
    h->trouble = status;
    snprintf(h->text, sizeof(h->text), "%s", text);
}

static void connect_later(struct hub *h)
{
    h->connects_at = clock_add(clock_now(), h->pause);
    h->pause = link_next_pause(h->pause, LINK_RETRY_MAX);
}

/* Called without the mutex. */
static void connect_now(struct hub *h)
{
    struct connection *n = NULL;
    char reason[128];
    int fd, err;

    pthread_mutex_lock(&h->connecting);
    fd = link_open(h->path);
    err = errno;
    if (fd >= 0 && (n = connection_new(fd)) == NULL) {
        close(fd);
        err = ENOMEM;
    }
    pthread_mutex_lock(&h->mutex);
    if ((h->connection = n) == NULL) {
        set_trouble(h, ASK_NO_SERVER, strerror_r(err, reason, sizeof(reason)));
        connect_later(h);
    }
    pthread_mutex_unlock(&h->mutex);
    pthread_mutex_unlock(&h->connecting);
}

/* Ends the connection. Its requests wait for the next one. */
static void disconnect(struct hub *h)
{
    struct connection *n = h->connection;
    uint32_t i;

    h->connection = NULL;
    for (i = 0; i < n->used_slots; i++) {
        if (n->slots[i].call != NULL)
            await_room(h, n->slots[i].call);
    }
    connection_release(n);
    connect_later(h);
}

static bool refused(struct hub *h, const struct answer_frame *a)
{
    char text[FRAME_MAX_TEXT + 1];

    frame_copy_text(text, a->text);
    set_trouble(h, ASK_NO_SERVER, text);
    return false;
}

static bool malformed(struct hub *h)
{
    set_trouble(h, ASK_MALFORMED, "it breaks the protocol");
    return false;
}

/* Takes the server's first frame. Reports whether the connection goes on. */
static bool take_hello(struct hub *h, struct bytes body)
{
    struct connection *n = h->connection;
    struct answer_frame refusal;
    uint32_t limit;

    if (!frame_hello(body, &limit, &refusal))
        return malformed(h);
    if (limit == 0)
        return refused(h, &refusal);
    limit = limit < LIMIT_MAX ? limit : LIMIT_MAX;
    if ((n->slots = calloc(limit, sizeof(*n->slots))) == NULL)
        return false;
    n->limit = limit;
    h->trouble = ASK_NO_SERVER;
    h->text[0] = '\0';
    DEBUG("key server at %s: connected, takes %u requests at once", h->path, (unsigned)limit);
    return true;
}

/* The server is full, or not available: the request is sent again later. */
static void rest(struct hub *h, struct call *c, const struct answer_frame *a, struct list *told)
{
    int64_t again;

    if (c->pause == 0)
        note(c, NEWS_FULL, told);
    c->pause = link_next_pause(c->pause, LINK_BUSY_MAX);
    again = clock_add(clock_now(), c->pause);
    c->state = RESTING;
    keep(c, a->status, a->text);
    timers_change(&h->timers, &c->timer, again < c->deadline ? again : c->deadline);
}

/* Reports whether the connection goes on. */
static bool take_answer(struct hub *h, struct bytes body, struct list *told)
{
    struct connection *n = h->connection;
    struct answer_frame a;
    struct call *c;
    uint32_t i;

    if (!frame_answer(body, &a))
        return malformed(h);
    if (a.id == 0)
        return refused(h, &a);
    if (!find_slot(n, a.id, &i))
        return malformed(h);
    c = n->slots[i].call;
    release_slot(n, i);
    n->answered = n->heard;
    h->pause = 0;
    if (c == NULL) /* its deadline has passed */
        return true;
    if (a.status == ASK_BUSY || a.status == ASK_UNAVAILABLE) {
        rest(h, c, &a, told);
    } else {
        keep(c, a.status, a.status == ASK_OK ? a.data : a.text);
        finish(h, c, told);
    }
    return true;
}

/* Takes all frames that were received. Reports whether the connection goes on. */
static bool take_frames(struct hub *h, struct list *told)
{
    struct connection *n = h->connection;
    struct bytes body;
    int whole;

    while ((whole = inbox_take(&n->inbox, &body)) > 0) {
        if (n->limit == 0 ? !take_hello(h, body) : !take_answer(h, body, told))
            return false;
    }
    return whole == 0 || malformed(h);
}

/* The deadline of a call has passed. Reports whether the server says nothing any more. */
static bool give_up(struct hub *h, struct call *c, struct list *told)
{
    struct connection *n = h->connection;

    if (c->state == WAITING)
        list_remove(&c->line);
    else if (c->state == SENT)
        n->slots[c->slot].call = NULL;
    if (c->pause == 0) {
        bool slow = n != NULL && n->answered > c->began;

        keep(c, slow ? ASK_EXPIRED : h->trouble, text_bytes(slow ? "it has answered others since" : h->text));
    }
    finish(h, c, told);
    return n != NULL && n->heard <= c->began;
}

/* Handles all timers that are due. */
static void expire(struct hub *h, struct list *told)
{
    int64_t now = clock_now();
    bool silent = false;
    struct timer *t;

    while ((t = timers_first(&h->timers)) != NULL && t->due <= now) {
        struct call *c = LIST_OWNER(t, struct call, timer);

        if (c->state == LOST) {
            timers_remove(&h->timers, t);
            c->state = NEW;
            note(c, NEWS_LOST, told);
        } else if (c->deadline <= now) {
            silent |= give_up(h, c, told);
        } else {
            timers_change(&h->timers, t, c->deadline);
            await_room(h, c);
        }
    }
    if (silent) /* it may be stopped for good while another one has its path */
        disconnect(h);
}

/* Does all that there is to do, with what poll said about the connection. Called without the mutex. */
static void work(struct hub *h, short events)
{
    struct connection *n = h->connection;
    bool goes_on = true, reads = n != NULL && (events & ~POLLOUT) != 0;
    struct list told;
    char reason[128];
    int err = 0;

    list_init(&told);
    if (reads && !(goes_on = inbox_receive(&n->inbox, n->fd)))
        err = errno;
    pthread_mutex_lock(&h->mutex);
    if (reads && goes_on) {
        n->heard = clock_now();
        goes_on = take_frames(h, &told);
    } else if (!goes_on) {
        set_trouble(h, ASK_NO_SERVER, err == 0 ? "it has closed the connection" : strerror_r(err, reason, sizeof(reason)));
    }
    if (!goes_on)
        disconnect(h);
    else if ((events & POLLOUT) != 0)
        n->full = false;
    expire(h, &told);
    transmit_waiting(h);
    flush(h, h->connection);
    pthread_mutex_unlock(&h->mutex);
    tell(&told);
}

/*
 * Sets the thread's next time to wake. While nothing is under way, that is never, but for one last
 * time: so a request that comes soon after the last one need not wake the thread to have its
 * deadline known.
 */
static void set_sleep(struct hub *h, int64_t now)
{
    const struct timer *first = timers_first(&h->timers);

    if (first == NULL) {
        if (h->connection == NULL || h->sleeps_until <= now)
            h->sleeps_until = CLOCK_NEVER;
    } else {
        h->sleeps_until = first->due;
        if (h->connection == NULL && h->connects_at < first->due)
            h->sleeps_until = h->connects_at;
    }
}

/* The kick is readable, or the program has closed it with all its fds. Called without the mutex. */
static void take_kick(struct hub *h, short events)
{
    pthread_mutex_lock(&h->mutex);
    if ((events & POLLNVAL) != 0)
        h->kick = new_kick();
    else
        eventfd_read(h->kick, &(eventfd_t){ 0 });
    pthread_mutex_unlock(&h->mutex);
}

/* Waits for the first request. Called without the mutex. */
static void await_use(struct hub *h)
{
    pthread_mutex_lock(&h->mutex);
    while (!h->is_used)
        pthread_cond_wait(&h->used, &h->mutex);
    pthread_mutex_unlock(&h->mutex);
}

/* Whether this thread is one of a hub, which must not block for one. */
static _Thread_local bool is_of_hub;

static void *run(void *hub)
{
    struct hub *h = hub;

    is_of_hub = true;
    await_use(h);
    for (;;) {
        struct pollfd p[2] = { { .events = POLLIN }, { .fd = -1, .events = POLLIN } };
        int64_t now = clock_now(), until;
        bool connects;

        pthread_mutex_lock(&h->mutex);
        connects = h->connection == NULL && timers_first(&h->timers) != NULL && h->connects_at <= now;
        set_sleep(h, now);
        until = h->sleeps_until;
        p[0].fd = h->kick;
        if (h->connection != NULL) {
            p[1].fd = h->connection->fd;
            p[1].events |= h->connection->full ? POLLOUT : 0;
        }
        pthread_mutex_unlock(&h->mutex);
        if (connects) {
            connect_now(h);
            continue;
        }
        if (poll(p, 2, until == CLOCK_NEVER ? -1 : clock_left(until)) < 0)
            continue;
        if (p[0].revents != 0)
            take_kick(h, p[0].revents);
        work(h, p[1].revents);
    }
    return NULL;
}

/* The jobs' side. */

/*
 * Begins the thread, if there is none. Called with mutex. Signals go to the program's threads, but
 * for those of a fault in a callback.
 */
static bool begin_thread(struct hub *h)
{
    static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };
    sigset_t mask, before;
    pthread_attr_t small;
    pthread_t thread;
    size_t i;

    if (h->has_thread)
        return true;
    sigfillset(&mask);
    for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        sigdelset(&mask, faults[i]);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_SIZE);
    pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &mask, &before);
    h->has_thread = pthread_create(&thread, &small, run, h) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&small);
    return h->has_thread;
}

/* Has the thread work. Called with mutex. */
static bool start(struct hub *h)
{
    if ((h->kick < 0 && (h->kick = new_kick()) < 0) || !begin_thread(h))
        return false;
    if (!h->is_used) {
        h->is_used = true;
        pthread_cond_signal(&h->used);
    }
    return true;
}

void hub_begin(struct hub *h)
{
    pthread_mutex_lock(&h->mutex);
    h->begins_early = true;
    if (!begin_thread(h))
        DEBUG("key server at %s: no thread can begin now", h->path);
    pthread_mutex_unlock(&h->mutex);
}

static bool can_start(struct hub *h)
{
    bool can;

    pthread_mutex_lock(&h->mutex);
    can = start(h);
    pthread_mutex_unlock(&h->mutex);
    return can;
}

/* Says so once. */
static void note_block(struct hub *h)
{
    if (!atomic_exchange(&h->has_blocked, true))
        DEBUG("key server at %s: no memory, file descriptor or thread to pause a job: it blocks", h->path);
}

/* Adds a call to those under way. Called with mutex. */
static bool add(struct hub *h, struct call *c)
{
    if (c->state == LOST) { /* its timer would have told the job what it knows by now */
        timers_change(&h->timers, &c->timer, c->deadline);
        return true;
    }
    c->timer.due = c->deadline;
    if (!timers_add(&h->timers, &c->timer))
        return false;
    atomic_fetch_add(&c->references, 1);
    if (!c->is_listed)
        list_append(&h->calls, &c->of_hub);
    c->is_listed = true;
    return true;
}

/*
 * Returns ASYNC_STATUS_OK, or ASYNC_STATUS_EAGAIN if the server can take no more now, or
 * ASYNC_STATUS_ERR if there is no memory or thread.
 */
static int submit(struct hub *h, struct call *c)
{
    int status = ASYNC_STATUS_OK;
    bool kick;

    pthread_mutex_lock(&h->mutex);
    if (!start(h) || !add(h, c)) {
        pthread_mutex_unlock(&h->mutex);
        return ASYNC_STATUS_ERR;
    }
    if ((kick = h->sleeps_until > c->deadline))
        h->sleeps_until = c->deadline;
    if (list_is_empty(&h->waiting) && transmit(h->connection, c)) {
        kick |= flush(h, h->connection);
    } else {
        await_room(h, c);
        if (h->connection != NULL && h->connection->limit > 0)
            status = ASYNC_STATUS_EAGAIN;
    }
    if (kick)
        eventfd_write(h->kick, 1);
    pthread_mutex_unlock(&h->mutex);
    return status;
}

/* Gives up the job's part of a call. */
static void leave(struct call *c)
{
    pthread_mutex_lock(&c->hub->mutex);
    if (c->is_listed)
        list_remove(&c->of_hub);
    c->is_listed = false;
    pthread_mutex_unlock(&c->hub->mutex);
    call_release(c);
}

static void job_is_gone(struct wake *k) { leave(LIST_OWNER(k, struct call, wake)); }

static void collect(struct call *c, struct answer *a)
{
    a->status = c->status;
    if (c->status != ASK_OK) {
        frame_copy_text(a->text, c->answer);
        return;
    }
    a->data = (uint8_t *)c->answer.data;
    a->size = c->answer.size;
    c->answer.data = NULL;
}

bool hub_ask(struct hub *h, const struct libcrypto *l, ASYNC_WAIT_CTX *ctx, const struct request *r, uint32_t timeout_ms,
             struct answer *a)
{
    struct call *c = can_start(h) ? call_new(h, r, timeout_ms) : NULL;
    unsigned news = NEWS_LOST;
    int status = ASYNC_STATUS_ERR;

    if (c == NULL || !wake_begin(&c->wake, l, ctx, job_is_gone))
        note_block(h);
    if (c == NULL)
        return false;
    if (c->wake.waiter == NULL && is_of_hub) {
        call_release(c);
        return false;
    }
    for (; (news & NEWS_DONE) == 0; news = wake_wait(&c->wake, l)) {
        status = (news & NEWS_LOST) != 0 ? submit(h, c) : ASYNC_STATUS_EAGAIN;
        if (status == ASYNC_STATUS_ERR && c->wake.callback != NULL)
            break;
        if (status == ASYNC_STATUS_ERR) /* the context may have a new fd: the job must pause once */
            wake_send(&c->wake, NEWS_DONE);
        l->ASYNC_WAIT_CTX_set_status(ctx, status);
    }
    if (status == ASYNC_STATUS_ERR) {
        note_block(h);
    } else {
        collect(c, a);
        l->ASYNC_WAIT_CTX_set_status(ctx, a->status < ASK_NO_SERVER ? ASYNC_STATUS_OK : ASYNC_STATUS_ERR);
    }
    wake_end(&c->wake);
    leave(c);
    return status != ASYNC_STATUS_ERR;
}

/* Forks. */

void hub_before_fork(struct hub *h)
{
    pthread_mutex_lock(&h->connecting);
    pthread_mutex_lock(&h->mutex);
}

void hub_in_parent(struct hub *h)
{
    pthread_mutex_unlock(&h->mutex);
    pthread_mutex_unlock(&h->connecting);
}

/* The thread of a child is to call the callback of a call, of which the hub has a reference. */
static void call_back_later(struct hub *h, struct call *c)
{
    c->state = LOST;
    c->timer.due = 0;
    if (!timers_add(&h->timers, &c->timer))
        call_release(c);
}

/*
 * The thread, the connection and the requests under way are the parent's. A job that is resumed
 * sends its request again; those that have a callback must be told so first. The thread may have
 * been about to tell a job its news, or have done so: then the job's memory knows, or does not.
 */
void hub_in_child(struct hub *h)
{
    size_t i, under_way = h->timers.size;
    struct list *l;

    if (h->connection != NULL) {
        h->connection->references = 1; /* a thread that wrote is the parent's, too */
        connection_release(h->connection);
    }
    if (h->kick >= 0)
        close(h->kick);
    h->has_thread = h->is_used = false;
    pthread_cond_init(&h->used, NULL); /* the parent's thread may have waited */
    h->kick = -1;
    h->connection = NULL;
    h->sleeps_until = CLOCK_NEVER;
    h->connects_at = h->pause = 0;
    h->trouble = ASK_NO_SERVER;
    h->text[0] = '\0';
    list_init(&h->waiting);
    h->timers.size = 0;
    for (i = 0; i < under_way; i++) {
        struct call *c = LIST_OWNER(h->timers.heap[i], struct call, timer);

        c->news = c->is_listed ? NEWS_LOST : 0;
        c->state = NEW;
        if (!c->is_listed)
            call_release(c);
    }
    for (l = h->calls.next; l != &h->calls; l = l->next) {
        struct call *c = LIST_OWNER(l, struct call, of_hub);
        bool is_hubs = (c->news & (NEWS_DONE | NEWS_LOST)) != 0;

        c->news = 0;
        wake_in_child(&c->wake);
        if (is_hubs && c->wake.callback != NULL)
            call_back_later(h, c);
        else if (is_hubs)
            call_release(c);
    }
    if (h->begins_early)
        begin_thread(h);
    pthread_mutex_unlock(&h->mutex);
    pthread_mutex_unlock(&h->connecting);
}
