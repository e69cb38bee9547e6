#!/bin/bash
# OpenSSL: asking whether a provider is available changes which provider serves the next fetch.
#
# Software    OpenSSL 3.0.22 (Debian's libssl3 3.0.22-1~deb12u2), OSSL_PROVIDER_available,
#             EVP_MD_fetch
# Best guess  of two providers that offer SHA-384 the one loaded first serves it, and a function
#             that only answers yes or no changes nothing
# Seen        "default" is loaded first and serves; after one OSSL_PROVIDER_available(ctx,
#             "default") a provider called "aaa", loaded second, serves. The look-up sorts the
#             context's providers by name, for good. One called "zzz" never comes first.
# Matters to  providers of wrapped and remote keys: whether they also have to verify, to hash and
#             to import public keys depends on their name and on what else the program has looked
#             up. Offer nothing that is not meant to replace the default's, or choose by
#             property.
source "$(dirname "$0")/common.bash"
debian libssl3=3.0.22-1~deb12u2 libssl-dev=3.0.22-1~deb12u2

cat >program.c <<'END'
#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <stdio.h>
#include <stdlib.h>

/* A provider of a SHA-384 that can be fetched; nobody computes with it. */
static void *new_digest(void *provider)
{
    return provider;
}
static void free_digest(void *digest)
{
}
static int init(void *digest, const OSSL_PARAM params[])
{
    return 1;
}
static int update(void *digest, const unsigned char *in, size_t n)
{
    return 1;
}
static int final(void *digest, unsigned char *out, size_t *n, size_t size)
{
    return 0;
}
static int get_params(OSSL_PARAM params[])
{
    return 1;
}

#define FUNCTION(id, f) { id, (void (*)(void))f }
static const OSSL_DISPATCH sha384[] = {
    FUNCTION(OSSL_FUNC_DIGEST_NEWCTX, new_digest),
    FUNCTION(OSSL_FUNC_DIGEST_FREECTX, free_digest),
    FUNCTION(OSSL_FUNC_DIGEST_INIT, init),
    FUNCTION(OSSL_FUNC_DIGEST_UPDATE, update),
    FUNCTION(OSSL_FUNC_DIGEST_FINAL, final),
    FUNCTION(OSSL_FUNC_DIGEST_GET_PARAMS, get_params),
    { 0, NULL },
};
static const OSSL_ALGORITHM digests[] = {
    { "SHA2-384:SHA-384:SHA384", "provider=second", sha384 },
    { NULL },
};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
    *no_cache = 0;
    return operation == OSSL_OP_DIGEST ? digests : NULL;
}
static const OSSL_DISPATCH functions[] = {
    FUNCTION(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
    { 0, NULL },
};

static int provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in,
                         const OSSL_DISPATCH **out, void **provider)
{
    *out = functions;
    *provider = (void *)core;
    return 1;
}

static void try(const char *second, int ask)
{
    OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();
    EVP_MD *md;

    OSSL_PROVIDER_add_builtin(ctx, second, provider_init);
    if (OSSL_PROVIDER_load(ctx, "default") == NULL || OSSL_PROVIDER_load(ctx, second) == NULL)
        exit(3);
    printf("default, %s%s", second, ask ? ", asked for default" : "");
    if (ask)
        printf(" (%s)", OSSL_PROVIDER_available(ctx, "default") ? "available" : "not available");
    md = EVP_MD_fetch(ctx, "SHA384", NULL);
    printf(": SHA384 is from %s\n",
           md ? OSSL_PROVIDER_get0_name(EVP_MD_get0_provider(md)) : "nobody");
}

int main(void)
{
    printf("OpenSSL %s\n", OpenSSL_version(OPENSSL_VERSION_STRING));
    try("aaa", 0);
    try("aaa", 1);
    try("zzz", 0);
    try("zzz", 1);
    return 0;
}
END
openssl_program program.c
./program >seen

expect "OSSL_PROVIDER_available moves a provider whose name sorts before \"default\" to the front" <<'END'
OpenSSL 3.0.22
default, aaa: SHA384 is from default
default, aaa, asked for default (available): SHA384 is from aaa
default, zzz: SHA384 is from default
default, zzz, asked for default (available): SHA384 is from default
END
