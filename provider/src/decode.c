/*
 * Decoders for libcrypto: a file with a handle becomes a key. There are two steps, as in OpenSSL's
 * own: the first makes DER of PEM, and the others a key of DER. The file store, by which the openssl
 * command reads keys, looks for a first step of this name and form alone.
 *
 * A decoder that finds nothing of its own returns 1, and the next one is asked. With 0 it ends the
 * search: a handle is there, and is broken.
 */
#include "key.h"
#include "object.h"
#include "params.h"
#include "provider.h"

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <stdlib.h>
#include <string.h>

static void *decoder_new(void *provider)
{
    return provider; /* all that a decoder needs */
}

static void decoder_free(void *provider)
{
    (void)provider;
}

/* 0 means that the caller takes whatever there is. */
static bool wants_private(int selection)
{
    return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
}

static int decoder_selects(void *provider, int selection)
{
    (void)provider;
    return selection == 0 || wants_private(selection);
}

static int decoder_export(void *provider, const void *reference, size_t size, OSSL_CALLBACK *callback,
                          void *argument)
{
    (void)provider;
    return object_export(reference, size, callback, argument);
}

/* DER */

/* Reads as much as there is, or as fits. Returns the number of bytes. */
static size_t read_all(const struct provider *p, OSSL_CORE_BIO *in, uint8_t *data, size_t room)
{
    size_t n, size = 0;

    while (size < room && p->f.bio_read(in, data + size, room - size, &n) == 1 && n > 0)
        size += n;
    return size;
}

static int decode_der(const struct provider *p, const char *type, OSSL_CORE_BIO *in, OSSL_CALLBACK *callback,
                      void *argument)
{
    uint8_t *data = malloc(KEY_HANDLE_MAX + 1);
    struct bytes der = { data, 0 };
    struct key *k;
    int ok = 1;

    if (data == NULL) {
        RAISE(p, REASON_MEMORY, "no memory to read a key handle");
        return 0;
    }
    der.size = read_all(p, in, data, KEY_HANDLE_MAX + 1); /* one more than a whole handle has */
    if (key_is_handle(der)) {
        if (!core_usable(p) || (k = key_from_handle(p, der)) == NULL)
            ok = 0;
        else if (strcmp(key_type(k), type) == 0)
            ok = object_give(k, callback, argument);
        else
            key_release(k);
    }
    free(data);
    return ok;
}

#define DECODER(kind, type) \
    static int kind##_decode(void *provider, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *callback, \
                             void *argument, OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_argument) \
    { \
        (void)selection, (void)passphrase, (void)passphrase_argument; \
        return decode_der(provider, type, in, callback, argument); \
    } \
    static const OSSL_DISPATCH kind##_functions[] = { \
        { OSSL_FUNC_DECODER_NEWCTX, FUNCTION(decoder_new) }, \
        { OSSL_FUNC_DECODER_FREECTX, FUNCTION(decoder_free) }, \
        { OSSL_FUNC_DECODER_DOES_SELECTION, FUNCTION(decoder_selects) }, \
        { OSSL_FUNC_DECODER_DECODE, FUNCTION(kind##_decode) }, \
        { OSSL_FUNC_DECODER_EXPORT_OBJECT, FUNCTION(decoder_export) }, \
        { 0, NULL }, \
    }
DECODER(rsa, "RSA");
DECODER(ec, "EC");
DECODER(ed25519, "ED25519");

/* PEM */

/* A handle's lines, from the one after BEGIN. */
struct body {
    uint8_t der[KEY_HANDLE_MAX];
    size_t size;
    uint32_t bits;   /* those of the last characters that make no whole byte yet */
    unsigned digits; /* of base64 */
    unsigned pads;
};

static int value_of(char c)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = memchr(alphabet, c, sizeof alphabet - 1);

    return at == NULL ? -1 : (int)(at - alphabet);
}

/* Takes a line of base64. Reports whether it is such a line, and there is room. */
static bool take_base64(struct body *b, const char *line)
{
    int value;

    for (; *line != '\0'; line++) {
        if (strchr(" \t\r\n", *line) != NULL)
            continue;
        if (*line == '=') {
            b->pads++;
            continue;
        }
        if ((value = value_of(*line)) < 0 || b->pads > 0)
            return false;
        b->bits = b->bits << 6 | (uint32_t)value;
        if (b->digits++ % 4 == 0)
            continue; /* six bits are no byte */
        if (b->size == sizeof b->der)
            return false;
        b->der[b->size++] = (uint8_t)(b->bits >> (6 - 2 * ((b->digits - 1) % 4)));
    }
    return true;
}

