/*
 * Key management for libcrypto. There is no import: a provider that imports public keys is given
 * those of certificates to verify with, and has to do it. Export gives the public part alone, to
 * OpenSSL's own providers, which compare, print and verify with it.
 *
 * Export is asked for private parts whenever libcrypto tries an operation in another provider
 * first. It refuses without an error, since a job may pause next.
 */
#include "key.h"
#include "object.h"
#include "params.h"
#include "provider.h"

#include <openssl/core_names.h>
#include <stdlib.h>
#include <string.h>

static void *keymgmt_new(void *provider)
{
    return key_new_empty(provider);
}

static void keymgmt_free(void *key)
{
    key_release(key);
}

/* Takes over the key that decode.c or store.c hands on. */
static void *keymgmt_load(const void *reference, size_t size)
{
    struct key *k;

    if (size != sizeof k)
        return NULL;
    memcpy(&k, reference, sizeof k);
    memset((void *)reference, 0, sizeof k);
    return k;
}

/* A key never changes, so its copy is the key. */
static void *keymgmt_dup(const void *key, int selection)
{
    (void)selection;
    return key_hold((struct key *)key);
}

/* The private part counts as there: programs use the key as one that signs. */
static int keymgmt_has(const void *key, int selection)
{
    const struct key *k = key;

    return k->kind != KEY_EMPTY || (selection & OSSL_KEYMGMT_SELECT_ALL) == 0;
}

static int keymgmt_match(const void *key, const void *other, int selection)
{
    const struct key *k = key, *o = other;

    if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0)
        return bytes_equal(k->spki, o->spki);
    return k->kind == o->kind; /* the parameters of EC are the curve, others have none */
}

/* The other selections of an export ask for parts of the public key. */
static bool is_private(int selection)
{
    return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
}

static int export_rsa(const struct key *k, OSSL_CALLBACK *callback, void *argument)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, malloc(k->modulus.size), k->modulus.size),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, malloc(k->exponent.size), k->exponent.size),
        OSSL_PARAM_END,
    };
    int ok = 0;

    if (params[0].data == NULL || params[1].data == NULL)
        RAISE(k->provider, REASON_MEMORY, "no memory to export a key");
    else if (param_set_number(params, OSSL_PKEY_PARAM_RSA_N, k->modulus.data, k->modulus.size)
             && param_set_number(params, OSSL_PKEY_PARAM_RSA_E, k->exponent.data, k->exponent.size))
        ok = callback(params, argument);
    free(params[0].data);
    free(params[1].data);
    return ok;
}

static int keymgmt_export(void *key, int selection, OSSL_CALLBACK *callback, void *argument)
{
    const struct key *k = key;
    const char *group;
    const OSSL_PARAM end = OSSL_PARAM_END;
    OSSL_PARAM params[3], *p = params;

    if (k->kind == KEY_EMPTY || is_private(selection))
        return 0;
    if (k->kind == KEY_RSA)
        return export_rsa(k, callback, argument);
    if ((group = key_group(k)) != NULL)
        *p++ = (OSSL_PARAM)OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)group, strlen(group));
    if ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0)
        *p++ = (OSSL_PARAM)OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (uint8_t *)k->point.data, k->point.size);
    *p = end;
    return callback(params, argument);
}

int object_export(const void *reference, size_t size, OSSL_CALLBACK *callback, void *argument)
{
    struct key *k;

    if (size != sizeof k)
        return 0;
    memcpy(&k, reference, sizeof k);
    return keymgmt_export(k, OSSL_KEYMGMT_SELECT_PUBLIC_KEY | OSSL_KEYMGMT_SELECT_ALL_PARAMETERS, callback, argument);
}

