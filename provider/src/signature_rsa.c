/* RSA with the paddings PKCS #1 v1.5 and PSS. */
#include "signature.h"

#include <openssl/core_names.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A word of a parameter's text, and the number of openssl/rsa.h for it. */
struct word {
    const char *word;
    int number;
};

static const struct word paddings[] = {
    { "pkcs1", RSA_PKCS1_PADDING },
    { "pss", RSA_PKCS1_PSS_PADDING },
    { "none", RSA_NO_PADDING },
    { "x931", RSA_X931_PADDING },
    { NULL, 0 },
};

static const struct word salts[] = {
    { "digest", RSA_PSS_SALTLEN_DIGEST },
    { "auto", RSA_PSS_SALTLEN_AUTO },
    { "max", RSA_PSS_SALTLEN_MAX },
    { "auto-digestmax", RSA_PSS_SALTLEN_AUTO_DIGEST_MAX },
    { NULL, 0 },
};

/* Reads a number that may be given as an integer, a word, or digits. */
static bool get_number(const OSSL_PARAM *p, const struct word *words, int *number)
{
    char text[32], *end;
    long value;

    if (p->data_type != OSSL_PARAM_UTF8_STRING)
        return param_get_int(p, number);
    if (!param_get_text(p, text, sizeof text))
        return false;
    for (; words->word != NULL; words++)
        if (strcmp(words->word, text) == 0) {
            *number = words->number;
            return true;
        }
    value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || value < INT_MIN || value > INT_MAX)
        return false;
    *number = (int)value;
    return true;
}

static const char *get_word(const struct word *words, int number)
{
    while (words->word != NULL && words->number != number)
        words++;
    return words->word;
}

static bool set_padding(struct signature *s, const OSSL_PARAM *p)
{
    int padding;

    if (!get_number(p, paddings, &padding)
        || (padding != RSA_PKCS1_PADDING && padding != RSA_PKCS1_PSS_PADDING)) {
        RAISE(s->provider, REASON_PADDING, "key servers sign with the paddings pkcs1 and pss");
        return false;
    }
    s->pss = padding == RSA_PKCS1_PSS_PADDING;
    return true;
}

static bool set_salt(struct signature *s, const OSSL_PARAM *p)
{
    int salt;

    if (!get_number(p, salts, &salt) || salt < RSA_PSS_SALTLEN_AUTO_DIGEST_MAX || salt > UINT16_MAX) {
        RAISE(s->provider, REASON_PADDING, "a salt is a number of bytes, or digest, max, auto, auto-digestmax");
        return false;
    }
    s->salt = salt;
    return true;
}

static bool set(struct signature *s, const OSSL_PARAM params[])
{
    const OSSL_PARAM *padding = param_find(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
    const OSSL_PARAM *salt = param_find(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);
    const OSSL_PARAM *mgf1 = param_find(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST);

    if (padding != NULL && !set_padding(s, padding))
        return false;
    if ((salt != NULL || mgf1 != NULL) && !s->pss) {
        RAISE(s->provider, REASON_PADDING, "a salt and a digest of MGF1 need the padding pss, set before");
        return false;
    }
    if (salt != NULL && !set_salt(s, salt))
        return false;
    return signature_take_digest(s, params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST, &s->mgf1);
}

/* The length of the salt in bytes. The digest is known. */
static int salt_size(const struct signature *s)
{
    /*
     * RFC 8017, section 9.1.1: the encoded message has one bit less than the modulus. A key has
     * 2048 bits or more, so all digests fit as a salt.
     */
    int digest = s->digest->size, room = (s->key->bits + 6) / 8 - digest - 2;

    switch (s->salt) {
    case RSA_PSS_SALTLEN_DIGEST:
    case RSA_PSS_SALTLEN_AUTO_DIGEST_MAX:
        return digest;
    case RSA_PSS_SALTLEN_AUTO: /* for a signer the same as the next */
    case RSA_PSS_SALTLEN_MAX:
        return room;
    }
    return s->salt;
}

/* Checks the digests of PSS. */
static bool check_pss(const struct signature *s)
{
    if (s->digest == NULL) {
        RAISE(s->provider, REASON_DIGEST, "PSS needs the name of the digest");
        return false;
    }
    if (s->mgf1 != NULL && s->mgf1 != s->digest) {
        RAISE(s->provider, REASON_DIGEST, "key servers use the same digest for MGF1: %s, and not %s",
              s->digest->names[0], s->mgf1->names[0]);
        return false;
    }
    return true;
}

static bool identify(const struct signature *s, struct algorithm *a)
{
    if (s->pss) {
        if (!check_pss(s))
            return false;
        algorithm_pss(a, s->digest, (uint16_t)salt_size(s));
    } else if (s->digest != NULL)
        algorithm_pkcs1(a, s->digest);
    return true;
}

static bool complete(const struct signature *s, struct request *r)
{
    r->hash = s->digest == NULL ? HASH_NONE : s->digest->number;
    r->padding = s->pss ? PADDING_PSS : PADDING_PKCS1;
    if (s->pss) {
        if (!check_pss(s))
            return false;
        r->salt = (uint16_t)salt_size(s);
    }
    return true;
}

/* Answers a request for a number: as an integer or, if that is asked for, as a word or digits. */
static bool give_number(OSSL_PARAM params[], const char *name, const struct word *words, int number)
{
    const OSSL_PARAM *p = param_find(params, name);
    const char *word = get_word(words, number);
    char digits[16];

    if (p == NULL || p->data_type != OSSL_PARAM_UTF8_STRING)
        return param_set_int(params, name, number);
    snprintf(digits, sizeof digits, "%d", number);
    return param_set_text(params, name, word != NULL ? word : digits);
}

/*
 * The length of the salt is given as a number of bytes if it is known. OpenSSL 3.0 makes parameters
 * of a CMS signature of it, and does not know all of the special numbers.
 */
static bool get(const struct signature *s, OSSL_PARAM params[])
{
    int padding = s->pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING;
    int salt = s->digest == NULL ? s->salt : salt_size(s);
    const struct digest *mgf1 = s->mgf1 != NULL ? s->mgf1 : s->digest;

    return give_number(params, OSSL_SIGNATURE_PARAM_PAD_MODE, paddings, padding)
           && give_number(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN, salts, salt)
           && signature_give_digest(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST, mgf1);
}

static const struct scheme scheme = { "RSA", true, set, get, identify, complete };

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
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
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
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)ctx;
    (void)provider;
    return params;
}

const OSSL_DISPATCH signature_rsa[] = {
    { OSSL_FUNC_SIGNATURE_NEWCTX, FUNCTION(new) },
    SIGNATURE_FUNCTIONS,
    SIGNATURE_DIGEST_FUNCTIONS,
    { OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, FUNCTION(gettable) },
    { OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, FUNCTION(settable) },
    { 0, NULL },
};
