/*
 * The text of a key, for "openssl pkey -text" and EVP_PKEY_print_private: where the private part
 * is. OpenSSL's own encoders have the public part, in all their forms.
 */
#include "client.h"
#include "key.h"
#include "provider.h"

#include <stdio.h>

static void *encoder_new(void *provider)
{
    return provider; /* all that an encoder needs */
}

static void encoder_free(void *provider)
{
    (void)provider;
}

static int encoder_selects(void *provider, int selection)
{
    (void)provider;
    return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
}

static int encode(void *provider, OSSL_CORE_BIO *out, const void *key, const OSSL_PARAM abstract[], int selection,
                  OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_argument)
{
    const struct provider *p = provider;
    const struct key *k = key;
    char text[512], id[KEY_ID_TEXT];
    size_t written;
    int n;

    (void)abstract, (void)selection, (void)passphrase, (void)passphrase_argument;
    n = snprintf(text, sizeof text,
                 "Private-Key: %s, %d bit, on the key server at %s\nSHA-256 of the public key: %s\n", key_type(k), k->bits,
                 server_path(p->server), key_print_id(k, id));
    return n < (int)sizeof text && p->f.bio_write(out, text, (size_t)n, &written) == 1;
}

static const OSSL_DISPATCH functions[] = {
    { OSSL_FUNC_ENCODER_NEWCTX, FUNCTION(encoder_new) },
    { OSSL_FUNC_ENCODER_FREECTX, FUNCTION(encoder_free) },
    { OSSL_FUNC_ENCODER_DOES_SELECTION, FUNCTION(encoder_selects) },
    { OSSL_FUNC_ENCODER_ENCODE, FUNCTION(encode) },
    { 0, NULL },
};

#define AS_TEXT "output=text"

const OSSL_ALGORITHM encoder_algorithms[] = {
    { "RSA:rsaEncryption:1.2.840.113549.1.1.1", AS_TEXT, functions, "Where an RSA key is" },
    { "EC:id-ecPublicKey:1.2.840.10045.2.1", AS_TEXT, functions, "Where an EC key is" },
    { "ED25519:1.3.101.112", AS_TEXT, functions, "Where an Ed25519 key is" },
    { NULL, NULL, NULL, NULL },
};
