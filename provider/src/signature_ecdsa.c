/* ECDSA on P-256, P-384 and P-521. */
#include "signature.h"

#include <openssl/core_names.h>

/* Of OpenSSL 3.2 and newer: 1 asks for the nonces of RFC 6979. A key server chooses them itself. */
#define NONCE_TYPE "nonce-type"

static bool set(struct signature *s, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p = param_find(params, NONCE_TYPE);
    int type;

    if (p == NULL || (param_get_int(p, &type) && type == 0))
        return true;
    RAISE(s->provider, REASON_PARAMETER, "key servers do not let a program choose how the nonce is made");
    return false;
}

static bool get(const struct signature *s, OSSL_PARAM params[])
{
    return param_set_int(params, OSSL_SIGNATURE_PARAM_DIGEST_SIZE, s->digest == NULL ? 0 : s->digest->size);
}

static bool identify(const struct signature *s, struct algorithm *a)
{
    if (s->digest != NULL)
        algorithm_ecdsa(a, s->digest);
    return true;
}

/*
 * The name of the digest does not enter into the signature. So a digest without a name is signed
 * as one of its length.
 */
static bool complete(const struct signature *s, struct request *r)
{
    const struct digest *d = s->digest != NULL ? s->digest : digest_of_size(r->size);

    if (d == NULL) {
        RAISE(s->provider, REASON_DIGEST_SIZE, "%zu bytes, which no digest has that key servers sign", r->size);
        return false;
    }
    r->hash = d->number;
    return true;
}

static const struct scheme scheme = { "EC", false, set, get, identify, complete };

static void *new(void *provider, const char *properties)
{
    (void)properties;
    return signature_new(provider, &scheme);
}

static const OSSL_PARAM *gettable(void *ctx, void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_size_t(OSSL_SIGNATURE_PARAM_DIGEST_SIZE, NULL),
        OSSL_PARAM_END,
    };

    (void)ctx;
    (void)provider;
    return params;
}

static const OSSL_PARAM *settable(void *ctx, void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)ctx;
    (void)provider;
    return params;
}

const OSSL_DISPATCH signature_ecdsa[] = {
    { OSSL_FUNC_SIGNATURE_NEWCTX, FUNCTION(new) },
    SIGNATURE_FUNCTIONS,
    SIGNATURE_DIGEST_FUNCTIONS,
    { OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, FUNCTION(gettable) },
    { OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, FUNCTION(settable) },
    { 0, NULL },
};