#define NUMBER(name) OSSL_PARAM_BN(name, NULL, 0)
#define INT(name) OSSL_PARAM_int(name, NULL)
#define TEXT(name) OSSL_PARAM_utf8_string(name, NULL, 0)
#define OCTETS(name) OSSL_PARAM_octet_string(name, NULL, 0)
#define SECURITY_CATEGORY "security-category" /* of post-quantum cryptography, since OpenSSL 3.5 */
#define SIZES \
    INT(OSSL_PKEY_PARAM_BITS), INT(OSSL_PKEY_PARAM_SECURITY_BITS), INT(SECURITY_CATEGORY), \
    INT(OSSL_PKEY_PARAM_MAX_SIZE)

/* The strengths of NIST SP 800-57, part 1, table 2. */
static int security_bits(const struct key *k)
{
    if (k->kind == KEY_RSA)
        return k->bits >= 15360 ? 256 : k->bits >= 7680 ? 192 : k->bits >= 3072 ? 128 : 112;
    return k->kind == KEY_P521 ? 256 : k->bits / 2;
}

static bool set_sizes(const struct key *k, OSSL_PARAM params[])
{
    return k->kind != KEY_EMPTY && param_set_int(params, OSSL_PKEY_PARAM_BITS, k->bits)
           && param_set_int(params, OSSL_PKEY_PARAM_SECURITY_BITS, security_bits(k))
           && param_set_int(params, SECURITY_CATEGORY, 0) /* none */
           && param_set_int(params, OSSL_PKEY_PARAM_MAX_SIZE, (int)k->max_signature);
}

/* RSA */

#define RSA_PUBLIC NUMBER(OSSL_PKEY_PARAM_RSA_N), NUMBER(OSSL_PKEY_PARAM_RSA_E)

static const OSSL_PARAM rsa_exported[] = { RSA_PUBLIC, OSSL_PARAM_END };

static const OSSL_PARAM *rsa_export_types(int selection)
{
    return is_private(selection) ? NULL : rsa_exported;
}

static const OSSL_PARAM *rsa_gettable(void *provider)
{
    static const OSSL_PARAM params[] = { SIZES, TEXT(OSSL_PKEY_PARAM_DEFAULT_DIGEST), RSA_PUBLIC, OSSL_PARAM_END };

    (void)provider;
    return params;
}

static int rsa_get(void *key, OSSL_PARAM params[])
{
    const struct key *k = key;

    return set_sizes(k, params) && param_set_text(params, OSSL_PKEY_PARAM_DEFAULT_DIGEST, "SHA256")
           && param_set_number(params, OSSL_PKEY_PARAM_RSA_N, k->modulus.data, k->modulus.size)
           && param_set_number(params, OSSL_PKEY_PARAM_RSA_E, k->exponent.data, k->exponent.size);
}

static const char *rsa_operation(int operation)
{
    (void)operation;
    return "RSA";
}

/* EC */

#define EC_PUBLIC TEXT(OSSL_PKEY_PARAM_GROUP_NAME), OCTETS(OSSL_PKEY_PARAM_PUB_KEY)

static const OSSL_PARAM ec_exported[] = { EC_PUBLIC, OSSL_PARAM_END };

static const OSSL_PARAM *ec_export_types(int selection)
{
    return is_private(selection) ? NULL : ec_exported;
}

static const OSSL_PARAM *ec_gettable(void *provider)
{
    static const OSSL_PARAM params[] = {
        SIZES,
        TEXT(OSSL_PKEY_PARAM_DEFAULT_DIGEST),
        EC_PUBLIC,
        OCTETS(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY),
        NUMBER(OSSL_PKEY_PARAM_EC_PUB_X),
        NUMBER(OSSL_PKEY_PARAM_EC_PUB_Y),
        TEXT(OSSL_PKEY_PARAM_EC_ENCODING),
        TEXT(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT),
        TEXT(OSSL_PKEY_PARAM_EC_FIELD_TYPE),
        INT(OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS),
        OSSL_PARAM_END,
    };

    (void)provider;
    return params;
}

