/*
 * A key server in a thread of the test, which does wrong what the test wants. Its signature of data
 * is fake_sign's. All functions may be called on any thread; those that a test gives it are called on
 * the server's thread, with its mutex.
 */
#ifndef FAKE_H
#define FAKE_H

#include "../../cabi/test/check.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { FAKE_CONNECTIONS = 64, FAKE_HELD = 8192, FAKE_INBOX = 80 << 10 };

struct fake_request {
    int fd; /* of its connection */
    uint64_t id;
    uint8_t op;
    uint32_t timeout;
    const uint8_t *data; /* valid during on_request */
    size_t size;
    uint8_t signature[128]; /* of data that is no longer */
};

struct fake {
    char path[108];
    uint32_t limit; /* of its hello */
    /* Called for each connection; reports whether to send the usual hello. NULL: send it. */
    bool (*on_connection)(struct fake *f, int fd);
    /* Called for each request. NULL: sign. */
    void (*on_request)(struct fake *f, const struct fake_request *r);

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t thread;
    int listener, poke;
    bool ends, deaf; /* deaf: reads nothing */
    unsigned connections, requests; /* so far */
    unsigned under_way, most; /* requests without an answer; the most at once */
    struct {
        int fd;
        bool greeted;
        size_t have;
        uint8_t *in;
    } open[FAKE_CONNECTIONS];
    size_t held;
    struct fake_request *hold; /* the requests that fake_hold keeps */
};

/* Data of at most 128 bytes has a signature of its own. */
static inline void fake_sign(uint8_t *signature, const uint8_t *data, size_t size)
{
    size_t i;

    for (i = 0; i < size && i < 128; i++)
        signature[i] = data[size - 1 - i] ^ 0xa5;
}

static inline uint64_t fake_number(const uint8_t *from, size_t size)
{
    uint64_t n = 0;

    for (; size > 0; size--)
        n = n << 8 | *from++;
    return n;
}

/* A client that has gone is no error. */
static inline void fake_write(int fd, const void *bytes, size_t size)
{
    const char *from = bytes;

    while (size > 0) {
        ssize_t n = send(fd, from, size, MSG_NOSIGNAL);

        if (n <= 0)
            return;
        from += n;
        size -= (size_t)n;
    }
}

static inline void fake_answer(int fd, uint64_t id, uint8_t status, const void *data, size_t size)
{
    uint8_t frame[4 + 9 + 1024] = { 0, 0, (uint8_t)((size + 9) >> 8), (uint8_t)(size + 9) };
    int i;

    CHECK(size <= 1024);
    for (i = 0; i < 8; i++)
        frame[4 + i] = (uint8_t)(id >> (56 - 8 * i));
    frame[12] = status;
    if (size > 0)
        memcpy(frame + 13, data, size);
    fake_write(fd, frame, size + 13);
}

static inline void fake_refuse(struct fake *f, const struct fake_request *r, uint8_t status, const char *text)
{
    f->under_way--;
    fake_answer(r->fd, r->id, status, text, strlen(text));
}

static inline void fake_sign_request(struct fake *f, const struct fake_request *r)
{
    f->under_way--;
    fake_answer(r->fd, r->id, 0, r->signature, r->size < sizeof(r->signature) ? r->size : sizeof(r->signature));
}

/* An on_request that keeps the requests until fake_release. */
static inline void fake_hold(struct fake *f, const struct fake_request *r)
{
    CHECK(f->held < FAKE_HELD);
    f->hold[f->held++] = *r;
}

static inline void fake_hello(struct fake *f, int fd)
{
    uint8_t hello[] = { 0, 0, 0, 16, 'A', 'K', 'S', 'P', 0, 1, 0, 1, 0, 1, 0x10, 0, (uint8_t)(f->limit >> 24),
                        (uint8_t)(f->limit >> 16), (uint8_t)(f->limit >> 8), (uint8_t)f->limit };

    fake_write(fd, hello, sizeof(hello));
}

static inline void fake_handle(struct fake *f, int fd, const uint8_t *body, size_t size)
{
    struct fake_request r = { .fd = fd };
    size_t head;

    CHECK(size >= 60);
    head = 60 + (size_t)body[14] + body[15];
    CHECK(size >= head);
    r.id = fake_number(body, 8);
    r.op = body[8];
    r.timeout = (uint32_t)fake_number(body + 16, 4);
    r.data = body + head;
    r.size = size - head;
    fake_sign(r.signature, r.data, r.size);
    CHECK(r.id != 0 && r.timeout != 0);
    f->requests++;
    if (++f->under_way > f->most)
        f->most = f->under_way;
    if (f->on_request != NULL)
        f->on_request(f, &r);
    else
        fake_sign_request(f, &r);
}

static inline void fake_close(struct fake *f, size_t i)
{
    size_t h;

    for (h = 0; h < f->held; h++) { /* nobody waits for their answers */
        if (f->hold[h].fd == f->open[i].fd)
            f->hold[h].fd = -1;
    }
    close(f->open[i].fd);
    f->open[i].fd = -1;
    free(f->open[i].in);
}

static inline void fake_accept(struct fake *f)
{
    int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
    size_t i = 0;

    if (fd < 0)
        return;
    while (f->open[i].fd >= 0)
        CHECK(++i < FAKE_CONNECTIONS);
    f->open[i].fd = fd;
    f->open[i].greeted = false;
    f->open[i].have = 0;
    CHECK((f->open[i].in = malloc(FAKE_INBOX)) != NULL);
    f->connections++;
    if (f->on_connection == NULL || f->on_connection(f, fd))
        fake_hello(f, fd);
}

