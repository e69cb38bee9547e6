/*
 * TLS handshakes through libssl's asynchronous mode, the server's key in the test's engine, eight
 * connections at once.
 *
 *     with_tls ENGINE CERT KEY 1.2|1.3 fd|callback HANDSHAKES
 *
 * It prints the number of handshakes, and how often the server had to wait. With wait fds it
 * follows the changes, as an event loop does; with callbacks it sleeps until one was called.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/async.h>
#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "check.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>

#define CONNECTIONS 8

struct connection {
    SSL *client, *server;
    int waiting; /* for the engine */
    int woken;   /* a callback sets it, with the lock held */
    int fd;      /* the wait fd, from the changes */
    int client_done, server_done;
};

static struct connection all[CONNECTIONS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wakes = PTHREAD_COND_INITIALIZER;
static long waits, callbacks;
static int by_callback;
static SSL_CTX *client_ctx, *server_ctx;

static void die(const char *operation)
{
    fprintf(stderr, "with_tls: %s\n", operation);
    ERR_print_errors_fp(stderr);
    exit(1);
}

/* The engine's thread calls it. */
static int wake(SSL *ssl, void *arg)
{
    struct connection *c = arg;

    (void)ssl;
    pthread_mutex_lock(&lock);
    c->woken = 1;
    callbacks++;
    pthread_cond_signal(&wakes);
    pthread_mutex_unlock(&lock);
    return 1;
}

static void open_connection(struct connection *c)
{
    BIO *mine, *theirs;

    *c = (struct connection){ .client = SSL_new(client_ctx), .server = SSL_new(server_ctx), .fd = -1 };
    if (c->client == NULL || c->server == NULL || !BIO_new_bio_pair(&mine, 0, &theirs, 0))
        die("SSL_new");
    SSL_set_bio(c->client, mine, mine);
    SSL_set_bio(c->server, theirs, theirs);
    SSL_set_connect_state(c->client);
    SSL_set_accept_state(c->server);
    if (by_callback && (!SSL_set_async_callback(c->server, wake) || !SSL_set_async_callback_arg(c->server, c)))
        die("SSL_set_async_callback");
}

static void follow_fds(struct connection *c)
{
    size_t added = 0, deleted = 0;
    OSSL_ASYNC_FD add[4], del[4];

    CHECK(SSL_get_changed_async_fds(c->server, NULL, &added, NULL, &deleted) == 1 && added <= 1 && deleted == 0);
    CHECK(SSL_get_changed_async_fds(c->server, add, &added, del, &deleted) == 1);
    if (added == 1)
        c->fd = add[0];
    CHECK(c->fd >= 0); /* the engine's fd stays the same */
}

/* Continues both sides, and returns whether the connection is done. */
static int step(struct connection *c)
{
    char byte = 'x';
    int n;

    if (!c->client_done) {
        n = SSL_do_handshake(c->client);
        c->client_done = n == 1 && SSL_write(c->client, "hello", 5) == 5;
        if (n != 1 && SSL_get_error(c->client, n) != SSL_ERROR_WANT_READ)
            die("client");
    }
    if (!c->waiting && !c->server_done) {
        n = SSL_read(c->server, &byte, 1); /* also makes the handshake */
        c->server_done = n == 1 && byte == 'h';
        switch (n == 1 ? SSL_ERROR_NONE : SSL_get_error(c->server, n)) {
        case SSL_ERROR_NONE:
        case SSL_ERROR_WANT_READ:
            break;
        case SSL_ERROR_WANT_ASYNC:
            waits++;
            c->waiting = 1;
            if (!by_callback)
                follow_fds(c);
            break;
        default:
            die("server");
        }
    }
    return c->client_done && c->server_done;
}

/* Collects wakes; if all connections wait for the engine, blocks until there is one. */
static void wait_for_wakes(void)
{
    struct pollfd fds[CONNECTIONS];
    int waiting = 0, woken = 0;

    for (int i = 0; i < CONNECTIONS; i++)
        waiting += all[i].waiting;
    if (!by_callback) {
        for (int i = 0; i < CONNECTIONS; i++)
            fds[i] = (struct pollfd){ .fd = all[i].waiting ? all[i].fd : -1, .events = POLLIN };
        CHECK(poll(fds, CONNECTIONS, waiting == CONNECTIONS ? -1 : 0) > 0 || waiting < CONNECTIONS);
        for (int i = 0; i < CONNECTIONS; i++)
            if (fds[i].revents != 0)
                all[i].waiting = 0;
        return;
    }
    pthread_mutex_lock(&lock);
    do {
        for (int i = 0; i < CONNECTIONS; i++)
            if (all[i].woken) {
                woken++;
                all[i].woken = all[i].waiting = 0;
            }
    } while (woken == 0 && waiting == CONNECTIONS && pthread_cond_wait(&wakes, &lock) == 0);
    pthread_mutex_unlock(&lock);
}

static void close_connection(struct connection *c)
{
    SSL_free(c->client);
    SSL_free(c->server);
}

int main(int argc, char **argv)
{
    long done = 0, want;
    ENGINE *e;
    int version;

    CHECK(argc == 7);
    version = strcmp(argv[4], "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
    by_callback = strcmp(argv[5], "callback") == 0;
    want = atol(argv[6]);
    if ((e = ENGINE_by_id("dynamic")) == NULL || !ENGINE_ctrl_cmd_string(e, "SO_PATH", argv[1], 0)
        || !ENGINE_ctrl_cmd_string(e, "LOAD", NULL, 0) || !ENGINE_init(e) || !ENGINE_set_default(e, ENGINE_METHOD_ALL))
        die("the engine");
    client_ctx = SSL_CTX_new(TLS_client_method());
    server_ctx = SSL_CTX_new(TLS_server_method());
    if (!SSL_CTX_set_min_proto_version(server_ctx, version) || !SSL_CTX_set_max_proto_version(server_ctx, version)
        || SSL_CTX_use_certificate_file(server_ctx, argv[2], SSL_FILETYPE_PEM) != 1
        || SSL_CTX_use_PrivateKey_file(server_ctx, argv[3], SSL_FILETYPE_PEM) != 1)
        die("the server's context");
    SSL_CTX_set_mode(server_ctx, SSL_MODE_ASYNC);
    SSL_CTX_set_session_cache_mode(server_ctx, SSL_SESS_CACHE_OFF);
    for (int i = 0; i < CONNECTIONS; i++)
        open_connection(&all[i]);
    while (done < want) {
        for (int i = 0; i < CONNECTIONS; i++)
            if (step(&all[i])) {
                done++;
                close_connection(&all[i]);
                open_connection(&all[i]);
            }
        wait_for_wakes();
    }
    /* The engine may still write to the stacks of unfinished jobs. */
    for (int i = 0; i < CONNECTIONS; i++) {
        while (!step(&all[i]))
            wait_for_wakes();
        close_connection(&all[i]);
    }
    printf("%ld handshakes, %ld waits, %s\n", done, waits, callbacks > 0 ? "by callback" : "by fd");
    ASYNC_cleanup_thread();
    return 0;
}