static int ec_get(void *key, OSSL_PARAM params[])
{
    const struct key *k = key;
    size_t half = k->point.size / 2;

    return set_sizes(k, params) && param_set_text(params, OSSL_PKEY_PARAM_DEFAULT_DIGEST, "SHA256")
           && param_set_text(params, OSSL_PKEY_PARAM_GROUP_NAME, key_group(k))
           && param_set_text(params, OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_GROUP)
           && param_set_text(params, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                             OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED)
           && param_set_text(params, OSSL_PKEY_PARAM_EC_FIELD_TYPE, "prime-field")
           && param_set_int(params, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, 0)
           && param_set_octets(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, k->point.data, k->point.size)
           && param_set_octets(params, OSSL_PKEY_PARAM_PUB_KEY, k->point.data, k->point.size)
           && param_set_number(params, OSSL_PKEY_PARAM_EC_PUB_X, k->point.data + 1, half)
           && param_set_number(params, OSSL_PKEY_PARAM_EC_PUB_Y, k->point.data + 1 + half, half);
}

static const char *ec_operation(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "ECDSA" : "EC";
}

/* Ed25519 */

static const OSSL_PARAM ed25519_exported[] = { OCTETS(OSSL_PKEY_PARAM_PUB_KEY), OSSL_PARAM_END };

static const OSSL_PARAM *ed25519_export_types(int selection)
{
    return is_private(selection) ? NULL : ed25519_exported;
}

static const OSSL_PARAM *ed25519_gettable(void *provider)
{
    static const OSSL_PARAM params[] = {
        SIZES, TEXT(OSSL_PKEY_PARAM_MANDATORY_DIGEST), OCTETS(OSSL_PKEY_PARAM_PUB_KEY), OSSL_PARAM_END,
    };

    (void)provider;
    return params;
}

static int ed25519_get(void *key, OSSL_PARAM params[])
{
    const struct key *k = key;

    return set_sizes(k, params) && param_set_text(params, OSSL_PKEY_PARAM_MANDATORY_DIGEST, "")
           && param_set_octets(params, OSSL_PKEY_PARAM_PUB_KEY, k->point.data, k->point.size);
}

static const char *ed25519_operation(int operation)
{
    (void)operation;
    return "ED25519";
}

#define TABLE(kind) \
    static const OSSL_DISPATCH kind##_functions[] = { \
        { OSSL_FUNC_KEYMGMT_NEW, FUNCTION(keymgmt_new) }, \
        { OSSL_FUNC_KEYMGMT_FREE, FUNCTION(keymgmt_free) }, \
        { OSSL_FUNC_KEYMGMT_LOAD, FUNCTION(keymgmt_load) }, \
        { OSSL_FUNC_KEYMGMT_DUP, FUNCTION(keymgmt_dup) }, \
        { OSSL_FUNC_KEYMGMT_HAS, FUNCTION(keymgmt_has) }, \
        { OSSL_FUNC_KEYMGMT_MATCH, FUNCTION(keymgmt_match) }, \
        { OSSL_FUNC_KEYMGMT_EXPORT, FUNCTION(keymgmt_export) }, \
        { OSSL_FUNC_KEYMGMT_EXPORT_TYPES, FUNCTION(kind##_export_types) }, \
        { OSSL_FUNC_KEYMGMT_GET_PARAMS, FUNCTION(kind##_get) }, \
        { OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, FUNCTION(kind##_gettable) }, \
        { OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, FUNCTION(kind##_operation) }, \
        { 0, NULL }, \
    }
TABLE(rsa);
TABLE(ec);
TABLE(ed25519);

const OSSL_ALGORITHM keymgmt_algorithms[] = {
    { "RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, rsa_functions, "RSA keys on a key server" },
    { "EC:id-ecPublicKey:1.2.840.10045.2.1", PROPERTIES, ec_functions, "EC keys on a key server" },
    { "ED25519:1.3.101.112", PROPERTIES, ed25519_functions, "Ed25519 keys on a key server" },
    { NULL, NULL, NULL, NULL },
};
