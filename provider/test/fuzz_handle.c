/*
 * The decoders and the key management get any bytes, as PEM and as DER. What they take for a key
 * must be one that libcrypto's own reader finds, too.
 */
#include "corpus.h"

#include "key.h"
#include "object.h"
#include "with_core.h"

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

static struct provider provider;

void server_begin(struct server *s) { CHECK(s == NULL); }

/* The row of a table that has the function, for OSSL_FUNC_..._fn. */
static const OSSL_DISPATCH *find(const OSSL_DISPATCH *table, int id)
{
    for (; table->function_id != id; table++)
        CHECK(table->function_id != 0);
    return table;
}

static const OSSL_DISPATCH *find_algorithm(const OSSL_ALGORITHM *a, const char *name)
{
    size_t n = strlen(name);

    for (; strncmp(a->algorithm_names, name, n) != 0 || strchr(":", a->algorithm_names[n]) == NULL; a++)
        CHECK(a[1].algorithm_names != NULL);
    return a->implementation;
}

/* Compares a key with what libcrypto reads. It refuses points that are not on their curve. */
static void compare(const struct key *k, const OSSL_DISPATCH *keymgmt)
{
    OSSL_FUNC_keymgmt_get_params_fn *get = OSSL_FUNC_keymgmt_get_params(find(keymgmt, OSSL_FUNC_KEYMGMT_GET_PARAMS));
    const unsigned char *at = k->spki.data;
    EVP_PKEY *theirs = d2i_PUBKEY(NULL, &at, (long)k->spki.size);
    int bits = 0, size = 0;
    OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, &bits), OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, &size), OSSL_PARAM_END,
    };
    unsigned char *written = NULL;

    CHECK(get((void *)k, params) == 1);
    if (theirs == NULL) {
        CHECK(strcmp(key_type(k), "EC") == 0);
        return;
    }
    CHECK(at == k->spki.data + k->spki.size);
    CHECK(EVP_PKEY_is_a(theirs, key_type(k)));
    CHECK(EVP_PKEY_get_bits(theirs) == bits);
    CHECK(EVP_PKEY_get_size(theirs) == size);
    CHECK(i2d_PUBKEY(theirs, &written) == (int)k->spki.size);
    CHECK(memcmp(written, k->spki.data, k->spki.size) == 0);
    OPENSSL_free(written);
    EVP_PKEY_free(theirs);
}

struct found {
    const char *type; /* of the decoder; NULL: any */
    int keys;
};

static int take_key(const OSSL_PARAM params[], void *argument)
{
    struct found *f = argument;
    const OSSL_PARAM *type = OSSL_PARAM_locate_const(params, OSSL_OBJECT_PARAM_DATA_TYPE);
    const OSSL_PARAM *reference = OSSL_PARAM_locate_const(params, OSSL_OBJECT_PARAM_REFERENCE);
    const OSSL_DISPATCH *keymgmt = find_algorithm(keymgmt_algorithms, f->type);
    uint8_t id[32];
    struct key *k;

    CHECK(strcmp(type->data, f->type) == 0);
    k = OSSL_FUNC_keymgmt_load(find(keymgmt, OSSL_FUNC_KEYMGMT_LOAD))(reference->data, reference->data_size);
    CHECK(k != NULL && strcmp(key_type(k), f->type) == 0);
    SHA256(k->spki.data, k->spki.size, id);
    CHECK(memcmp(k->id, id, sizeof id) == 0);
    compare(k, keymgmt);
    OSSL_FUNC_keymgmt_free(find(keymgmt, OSSL_FUNC_KEYMGMT_FREE))(k);
    f->keys++;
    return 1;
}

static int decode(const OSSL_DISPATCH *decoder, const uint8_t *data, size_t size, int selection,
                  OSSL_CALLBACK *callback, void *argument)
{
    struct input in = { data, size, 0 };
    void *ctx = OSSL_FUNC_decoder_newctx(find(decoder, OSSL_FUNC_DECODER_NEWCTX))(&provider);
    int ok, errors = last_error.count;

    ok = OSSL_FUNC_decoder_decode(find(decoder, OSSL_FUNC_DECODER_DECODE))(ctx, (OSSL_CORE_BIO *)&in, selection, callback,
                                                                         argument, NULL, NULL);
    CHECK(last_error.count - errors == (ok ? 0 : 1)); /* one clear error */
    OSSL_FUNC_decoder_freectx(find(decoder, OSSL_FUNC_DECODER_FREECTX))(ctx);
    return ok;
}

/* Asks the three decoders of DER. Returns how many keys there are. */
static int decode_der(const uint8_t *data, size_t size)
{
    static const char *const types[] = { "RSA", "EC", "ED25519" };
    int keys = 0;
    size_t i;

    for (i = 0; i < sizeof types / sizeof *types; i++) {
        struct found f = { types[i], 0 };

        decode(find_algorithm(decoder_algorithms, types[i]), data, size, 0, take_key, &f);
        keys += f.keys;
    }
    return keys;
}

static int take_der(const OSSL_PARAM params[], void *argument)
{
    const OSSL_PARAM *data = OSSL_PARAM_locate_const(params, OSSL_OBJECT_PARAM_DATA);

    (void)argument;
    CHECK(decode_der(data->data, data->data_size) == 1);
    return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const OSSL_DISPATCH *pem = find_algorithm(decoder_algorithms, "DER");

    if (provider.f.new_error == NULL)
        make_provider(&provider);
    CHECK(decode_der(data, size) <= 1);
    decode(pem, data, size, 0, take_der, NULL);
    decode(pem, data, size, OSSL_KEYMGMT_SELECT_PRIVATE_KEY, take_der, NULL);
    return 0;
}
