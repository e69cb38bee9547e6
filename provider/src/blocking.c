#include "blocking.h"

#include "clock.h"
#include "core.h"
#include "link.h"
#include "list.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IDLE_MAX = 8 }; /* connections that are kept when no request uses them */

struct line {
    struct list of_pool;
    int fd;
    bool is_idle, is_greeted;
    uint64_t last_id;
    struct inbox inbox;
};

struct pool {
    const char *path;
    pthread_mutex_t mutex;
    struct list lines; /* all: a forked child closes them */
    unsigned idle;
};

/* A request until it has its answer. */
struct question {
    const char *path;
    uint8_t *frame;
    size_t size;
    int64_t deadline;
    struct answer *answer;
};

struct pool *pool_new(const char *path)
{
    struct pool *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return NULL;
    p->path = path;
    list_init(&p->lines);
    pthread_mutex_init(&p->mutex, NULL);
    return p;
}

/* Returns an idle line, or NULL. */
static struct line *take_idle(struct pool *p)
{
    struct line *found = NULL;
    struct list *l;

    pthread_mutex_lock(&p->mutex);
    for (l = p->lines.next; p->idle > 0 && found == NULL; l = l->next) {
        struct line *line = LIST_OWNER(l, struct line, of_pool);

        if (line->is_idle) {
            line->is_idle = false;
            p->idle--;
            found = line;
        }
    }
    pthread_mutex_unlock(&p->mutex);
    return found;
}

/* Returns a new line, or NULL with errno. The socket is made with the mutex, so that no fork comes between. */
static struct line *open_line(struct pool *p)
{
    struct line *line = malloc(sizeof(*line)); /* most of it is never touched */

    if (line == NULL)
        return NULL;
    line->is_idle = line->is_greeted = false;
    line->last_id = 0;
    line->inbox.start = line->inbox.end = 0;
    pthread_mutex_lock(&p->mutex);
    if ((line->fd = link_open(p->path)) >= 0)
        list_append(&p->lines, &line->of_pool);
    pthread_mutex_unlock(&p->mutex);
    if (line->fd >= 0)
        return line;
    free(line);
    return NULL;
}

static void close_line(struct pool *p, struct line *line)
{
    pthread_mutex_lock(&p->mutex);
    list_remove(&line->of_pool);
    close(line->fd);
    pthread_mutex_unlock(&p->mutex);
    free(line);
}

/* Keeps a line for the next request, if it is not one too many. */
static void give_back(struct pool *p, struct line *line)
{
    bool kept;

    pthread_mutex_lock(&p->mutex);
    if ((kept = p->idle < IDLE_MAX)) {
        line->is_idle = true;
        p->idle++;
    }
    pthread_mutex_unlock(&p->mutex);
    if (!kept)
        close_line(p, line);
}

static bool fail(struct question *q, enum ask status, const char *text)
{
    DEBUG("key server at %s: %s", q->path, text);
    q->answer->status = status;
    snprintf(q->answer->text, sizeof(q->answer->text), "%s", text);
    return false;
}

static bool fail_by_errno(struct question *q, int err)
{
    char reason[128];

    return fail(q, ASK_NO_SERVER, err == 0 ? "it has closed the connection" : strerror_r(err, reason, sizeof(reason)));
}

static bool fail_by_text(struct question *q, enum ask status, struct bytes text)
{
    q->answer->status = status;
    frame_copy_text(q->answer->text, text);
    return false;
}

/* Waits for a socket or, if fd is -1, for some milliseconds. Returns false if the deadline has passed. */
static bool wait_for(struct question *q, int fd, short events, uint32_t most)
{
    struct pollfd p = { .fd = fd, .events = events };
    int left = clock_left(q->deadline);

    if (left > 0)
        poll(&p, 1, (uint32_t)left < most ? left : (int)most);
    return left > 0;
}

/* Each of the following returns false if the conversation fails, and the answer's status then says why. */

static bool send_all(struct question *q, int fd)
{
    size_t sent = 0;

    while (sent < q->size) {
        ssize_t n = send(fd, q->frame + sent, q->size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n >= 0)
            sent += (size_t)n;
        else if (errno != EAGAIN && errno != EINTR)
            return fail_by_errno(q, errno);
        else if (!wait_for(q, fd, POLLOUT, INT_MAX))
            return fail(q, ASK_NO_SERVER, "");
    }
    return true;
}

