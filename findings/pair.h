/*
 * A TLS server in asynchronous mode and its client, joined in memory, for the findings about
 * OpenSSL.
 *
 * libssl runs each call of the server in a job. The job pauses once, when the server has read the
 * header of a record of the content type `pause_at`. An engine or a provider pauses in the same
 * way; a message callback needs neither.
 */
#include <openssl/async.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int pause_at;                   /* content type of the record to pause at; 0: none */
static void (*at_pause)(ASYNC_JOB *);  /* called in the job before it pauses; may be NULL */

static void on_message(int sent, int version, int type, const void *bytes, size_t n, SSL *ssl,
                       void *arg)
{
    const unsigned char *header = bytes; /* its first byte is the record's content type */
    ASYNC_JOB *job = ASYNC_get_current_job();

    if (sent || job == NULL || type != SSL3_RT_HEADER || header[0] != pause_at)
        return;
    pause_at = 0;
    if (at_pause != NULL)
        at_pause(job);
    ASYNC_pause_job();
}

static void must(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "%s failed\n", what);
        exit(3);
    }
}

/* make_pair makes the two ends; neither has sent anything yet. */
static void make_pair(SSL **server, SSL **client)
{
    static SSL_CTX *server_ctx, *client_ctx;
    BIO *one, *other;

    if (server_ctx == NULL) {
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509 *certificate = X509_new();

        X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
        X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
        X509_set_pubkey(certificate, key);
        must(X509_sign(certificate, key, EVP_sha256()) > 0, "X509_sign");
        server_ctx = SSL_CTX_new(TLS_server_method());
        client_ctx = SSL_CTX_new(TLS_client_method());
        must(SSL_CTX_use_certificate(server_ctx, certificate) == 1, "SSL_CTX_use_certificate");
        must(SSL_CTX_use_PrivateKey(server_ctx, key) == 1, "SSL_CTX_use_PrivateKey");
        SSL_CTX_set_mode(server_ctx, SSL_MODE_ASYNC);
        SSL_CTX_set_msg_callback(server_ctx, on_message);
    }
    *server = SSL_new(server_ctx);
    *client = SSL_new(client_ctx);
    must(BIO_new_bio_pair(&one, 0, &other, 0), "BIO_new_bio_pair");
    SSL_set_bio(*server, one, one);
    SSL_set_bio(*client, other, other);
    SSL_set_accept_state(*server);
    SSL_set_connect_state(*client);
}

/* handshake brings both ends to the end of the handshake. */
__attribute__((unused)) static void handshake(SSL *server, SSL *client)
{
    int turn, ready, both = 0;

    for (turn = 0; turn < 20 && !both; turn++) {
        ready = SSL_do_handshake(client) == 1;
        both = SSL_do_handshake(server) == 1 && ready;
    }
    must(both, "the handshake");
}

/* outcome names what a call that returned n means. */
static const char *outcome(SSL *ssl, int n)
{
    switch (SSL_get_error(ssl, n)) {
    case SSL_ERROR_NONE:
        return "done";
    case SSL_ERROR_WANT_READ:
        return "SSL_ERROR_WANT_READ";
    case SSL_ERROR_WANT_ASYNC:
        return "SSL_ERROR_WANT_ASYNC";
    case SSL_ERROR_WANT_ASYNC_JOB:
        return "SSL_ERROR_WANT_ASYNC_JOB";
    default:
        return "another error";
    }
}
