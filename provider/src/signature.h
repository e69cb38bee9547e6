/*
 * Signatures by a key server: contexts of OpenSSL's operation SIGNATURE. This file has the
 * parts of all kinds of keys, and signature_KIND.c those of one. Nothing here verifies.
 *
 * A digest of a long message is computed by the providers of the library context, as its default
 * properties say. No function takes parameters of the digest: those that key servers know have none
 * but SSL 3's. The whole algorithms of OpenSSL 3.4, such as RSA-SHA256, are not offered: a program
 * that fetches one gets OpenSSL's own, which refuses the key of a handle.
 */
#ifndef AP_SIGNATURE_H
#define AP_SIGNATURE_H

#include "algorithm.h"
#include "client.h"
#include "digest.h"
#include "key.h"
#include "message.h"
#include "params.h"
#include "provider.h"

#include <openssl/rsa.h>

#ifndef RSA_PSS_SALTLEN_AUTO_DIGEST_MAX /* of OpenSSL 3.1 and newer */
# define RSA_PSS_SALTLEN_AUTO_DIGEST_MAX -4
#endif

struct signature;

/* A kind of keys. Its functions that fail raise an error and return false. */
struct scheme {
    const char *key_type; /* see key.h */
    bool exact;           /* all signatures of a key are equally long */
    bool (*set)(struct signature *s, const OSSL_PARAM params[]);
    bool (*get)(const struct signature *s, OSSL_PARAM params[]);
    bool (*identify)(const struct signature *s, struct algorithm *a); /* leaves a empty if there is none */
    bool (*complete)(const struct signature *s, struct request *r);   /* hash, padding, salt */
};

enum signature_state {
    SIGNATURE_NOT_READY,
    SIGNATURE_OF_INPUT,  /* after sign_init: of the input of sign */
    SIGNATURE_OF_MESSAGE /* after digest_sign_init: of a message */
};

struct signature {
    const struct provider *provider;
    const struct scheme *scheme;
    struct key *key; /* NULL until an init */
    enum signature_state state;
    struct message message;
    const struct digest *digest; /* NULL: none is known */
    /* RSA: */
    bool pss;                  /* else PKCS #1 v1.5 */
    int salt;                  /* of PSS: a length in bytes, or RSA_PSS_SALTLEN_..., which are below 0 */
    const struct digest *mgf1; /* NULL: as digest */
};

/* Makes a context, for the functions of a kind. */
void *signature_new(const struct provider *provider, const struct scheme *scheme);

/* The rows that all tables of functions have: from the second to the last. */
#define SIGNATURE_FUNCTIONS \
    { OSSL_FUNC_SIGNATURE_FREECTX, FUNCTION(signature_free) }, \
    { OSSL_FUNC_SIGNATURE_DUPCTX, FUNCTION(signature_dup) }, \
    { OSSL_FUNC_SIGNATURE_SIGN, FUNCTION(signature_sign) }, \
    { OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, FUNCTION(signature_get_params) }, \
    { OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, FUNCTION(signature_set_params) }
OSSL_FUNC_signature_freectx_fn signature_free;
OSSL_FUNC_signature_dupctx_fn signature_dup;
OSSL_FUNC_signature_sign_fn signature_sign;
OSSL_FUNC_signature_get_ctx_params_fn signature_get_params;
OSSL_FUNC_signature_set_ctx_params_fn signature_set_params;

/* The same for kinds that have digests. */
#define SIGNATURE_DIGEST_FUNCTIONS \
    { OSSL_FUNC_SIGNATURE_SIGN_INIT, FUNCTION(signature_sign_init) }, \
    { OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, FUNCTION(signature_digest_sign_init) }, \
    { OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, FUNCTION(signature_digest_sign_update) }, \
    { OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, FUNCTION(signature_digest_sign_final) }, \
    { OSSL_FUNC_SIGNATURE_DIGEST_SIGN, FUNCTION(signature_digest_sign) }
OSSL_FUNC_signature_sign_init_fn signature_sign_init;
OSSL_FUNC_signature_digest_sign_init_fn signature_digest_sign_init;
OSSL_FUNC_signature_digest_sign_update_fn signature_digest_sign_update;
OSSL_FUNC_signature_digest_sign_final_fn signature_digest_sign_final;
OSSL_FUNC_signature_digest_sign_fn signature_digest_sign;

/* Sets *d to the digest that the parameter of that name tells, if there is one. */
bool signature_take_digest(const struct signature *s, const OSSL_PARAM params[], const char *name,
                           const struct digest **d);

/* Answers a request for a digest's name. */
bool signature_give_digest(OSSL_PARAM params[], const char *name, const struct digest *d);

extern const OSSL_DISPATCH signature_rsa[], signature_ecdsa[], signature_ed25519[];

#endif