static bool receive(struct question *q, struct line *line, struct bytes *body)
{
    int whole;

    while ((whole = inbox_take(&line->inbox, body)) == 0) {
        if (!wait_for(q, line->fd, POLLIN, INT_MAX))
            return fail(q, ASK_NO_SERVER, "");
        if (!inbox_receive(&line->inbox, line->fd))
            return fail_by_errno(q, errno);
    }
    return whole > 0 || fail(q, ASK_MALFORMED, "it breaks the protocol");
}

static bool greet(struct question *q, struct line *line)
{
    struct answer_frame refusal;
    struct bytes body;
    uint32_t limit;

    if (line->is_greeted)
        return true;
    if (!receive(q, line, &body))
        return false;
    if (!frame_hello(body, &limit, &refusal))
        return fail(q, ASK_MALFORMED, "it breaks the protocol");
    if (limit == 0)
        return fail_by_text(q, ASK_NO_SERVER, refusal.text);
    line->is_greeted = true;
    return true;
}

static bool keep_data(struct question *q, struct bytes data)
{
    struct answer *a = q->answer;

    a->status = ASK_OK;
    if (data.size == 0)
        return true;
    if ((a->data = malloc(data.size)) == NULL) {
        a->status = ASK_MEMORY;
        return true;
    }
    memcpy(a->data, data.data, data.size);
    a->size = data.size;
    return true;
}

/* Sends the request and takes the answer. */
static bool converse(struct question *q, struct line *line)
{
    int left = clock_left(q->deadline);
    struct answer_frame a;
    struct bytes body;

    frame_set_id(q->frame, ++line->last_id);
    frame_set_timeout(q->frame, left > 0 ? (uint32_t)left : 1);
    if (!greet(q, line) || !send_all(q, line->fd) || !receive(q, line, &body))
        return false;
    if (!frame_answer(body, &a) || (a.id != 0 && a.id != line->last_id))
        return fail(q, ASK_MALFORMED, "it breaks the protocol");
    if (a.id == 0)
        return fail_by_text(q, ASK_NO_SERVER, a.text);
    if (a.status == ASK_OK)
        return keep_data(q, a.data);
    fail_by_text(q, a.status, a.text);
    return true;
}

static bool is_final(enum ask status) { return status != ASK_BUSY && status != ASK_UNAVAILABLE; }

/* Asks again and again, until there is a final answer or the deadline has passed. */
static void insist(struct pool *p, struct question *q)
{
    uint32_t lost = 0, full = 0; /* the last pauses, in milliseconds */

    do {
        struct line *line = take_idle(p);
        bool was_idle = line != NULL;

        if (line == NULL && (line = open_line(p)) == NULL) {
            fail_by_errno(q, errno);
        } else if (converse(q, line)) {
            give_back(p, line);
            if (is_final(q->answer->status))
                return;
            full = link_next_pause(full, LINK_BUSY_MAX);
            wait_for(q, -1, 0, full);
            continue;
        } else {
            close_line(p, line);
        }
        if (was_idle) /* the server may have been started anew since */
            continue;
        lost = link_next_pause(lost, LINK_RETRY_MAX);
        wait_for(q, -1, 0, lost);
    } while (clock_left(q->deadline) > 0);
}

void blocking_ask(struct pool *p, const struct request *r, uint32_t timeout_ms, struct answer *a)
{
    struct question q = { .path = p->path, .size = frame_request_size(r), .answer = a };

    q.deadline = clock_add(clock_now(), timeout_ms);
    a->status = ASK_MEMORY;
    if ((q.frame = malloc(q.size)) == NULL)
        return;
    frame_put_request(q.frame, r, timeout_ms);
    insist(p, &q);
    free(q.frame);
}

void pool_before_fork(struct pool *p) { pthread_mutex_lock(&p->mutex); }

void pool_in_parent(struct pool *p) { pthread_mutex_unlock(&p->mutex); }

void pool_in_child(struct pool *p)
{
    while (!list_is_empty(&p->lines)) {
        struct line *line = LIST_OWNER(p->lines.next, struct line, of_pool);

        list_remove(&line->of_pool);
        close(line->fd);
        free(line); /* threads that used one are the parent's */
    }
    p->idle = 0;
    pthread_mutex_unlock(&p->mutex);
}
