/* Ed25519, which signs messages and not digests, so in one call. */
#include "signature.h"

#include <openssl/core_names.h>
#include <string.h>
#include <strings.h>

/* Of OpenSSL 3.2 and newer. */
#define INSTANCE "instance"
#define CONTEXT_STRING "context-string"

#ifndef OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT /* of OpenSSL 3.4 and newer */
# define OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT 27
#endif

static bool refuse_digest(const struct signature *s)
{
    RAISE(s->provider, REASON_DIGEST, "Ed25519 signs messages as they are: no digest may be chosen");
    return false;
}

/* RFC 8032 has two more instances of the curve, Ed25519ph and Ed25519ctx. */
static bool set(struct signature *s, const OSSL_PARAM params[])
{
    const OSSL_PARAM *instance = param_find(params, INSTANCE), *context = param_find(params, CONTEXT_STRING);
    char name[16];

    if (s->digest != NULL) {
        s->digest = NULL;
        return refuse_digest(s);
    }
    if (instance != NULL && (!param_get_text(instance, name, sizeof name) || strcasecmp(name, "Ed25519") != 0)) {
        RAISE(s->provider, REASON_PARAMETER, "the provider signs as Ed25519, and not as Ed25519ph or Ed25519ctx");
        return false;
    }
    if (context != NULL && context->data_size > 0) {
        RAISE(s->provider, REASON_PARAMETER, "the provider signs as Ed25519, which has no context string");
        return false;
    }
    return true;
}

static bool get(const struct signature *s, OSSL_PARAM params[])
{
    (void)s;
    (void)params;
    return true;
}

static bool identify(const struct signature *s, struct algorithm *a)
{
    (void)s;
    algorithm_ed25519(a);
    return true;
}

static bool complete(const struct signature *s, struct request *r)
{
    (void)s;
    r->message = true;
    return true;
}

static const struct scheme scheme = { "ED25519", true, set, get, identify, complete };

static void *new(void *provider, const char *properties)
{
    (void)properties;
    return signature_new(provider, &scheme);
}

/* Before OpenSSL 3.4, a table with OSSL_FUNC_SIGNATURE_SIGN must have this, too. */
static int sign_init(void *ctx, void *key, const OSSL_PARAM params[])
{
    (void)key;
    (void)params;
    return refuse_digest(ctx);
}

static int digest_sign_init(void *ctx, const char *digest, void *key, const OSSL_PARAM params[])
{
    struct signature *s = ctx;

    if (!signature_sign_init(s, key, params))
        return 0;
    if (digest == NULL || digest[0] == '\0')
        return 1;
    s->state = SIGNATURE_NOT_READY;
    return refuse_digest(s);
}

static const OSSL_PARAM *gettable(void *ctx, void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)ctx;
    (void)provider;
    return params;
}

static const OSSL_PARAM *settable(void *ctx, void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(INSTANCE, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)ctx;
    (void)provider;
    return params;
}

const OSSL_DISPATCH signature_ed25519[] = {
    { OSSL_FUNC_SIGNATURE_NEWCTX, FUNCTION(new) },
    SIGNATURE_FUNCTIONS,
    { OSSL_FUNC_SIGNATURE_SIGN_INIT, FUNCTION(sign_init) },
    { OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT, FUNCTION(signature_sign_init) },
    { OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, FUNCTION(digest_sign_init) },
    { OSSL_FUNC_SIGNATURE_DIGEST_SIGN, FUNCTION(signature_sign) },
    { OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, FUNCTION(gettable) },
    { OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, FUNCTION(settable) },
    { 0, NULL },
};