static bool base64_complete(const struct body *b)
{
    return (b->digits + b->pads) % 4 == 0 && b->pads <= 2 && b->digits > 0;
}

static bool begins(const char *line, const char *with)
{
    return strncmp(line, with, strlen(with)) == 0;
}

static const char begin[] = "-----BEGIN ", handle_begin[] = "-----BEGIN ASYNCCRYPTO KEY-----",
                  handle_end[] = "-----END ASYNCCRYPTO KEY-----";

/*
 * Reads lines up to the one that begins a handle. Reports whether there is one before any private
 * key, which is for another decoder, and, unless the caller looks for a private key, before any
 * other block: the caller takes block after block. Where it does look for a private key,
 * certificates may stand before it, and OpenSSL's own decoder would stop at the first.
 */
static bool find_handle(const struct provider *p, OSSL_CORE_BIO *in, bool private)
{
    char line[256];
    bool starts = true; /* the text is from the start of a line */

    while (p->f.bio_gets(in, line, sizeof line) > 0) {
        if (starts && begins(line, handle_begin))
            return true;
        if (starts && begins(line, begin) && (!private || strstr(line, "PRIVATE KEY-----") != NULL))
            return false;
        starts = strchr(line, '\n') != NULL;
    }
    return false;
}

static bool read_body(const struct provider *p, OSSL_CORE_BIO *in, struct body *b)
{
    char line[256];

    while (p->f.bio_gets(in, line, sizeof line) > 0) {
        if (begins(line, handle_end))
            return base64_complete(b);
        if (!take_base64(b, line))
            return false;
    }
    return false;
}

/* Ties the second step to the first. */
#define STRUCTURE "asynccrypto"

static int give_der(const struct provider *p, struct bytes der, OSSL_CALLBACK *callback, void *argument)
{
    struct key *k = key_from_handle(p, der); /* a broken handle ends here, with one error */
    int type = OSSL_OBJECT_PKEY;
    const char *name;
    static const char structure[] = STRUCTURE;

    if (k == NULL)
        return 0;
    name = key_type(k);
    key_release(k);
    return callback((OSSL_PARAM[]){
        OSSL_PARAM_int(OSSL_OBJECT_PARAM_TYPE, &type),
        OSSL_PARAM_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, (char *)name, strlen(name)),
        OSSL_PARAM_utf8_string(OSSL_OBJECT_PARAM_DATA_STRUCTURE, (char *)structure, sizeof structure - 1),
        OSSL_PARAM_octet_string(OSSL_OBJECT_PARAM_DATA, (void *)der.data, der.size),
        OSSL_PARAM_END,
    }, argument);
}

static int pem_decode(void *provider, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *callback, void *argument,
                      OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_argument)
{
    const struct provider *p = provider;
    struct body *b;
    int ok = 0;

    (void)passphrase, (void)passphrase_argument;
    if (!find_handle(p, in, wants_private(selection)))
        return 1;
    if (!core_usable(p))
        return 0;
    if ((b = calloc(1, sizeof *b)) == NULL)
        RAISE(p, REASON_MEMORY, "no memory to read a key handle");
    else if (!read_body(p, in, b))
        RAISE(p, REASON_HANDLE, "it is incomplete or no base64; make it anew with \"asynccrypto keyserver handle\"");
    else
        ok = give_der(p, (struct bytes){ b->der, b->size }, callback, argument);
    free(b);
    return ok;
}

static const OSSL_DISPATCH pem_functions[] = {
    { OSSL_FUNC_DECODER_NEWCTX, FUNCTION(decoder_new) },
    { OSSL_FUNC_DECODER_FREECTX, FUNCTION(decoder_free) },
    { OSSL_FUNC_DECODER_DOES_SELECTION, FUNCTION(decoder_selects) },
    { OSSL_FUNC_DECODER_DECODE, FUNCTION(pem_decode) },
    { 0, NULL },
};

#define OF_PEM "input=pem"
#define OF_DER "input=der,structure=" STRUCTURE

const OSSL_ALGORITHM decoder_algorithms[] = {
    { "DER", OF_PEM, pem_functions, "Key handles in PEM" },
    { "RSA:rsaEncryption:1.2.840.113549.1.1.1", OF_DER, rsa_functions, "Handles of RSA keys" },
    { "EC:id-ecPublicKey:1.2.840.10045.2.1", OF_DER, ec_functions, "Handles of EC keys" },
    { "ED25519:1.3.101.112", OF_DER, ed25519_functions, "Handles of Ed25519 keys" },
    { NULL, NULL, NULL, NULL },
};
