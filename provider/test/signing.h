/* Shared by the tests of signatures: keys, and a look at the error queue. */
#ifndef SIGNING_H
#define SIGNING_H

#include "../../cabi/test/check.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <string.h>

/* A library context that has OpenSSL's default provider, and not ours. */
static inline OSSL_LIB_CTX *plain(void)
{
    static OSSL_LIB_CTX *c;

    if (c == NULL) {
        c = OSSL_LIB_CTX_new();
        CHECK(OSSL_PROVIDER_load(c, "default") != NULL);
    }
    return c;
}

static inline EVP_PKEY *read_key(const char *name, const char *suffix, OSSL_LIB_CTX *ctx)
{
    char path[500];
    BIO *b;
    EVP_PKEY *key;

    snprintf(path, sizeof path, "%s/%s%s", getenv("KEYS"), name, suffix);
    CHECK((b = BIO_new_file(path, "r")) != NULL);
    key = PEM_read_bio_PrivateKey_ex(b, NULL, NULL, NULL, ctx, NULL);
    BIO_free(b);
    CHECK(key != NULL);
    return key;
}

/* The key of our provider, and the same key of OpenSSL's. */
static inline EVP_PKEY *handle(const char *name) { return read_key(name, ".handle.pem", NULL); }
static inline EVP_PKEY *original(const char *name) { return read_key(name, ".pem", plain()); }

/* Reports whether the oldest error has the text, which may be its reason. Empties the queue. */
static inline int raised(const char *text)
{
    const char *data = "";
    unsigned long e = ERR_get_error_all(NULL, NULL, NULL, &data, NULL);
    const char *reason = ERR_reason_error_string(e);
    int found = e != 0 && (strstr(data, text) != NULL || (reason != NULL && strstr(reason, text) != NULL));

    if (!found)
        fprintf(stderr, "error %lx \"%s\" \"%s\", and not \"%s\"\n", e, reason == NULL ? "" : reason, data, text);
    ERR_clear_error();
    return found;
}

#endif
