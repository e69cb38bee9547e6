/*
 * The server's key of with_other_tls.c. The TLS library wants an ECDSA signature inside a
 * handshake; another thread makes it, while the job with the handshake is paused. BoringSSL and
 * AWS-LC have a callback for the server's signatures, LibreSSL and OpenSSL have methods of keys.
 */
#ifndef OTHER_KEY_H
#define OTHER_KEY_H

#include <openssl/async.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "check.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#if defined(OPENSSL_IS_BORINGSSL) || defined(OPENSSL_IS_AWSLC)
# define HAS_KEY_METHOD
#endif

static int signatures;

/* Pauses the current job until the fd is readable. */
static void wait_for(int fd);

struct task {
    int (*fn)(void *);
    void *arg;
    int fd, result;
};

static void *run_task(void *arg)
{
    struct task *t = arg;
    uint64_t one = 1;

    t->result = t->fn(t->arg);
    CHECK(write(t->fd, &one, sizeof(one)) == sizeof(one));
    return NULL;
}

/* Runs fn in another thread, and pauses the job meanwhile. */
static int elsewhere(int (*fn)(void *), void *arg)
{
    struct task t = { fn, arg, eventfd(0, EFD_CLOEXEC), 0 };
    pthread_t thread;

    CHECK(t.fd >= 0 && ASYNC_get_current_job() != NULL);
    CHECK(pthread_create(&thread, NULL, run_task, &t) == 0);
    wait_for(t.fd);
    CHECK(pthread_join(thread, NULL) == 0);
    close(t.fd);
    signatures++;
    return t.result;
}

struct signing {
    const unsigned char *in;
    size_t in_len, out_len;
    unsigned char *out;
    void *key;
};

#ifdef HAS_KEY_METHOD

static EVP_PKEY *server_key;

static int sign_message(void *arg)
{
    struct signing *s = arg;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    int ok = md != NULL && EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, s->key)
             && EVP_DigestSign(md, s->out, &s->out_len, s->in, s->in_len);

    EVP_MD_CTX_free(md);
    return ok;
}

static enum ssl_private_key_result_t sign(SSL *ssl, uint8_t *out, size_t *out_len, size_t max_out, uint16_t algorithm,
                                          const uint8_t *in, size_t in_len)
{
    struct signing s = { in, in_len, max_out, out, server_key };

    (void)ssl;
    CHECK(algorithm == SSL_SIGN_ECDSA_SECP256R1_SHA256);
    if (!elsewhere(sign_message, &s))
        return ssl_private_key_failure;
    *out_len = s.out_len;
    return ssl_private_key_success;
}

static const SSL_PRIVATE_KEY_METHOD method = { .sign = sign };

static int use_key(SSL_CTX *ctx, EVP_PKEY *key)
{
    server_key = key;
    SSL_CTX_set_private_key_method(ctx, &method);
    return 1;
}

#else

static int (*library_sign)(int, const unsigned char *, int, unsigned char *, unsigned int *, const BIGNUM *, const BIGNUM *,
                           EC_KEY *);

static int sign_digest(void *arg)
{
    struct signing *s = arg;
    unsigned int n = 0;
    int ok = library_sign(0, s->in, (int)s->in_len, s->out, &n, NULL, NULL, s->key);

    s->out_len = n;
    return ok;
}

static int sign(int type, const unsigned char *digest, int n, unsigned char *out, unsigned int *out_len, const BIGNUM *kinv,
                const BIGNUM *r, EC_KEY *key)
{
    struct signing s = { digest, (size_t)n, 0, out, key };
    int ok = elsewhere(sign_digest, &s);

    (void)type, (void)kinv, (void)r;
    *out_len = (unsigned int)s.out_len;
    return ok;
}

static int use_key(SSL_CTX *ctx, EVP_PKEY *key)
{
    EC_KEY_METHOD *m = EC_KEY_METHOD_new(EC_KEY_get_default_method());
    EC_KEY *ec = EVP_PKEY_get1_EC_KEY(key);
    EVP_PKEY *ours = EVP_PKEY_new();
    int (*setup)(EC_KEY *, BN_CTX *, BIGNUM **, BIGNUM **);
    ECDSA_SIG *(*sign_sig)(const unsigned char *, int, const BIGNUM *, const BIGNUM *, EC_KEY *);

    CHECK(m != NULL && ec != NULL && ours != NULL);
    EC_KEY_METHOD_get_sign(m, &library_sign, &setup, &sign_sig);
    EC_KEY_METHOD_set_sign(m, sign, setup, sign_sig);
    return EC_KEY_set_method(ec, m) && EVP_PKEY_set1_EC_KEY(ours, ec) && SSL_CTX_use_PrivateKey(ctx, ours);
}

#endif

#endif