static inline void fake_read(struct fake *f, size_t i)
{
    uint8_t *in = f->open[i].in;
    ssize_t n = recv(f->open[i].fd, in + f->open[i].have, FAKE_INBOX - f->open[i].have, MSG_DONTWAIT);
    size_t at = 0, size;

    if (n <= 0) {
        fake_close(f, i);
        return;
    }
    f->open[i].have += (size_t)n;
    while (f->open[i].have - at >= 4 && f->open[i].have - at >= 4 + (size = fake_number(in + at, 4))) {
        if (f->open[i].greeted)
            fake_handle(f, f->open[i].fd, in + at + 4, size);
        else
            CHECK(size == 16 && memcmp(in + at + 4, "AKSP\0\1\0\1\0\0\x80\0\0\0\0\0", 16) == 0);
        f->open[i].greeted = true;
        at += 4 + size;
    }
    memmove(in, in + at, f->open[i].have - at);
    f->open[i].have -= at;
}

static inline void *fake_run(void *fake)
{
    struct fake *f = fake;

    pthread_mutex_lock(&f->mutex);
    while (!f->ends) {
        struct pollfd p[FAKE_CONNECTIONS + 2];
        size_t i;

        for (i = 0; i < FAKE_CONNECTIONS; i++)
            p[i] = (struct pollfd){ .fd = f->deaf ? -1 : f->open[i].fd, .events = POLLIN };
        p[i] = (struct pollfd){ .fd = f->deaf ? -1 : f->listener, .events = POLLIN };
        p[i + 1] = (struct pollfd){ .fd = f->poke, .events = POLLIN };
        pthread_cond_broadcast(&f->changed);
        pthread_mutex_unlock(&f->mutex);
        poll(p, FAKE_CONNECTIONS + 2, -1);
        pthread_mutex_lock(&f->mutex);
        if (p[i + 1].revents != 0) {
            CHECK(eventfd_read(f->poke, &(eventfd_t){ 0 }) == 0);
            continue; /* all may have changed */
        }
        if (p[i].revents != 0 && p[i].fd == f->listener)
            fake_accept(f);
        for (i = 0; i < FAKE_CONNECTIONS; i++) {
            if (p[i].revents != 0 && p[i].fd == f->open[i].fd)
                fake_read(f, i);
        }
    }
    pthread_mutex_unlock(&f->mutex);
    return NULL;
}

static inline void fake_poke(struct fake *f) { CHECK(eventfd_write(f->poke, 1) == 0); }

/* Listens, or listens again. */
static inline void fake_listen(struct fake *f)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    pthread_mutex_lock(&f->mutex);
    memcpy(address.sun_path, f->path, sizeof(f->path));
    CHECK((f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) >= 0);
    CHECK(bind(f->listener, (struct sockaddr *)&address, sizeof(address)) == 0);
    CHECK(listen(f->listener, 64) == 0);
    pthread_mutex_unlock(&f->mutex);
    fake_poke(f);
}

/* Closes the connections, and, as a killed server, stops listening. */
static inline void fake_kill(struct fake *f)
{
    size_t i;

    pthread_mutex_lock(&f->mutex);
    for (i = 0; i < FAKE_CONNECTIONS; i++) {
        if (f->open[i].fd >= 0)
            fake_close(f, i);
    }
    if (f->listener >= 0)
        close(f->listener);
    f->listener = -1;
    unlink(f->path);
    f->under_way = 0;
    f->held = 0;
    pthread_mutex_unlock(&f->mutex);
    fake_poke(f);
}

static inline void fake_start(struct fake *f)
{
    size_t i;

    memset(f, 0, sizeof(*f));
    CHECK(snprintf(f->path, sizeof(f->path), "%s/fake.XXXXXX", getenv("TMPDIR") == NULL ? P_tmpdir : getenv("TMPDIR")) < 90);
    CHECK(mkdtemp(f->path) != NULL);
    strcat(f->path, "/sock");
    f->limit = 256;
    f->listener = -1;
    for (i = 0; i < FAKE_CONNECTIONS; i++)
        f->open[i].fd = -1;
    pthread_mutex_init(&f->mutex, NULL);
    pthread_cond_init(&f->changed, NULL);
    CHECK((f->hold = malloc(FAKE_HELD * sizeof(*f->hold))) != NULL);
    CHECK((f->poke = eventfd(0, EFD_CLOEXEC)) >= 0);
    CHECK(pthread_create(&f->thread, NULL, fake_run, f) == 0);
    fake_listen(f);
}

static inline void fake_end(struct fake *f)
{
    fake_kill(f);
    pthread_mutex_lock(&f->mutex);
    f->ends = true;
    pthread_mutex_unlock(&f->mutex);
    fake_poke(f);
    CHECK(pthread_join(f->thread, NULL) == 0);
    close(f->poke);
    free(f->hold);
    *strrchr(f->path, '/') = '\0';
    CHECK(rmdir(f->path) == 0);
}

/* Changes a field. */
#define FAKE_SET(f, field, value) \
    do { \
        pthread_mutex_lock(&(f)->mutex); \
        (f)->field = (value); \
        pthread_mutex_unlock(&(f)->mutex); \
        fake_poke(f); \
    } while (0)

/* Waits until a number is at least as large. */
#define FAKE_AWAIT(f, field, number) \
    do { \
        pthread_mutex_lock(&(f)->mutex); \
        while ((f)->field < (number)) \
            pthread_cond_wait(&(f)->changed, &(f)->mutex); \
        pthread_mutex_unlock(&(f)->mutex); \
    } while (0)

/* Answers the requests that are held, the newest first, and holds no more. */
static inline void fake_release(struct fake *f)
{
    pthread_mutex_lock(&f->mutex);
    f->on_request = NULL;
    while (f->held > 0)
        fake_sign_request(f, &f->hold[--f->held]);
    pthread_mutex_unlock(&f->mutex);
}

#endif
