/*
 * Beside a TLS library without asynchronous jobs, compiled with that library's headers and our
 * <openssl/async.h>. Clients and servers are jobs of one thread, written as if they could block.
 * Where they would have to wait, inside the library's functions, their BIO pauses the job. So
 * does the server's key, while other threads sign.
 *
 *     with_other_tls CERT KEY CONNECTIONS
 *
 * It works with BoringSSL, AWS-LC and LibreSSL, and with OpenSSL for comparison.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/async.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "check.h"
#include "other_key.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SIDES 16 /* at once; clients have even numbers, servers odd ones */

struct side {
    ASYNC_WAIT_CTX *session;
    ASYNC_JOB *job;
    int is_server, fd, running;
};

static struct side all[SIDES];
static SSL_CTX *client_ctx, *server_ctx;
static int waits;

static void wait_for(int fd)
{
    ASYNC_WAIT_CTX *session = ASYNC_get_wait_ctx(ASYNC_get_current_job());

    CHECK(ASYNC_WAIT_CTX_set_wait_fd(session, &waits, fd, NULL, NULL) == 1);
    waits++;
    CHECK(ASYNC_pause_job() == 1);
    CHECK(ASYNC_WAIT_CTX_clear_fd(session, &waits) == 1);
}

static int side_fd(BIO *b) { return ((struct side *)BIO_get_data(b))->fd; }

static int bio_read(BIO *b, char *out, int n)
{
    ssize_t got;

    while ((got = recv(side_fd(b), out, (size_t)n, MSG_DONTWAIT)) < 0 && errno == EAGAIN)
        wait_for(side_fd(b));
    return (int)got;
}

/* The socket has room for a whole connection. */
static int bio_write(BIO *b, const char *in, int n) { return (int)send(side_fd(b), in, (size_t)n, MSG_DONTWAIT); }

static long bio_ctrl(BIO *b, int command, long n, void *p)
{
    (void)b, (void)n, (void)p;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method(void)
{
    static BIO_METHOD *m;

    if (m == NULL) {
        m = BIO_meth_new(BIO_TYPE_SOURCE_SINK | 100, "pauses");
        CHECK(m != NULL && BIO_meth_set_read(m, bio_read) && BIO_meth_set_write(m, bio_write) && BIO_meth_set_ctrl(m, bio_ctrl));
    }
    return m;
}

static int fail(const char *operation)
{
    fprintf(stderr, "with_other_tls: %s\n", operation);
    ERR_print_errors_fp(stderr);
    exit(1);
}

/* The function of a job: a whole connection. */
static int talk(void *arg)
{
    struct side *s = *(struct side **)arg;
    SSL *ssl = SSL_new(s->is_server ? server_ctx : client_ctx);
    BIO *b = BIO_new(bio_method());
    char text[6] = "hello";

    CHECK(ssl != NULL && b != NULL);
    BIO_set_data(b, s);
    BIO_set_init(b, 1);
    SSL_set_bio(ssl, b, b);
    if ((s->is_server ? SSL_accept(ssl) : SSL_connect(ssl)) != 1)
        fail("the handshake");
    if (!s->is_server && SSL_write(ssl, text, 5) != 5)
        fail("the client's write");
    memset(text, 0, sizeof(text));
    if (SSL_read(ssl, text, 5) != 5 || strcmp(text, "hello") != 0)
        fail("the read");
    if (s->is_server && SSL_write(ssl, text, 5) != 5)
        fail("the server's write");
    CHECK(ERR_peek_error() == 0);
    SSL_free(ssl);
    return 1;
}

static void begin(struct side *client, struct side *server)
{
    int fds[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    client->fd = fds[0], server->fd = fds[1];
    client->running = server->running = 1;
}

/* Starts a job, or resumes it if its fd is readable. */
static void step(struct side *s, int can_read)
{
    int ret = 0;

    if (!s->running || (s->job != NULL && !can_read))
        return;
    switch (ASYNC_start_job(&s->job, s->session, &ret, talk, &s, sizeof(s))) {
    case ASYNC_PAUSE:
        break;
    case ASYNC_FINISH:
        CHECK(ret == 1);
        close(s->fd);
        s->running = 0;
        break;
    default:
        CHECK(!"started");
    }
}

/* The library's error queue is not that of OpenSSL 3, so failures set errno alone. */
static void errors(void)
{
    FAILS(ASYNC_init_thread(1, 2), EINVAL);
#if defined(HAS_KEY_METHOD) || defined(LIBRESSL_VERSION_NUMBER)
    CHECK(ERR_peek_error() == 0);
#endif
    ERR_clear_error();
}

static EVP_PKEY *read_key(const char *file)
{
    BIO *b = BIO_new_file(file, "r");
    EVP_PKEY *key = b == NULL ? NULL : PEM_read_bio_PrivateKey(b, NULL, NULL, NULL);

    CHECK(key != NULL);
    BIO_free(b);
    return key;
}

int main(int argc, char **argv)
{
    int begun = 0, done = 0, want, running = 0;
    struct pollfd fds[SIDES];

    CHECK(argc == 4);
    want = atoi(argv[3]);
    errors();
    client_ctx = SSL_CTX_new(TLS_client_method());
    server_ctx = SSL_CTX_new(TLS_server_method());
    if (client_ctx == NULL || server_ctx == NULL || SSL_CTX_use_certificate_chain_file(server_ctx, argv[1]) != 1
        || !use_key(server_ctx, read_key(argv[2])))
        fail("the contexts");
    for (int i = 0; i < SIDES; i++) {
        all[i] = (struct side){ .session = ASYNC_WAIT_CTX_new(), .is_server = i % 2 };
        CHECK(all[i].session != NULL);
    }
    do {
        for (int i = 0; i < SIDES; i += 2)
            if (!all[i].running && !all[i + 1].running && begun < want) {
                begin(&all[i], &all[i + 1]);
                begun++;
            }
        for (int i = 0; i < SIDES; i++) {
            size_t n = 0;

            fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
            if (all[i].job != NULL)
                CHECK(ASYNC_WAIT_CTX_get_all_fds(all[i].session, NULL, &n) == 1 && n == 1
                      && ASYNC_WAIT_CTX_get_all_fds(all[i].session, &fds[i].fd, &n) == 1);
        }
        CHECK(poll(fds, SIDES, running == 0 ? 0 : 100) >= 0);
        running = 0;
        for (int i = 0; i < SIDES; i++) {
            int ran = all[i].running;

            step(&all[i], fds[i].revents != 0);
            running += all[i].running;
            done += ran && !all[i].running && all[i].is_server;
        }
    } while (running > 0 || begun < want);
    for (int i = 0; i < SIDES; i++)
        ASYNC_WAIT_CTX_free(all[i].session);
    ASYNC_cleanup_thread();
    printf("%s: %d connections, %d signatures, %d waits\n", OPENSSL_VERSION_TEXT, done, signatures, waits);
    return 0;
}
