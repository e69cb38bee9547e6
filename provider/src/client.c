#include "client.h"

#include "blocking.h"
#include "hub.h"
#include "link.h"
#include "provider.h"
#include "wait.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What servers of one path share. */
struct endpoint {
    struct endpoint *next;
    struct hub *hub;
    struct pool *pool;
    char path[];
};

struct server {
    struct server *next;
    struct endpoint *endpoint;
    uint32_t timeout_ms;
};

/* All of the process. Members are only added, at the front. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct endpoint *endpoints;
static struct server *servers;
static bool has_fork_handlers;

static void before_fork(void)
{
    struct endpoint *e;

    pthread_mutex_lock(&mutex);
    for (e = endpoints; e != NULL; e = e->next) {
        hub_before_fork(e->hub);
        pool_before_fork(e->pool);
    }
}

static void in_parent(void)
{
    struct endpoint *e;

    for (e = endpoints; e != NULL; e = e->next) {
        pool_in_parent(e->pool);
        hub_in_parent(e->hub);
    }
    pthread_mutex_unlock(&mutex);
}

static void in_child(void)
{
    struct endpoint *e;

    wait_in_child();
    for (e = endpoints; e != NULL; e = e->next) {
        pool_in_child(e->pool);
        hub_in_child(e->hub);
    }
    pthread_mutex_unlock(&mutex);
}

/* When the module is loaded no thread can have the mutex yet. */
__attribute__((constructor)) static void handle_forks(void)
{
    has_fork_handlers = pthread_atfork(before_fork, in_parent, in_child) == 0;
}

static struct endpoint *get_endpoint(const char *path)
{
    struct endpoint *e = endpoints;

    while (e != NULL && strcmp(e->path, path) != 0)
        e = e->next;
    if (e != NULL || (e = malloc(sizeof(*e) + strlen(path) + 1)) == NULL)
        return e;
    strcpy(e->path, path);
    e->hub = hub_new(e->path);
    e->pool = pool_new(e->path);
    if (e->hub == NULL || e->pool == NULL) {
        free(e->hub);
        free(e->pool);
        free(e);
        return NULL;
    }
    e->next = endpoints;
    return endpoints = e;
}

static struct server *get_server(const char *path, uint32_t timeout_ms)
{
    struct endpoint *e = get_endpoint(path);
    struct server *s = servers;

    while (s != NULL && (s->endpoint != e || s->timeout_ms != timeout_ms))
        s = s->next;
    if (e == NULL || s != NULL || (s = malloc(sizeof(*s))) == NULL)
        return e == NULL ? NULL : s;
    *s = (struct server){ .next = servers, .endpoint = e, .timeout_ms = timeout_ms };
    return servers = s;
}

struct server *server_get(const char *path, uint32_t timeout_ms)
{
    struct server *s;

    if (!link_path_fits(path) || timeout_ms == 0) {
        errno = EINVAL;
        return NULL;
    }
    pthread_mutex_lock(&mutex);
    s = has_fork_handlers ? get_server(path, timeout_ms) : NULL;
    pthread_mutex_unlock(&mutex);
    if (s == NULL)
        errno = ENOMEM;
    return s;
}

const char *server_path(const struct server *s) { return s->endpoint->path; }

uint32_t server_timeout(const struct server *s) { return s->timeout_ms; }

void server_begin(struct server *s) { hub_begin(s->endpoint->hub); }

/* Makes a sentence of the text of our own statuses. */
static void explain(const struct server *s, struct answer *a)
{
    const char *path = s->endpoint->path, *colon = a->text[0] == '\0' ? "" : ": ";
    char reason[301], *p = a->text; /* leaves room for a path */
    size_t n = sizeof(a->text);

    snprintf(reason, sizeof(reason), "%.300s", a->text);
    if (a->status == ASK_NO_SERVER)
        snprintf(p, n, "key server at %s does not answer (tried for %u ms)%s%s", path, s->timeout_ms, colon, reason);
    else if (a->status == ASK_EXPIRED)
        snprintf(p, n, "key server at %s has not answered within %u ms%s%s", path, s->timeout_ms, colon, reason);
    else if (a->status == ASK_MALFORMED)
        snprintf(p, n, "key server at %s breaks the protocol", path);
    else if (a->status == ASK_MEMORY)
        snprintf(p, n, "no memory, file descriptor or thread for a request to the key server at %s", path);
}

void ask(const struct provider *p, const struct request *request, struct answer *answer)
{
    const struct server *s = p->server;
    const struct libcrypto *l = &p->libcrypto;
    ASYNC_JOB *job = l->ASYNC_get_current_job();
    ASYNC_WAIT_CTX *ctx = job == NULL ? NULL : l->ASYNC_get_wait_ctx(job);

    *answer = (struct answer){ .status = ASK_BAD };
    if (!request_fits(request)) {
        snprintf(answer->text, sizeof(answer->text), "a message of %zu bytes, or a key's name, is too long for a key server",
                 request->size);
        return;
    }
    if (ctx == NULL) {
        blocking_ask(s->endpoint->pool, request, s->timeout_ms, answer);
    } else if (!hub_ask(s->endpoint->hub, l, ctx, request, s->timeout_ms, answer)) {
        blocking_ask(s->endpoint->pool, request, s->timeout_ms, answer);
        l->ASYNC_WAIT_CTX_set_status(ctx, answer->status < ASK_NO_SERVER ? ASYNC_STATUS_OK : ASYNC_STATUS_ERR);
    }
    explain(s, answer);
}
