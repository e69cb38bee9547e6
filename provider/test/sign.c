/* Signs with all kinds of keys, digests and paddings; OpenSSL's own provider verifies. */
#include "signing.h"

#include <dlfcn.h>
#include <openssl/params.h>

enum way { ONE_CALL, PARTS, COPIES, NUM_WAYS };

struct how {
    const char *md; /* NULL: Ed25519 */
    int padding;    /* of RSA; else 0 */
    int salt;       /* of PSS: as it is set */
    int actual;     /* of PSS: the length that this means */
};

static uint8_t text[1 << 20];

static void set_padding(EVP_PKEY_CTX *p, const struct how *h, int salt)
{
    if (h->padding != 0)
        CHECK(EVP_PKEY_CTX_set_rsa_padding(p, h->padding) == 1);
    if (h->padding == RSA_PKCS1_PSS_PADDING)
        CHECK(EVP_PKEY_CTX_set_rsa_pss_saltlen(p, salt) == 1);
}

static void check_verifies(EVP_PKEY *key, const struct how *h, const uint8_t *m, size_t n, const uint8_t *sig, size_t size)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    EVP_PKEY_CTX *p;

    CHECK(EVP_DigestVerifyInit_ex(c, &p, h->md, plain(), NULL, key, NULL) == 1);
    set_padding(p, h, h->actual);
    CHECK(EVP_DigestVerify(c, sig, size, m, n) == 1);
    EVP_MD_CTX_free(c);
}

static void final(EVP_MD_CTX *c, EVP_PKEY *verifier, const struct how *h, const uint8_t *m, size_t n)
{
    uint8_t sig[600];
    size_t size = 0, most;

    CHECK(EVP_DigestSignFinal(c, NULL, &most) == 1);
    CHECK(most == (size_t)EVP_PKEY_get_size(verifier));
    for (int i = 0; i < 2; i++) { /* OpenSSL finishes a copy, so that it can be done again */
        size = most;
        CHECK(EVP_DigestSignFinal(c, sig, &size) == 1);
        check_verifies(verifier, h, m, n, sig, size);
    }
}

static void sign_parts(EVP_MD_CTX *c, EVP_PKEY *verifier, const struct how *h, const uint8_t *m, size_t n, enum way way)
{
    const size_t part = way == PARTS ? 1000 : n / 3 + 1;

    for (size_t at = 0; at < n; at += part) {
        if (way == COPIES) { /* goes another way from here */
            EVP_MD_CTX *copy = EVP_MD_CTX_new();

            CHECK(EVP_MD_CTX_copy_ex(copy, c) == 1);
            CHECK(EVP_DigestSignUpdate(copy, m + at, n - at) == 1);
            final(copy, verifier, h, m, n);
            EVP_MD_CTX_free(copy);
        }
        CHECK(EVP_DigestSignUpdate(c, m + at, n - at < part ? n - at : part) == 1);
    }
    final(c, verifier, h, m, n);
}

static void sign_message(EVP_PKEY *key, EVP_PKEY *verifier, const struct how *h, size_t n, enum way way)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    EVP_PKEY_CTX *p;
    uint8_t sig[600];
    size_t size = 0;

    CHECK(EVP_DigestSignInit_ex(c, &p, h->md, NULL, NULL, key, NULL) == 1);
    CHECK(strcmp(OSSL_PROVIDER_get0_name(EVP_PKEY_CTX_get0_provider(p)), "asynccrypto") == 0);
    set_padding(p, h, h->salt);
    if (way != ONE_CALL)
        sign_parts(c, verifier, h, text, n, way);
    else {
        CHECK(EVP_DigestSign(c, NULL, &size, text, n) == 1);
        CHECK(size == (size_t)EVP_PKEY_get_size(verifier));
        CHECK(EVP_DigestSign(c, sig, &size, text, n) == 1);
        check_verifies(verifier, h, text, n, sig, size);
        if (h->padding != 0 || h->md == NULL)
            CHECK(size == (size_t)EVP_PKEY_get_size(verifier));
    }
    EVP_MD_CTX_free(c);
}

/* A digest of the caller's, as JOSE's libraries sign. Without its name an ECDSA key signs it as well. */
static void sign_digest(EVP_PKEY *key, EVP_PKEY *verifier, const struct how *h, int named)
{
    EVP_PKEY_CTX *p = EVP_PKEY_CTX_new(key, NULL), *copy;
    uint8_t digest[EVP_MAX_MD_SIZE], sig[600];
    size_t n, size = 0;

    CHECK(EVP_Q_digest(NULL, h->md, NULL, text, 500, digest, &n));
    CHECK(EVP_PKEY_sign_init(p) == 1);
    set_padding(p, h, h->salt);
    if (named) {
        OSSL_PARAM params[] = { OSSL_PARAM_END, OSSL_PARAM_END };

        params[0] = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, (char *)h->md, 0);
        CHECK(EVP_PKEY_CTX_set_params(p, params) == 1);
    }
    CHECK((copy = EVP_PKEY_CTX_dup(p)) != NULL);
    EVP_PKEY_CTX_free(p);
    p = copy;
    CHECK(EVP_PKEY_sign(p, NULL, &size, digest, n) == 1 && size == (size_t)EVP_PKEY_get_size(verifier));
    CHECK(EVP_PKEY_sign(p, sig, &size, digest, n) == 1);
    check_verifies(verifier, h, text, 500, sig, size);
    EVP_PKEY_CTX_free(p);
}

static const char *const digests[] = { "SHA1",     "SHA224",   "SHA2-256", "SHA-384",
                                       "sha512",   "MD5-SHA1", "SHA512-256", "SHA3-256",
                                       "SHA3-384", "2.16.840.1.101.3.4.2.10" };
enum { NUM_DIGESTS = sizeof digests / sizeof *digests };

static void check_rsa(const char *name)
{
    EVP_PKEY *key = handle(name), *verifier = original(name);
    const int bytes = EVP_PKEY_get_size(verifier);

    for (int d = 0; d < NUM_DIGESTS; d++) {
        EVP_MD *md = EVP_MD_fetch(NULL, digests[d], NULL);
        const int size = EVP_MD_get_size(md), most = bytes - size - 2;
        const struct how pkcs1 = { digests[d], RSA_PKCS1_PADDING, 0, 0 };
        const struct how pss[] = {
            { digests[d], RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST, size },
            { digests[d], RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_MAX, most },
            { digests[d], RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_AUTO, most },
            { digests[d], RSA_PKCS1_PSS_PADDING, -4, size }, /* auto-digestmax, of OpenSSL 3.1 */
            { digests[d], RSA_PKCS1_PSS_PADDING, 1, 1 },
            { digests[d], RSA_PKCS1_PSS_PADDING, most, most },
        };

        sign_message(key, verifier, &pkcs1, 130, d % NUM_WAYS);
        sign_digest(key, verifier, &pkcs1, 1);
        for (size_t i = 0; strcmp(digests[d], "MD5-SHA1") != 0 && i < sizeof pss / sizeof *pss; i++) {
            sign_message(key, verifier, &pss[i], 130, (d + i) % NUM_WAYS);
            if (i == 0)
                sign_digest(key, verifier, &pss[i], 1);
        }
        EVP_MD_free(md);
    }
    EVP_PKEY_free(key);
    EVP_PKEY_free(verifier);
}

static void check_ecdsa(const char *name)
{
    EVP_PKEY *key = handle(name), *verifier = original(name);

    for (int d = 0; d < NUM_DIGESTS; d++) {
        const struct how h = { .md = digests[d] };

        sign_message(key, verifier, &h, 130, d % NUM_WAYS);
        sign_digest(key, verifier, &h, 1);
        sign_digest(key, verifier, &h, 0);
    }
    EVP_PKEY_free(key);
    EVP_PKEY_free(verifier);
}

static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 65536, sizeof text };
enum { NUM_SIZES = sizeof sizes / sizeof *sizes };

/* With each size, in each way. */
static void check_sizes(void)
{
    EVP_PKEY *key = handle("p256"), *verifier = original("p256");
    static const struct how sha256 = { .md = "SHA256" }, md5_sha1 = { .md = "MD5-SHA1" };

    for (int n = 0; n < NUM_SIZES && !(SLOW && sizes[n] > 65536); n++)
        for (int way = 0; way < NUM_WAYS; way++) {
            sign_message(key, verifier, &sha256, sizes[n], way);
            sign_message(key, verifier, &md5_sha1, sizes[n], way);
        }
    EVP_PKEY_free(key);
    EVP_PKEY_free(verifier);
}

static void check_ed25519(void)
{
    EVP_PKEY *key = handle("ed25519"), *verifier = original("ed25519");
    static const struct how h;

    for (int n = 0; n < NUM_SIZES && sizes[n] <= 65536; n++)
        sign_message(key, verifier, &h, sizes[n], ONE_CALL);
    EVP_PKEY_free(key);
    EVP_PKEY_free(verifier);
}

/* One context signs again and again, with other digests and paddings. */
static void check_again(void)
{
    EVP_PKEY *key = handle("rsa2048"), *verifier = original("rsa2048");
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    EVP_PKEY_CTX *p;
    uint8_t sig[600];
    size_t size;
    static const struct how hows[] = {
        { "SHA256", RSA_PKCS1_PADDING, 0, 0 },
        { "SHA384", RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST, 48 },
        { "SHA256", RSA_PKCS1_PADDING, 0, 0 },
    };

    for (int i = 0; i < 3; i++) {
        CHECK(EVP_DigestSignInit_ex(c, &p, hows[i].md, NULL, NULL, key, NULL) == 1);
        set_padding(p, &hows[i], hows[i].salt);
        CHECK(EVP_DigestSignUpdate(c, text, 10) == 1); /* EVP_DigestSign appends to it */
        size = sizeof sig;
        CHECK(EVP_DigestSign(c, sig, &size, text + 10, 90) == 1);
        check_verifies(verifier, &hows[i], text, 100, sig, size);
    }
    CHECK(EVP_DigestSignInit(c, NULL, NULL, NULL, NULL) == 1); /* the key and the digest stay; the padding doesn't */
    size = sizeof sig;
    CHECK(EVP_DigestSign(c, sig, &size, text, 100) == 1);
    check_verifies(verifier, &hows[0], text, 100, sig, size);
    CHECK(EVP_DigestSignInit_ex(c, &p, NULL, NULL, NULL, key, NULL) == 1); /* the key's default digest */
    size = sizeof sig;
    CHECK(EVP_DigestSign(c, sig, &size, text, 100) == 1);
    check_verifies(verifier, &hows[0], text, 100, sig, size);
    for (size_t n = 100; n <= 5000; n += 4900) { /* each init is for one message */
        CHECK(EVP_DigestSignInit_ex(c, NULL, "SHA256", NULL, NULL, key, NULL) == 1);
        CHECK(EVP_DigestSign(c, sig, &size, text, n) == 1);
        check_verifies(verifier, &hows[0], text, n, sig, size);
        CHECK(EVP_DigestSign(c, sig, &size, text, n) != 1);
        ERR_clear_error();
    }
    EVP_MD_CTX_free(c);
    EVP_PKEY_free(key);
    EVP_PKEY_free(verifier);
}

static void check_text(EVP_PKEY_CTX *p, const char *name, const char *expected)
{
    char value[50] = "";
    OSSL_PARAM params[] = { OSSL_PARAM_utf8_string(name, value, sizeof value), OSSL_PARAM_END };

    CHECK(EVP_PKEY_CTX_get_params(p, params) == 1 && OSSL_PARAM_modified(params));
    CHECK(strcmp(value, expected) == 0);
}

/* What CMS, for instance, asks about. */
static void check_parameters(void)
{
    EVP_PKEY *rsa = handle("rsa2048"), *ec = handle("p256");
    EVP_PKEY_CTX *p = EVP_PKEY_CTX_new(rsa, NULL);
    OSSL_PARAM size[] = { OSSL_PARAM_END, OSSL_PARAM_END };
    const EVP_MD *md;
    size_t bytes = 0;
    int n;

    CHECK(EVP_PKEY_sign_init(p) == 1);
    CHECK(EVP_PKEY_CTX_get_rsa_padding(p, &n) > 0 && n == RSA_PKCS1_PADDING);
    check_text(p, OSSL_SIGNATURE_PARAM_DIGEST, "");
    check_text(p, OSSL_SIGNATURE_PARAM_PAD_MODE, "pkcs1");
    check_text(p, OSSL_SIGNATURE_PARAM_PSS_SALTLEN, "auto-digestmax");
    CHECK(EVP_PKEY_CTX_ctrl_str(p, "rsa_padding_mode", "pss") == 1);
    CHECK(EVP_PKEY_CTX_set_signature_md(p, EVP_sha384()) == 1);
    CHECK(EVP_PKEY_CTX_get_signature_md(p, &md) > 0 && EVP_MD_is_a(md, "SHA384"));
    CHECK(EVP_PKEY_CTX_get_rsa_mgf1_md(p, &md) > 0 && EVP_MD_is_a(md, "SHA384"));
    CHECK(EVP_PKEY_CTX_get_rsa_pss_saltlen(p, &n) > 0 && n == 48);
    CHECK(EVP_PKEY_CTX_ctrl_str(p, "rsa_pss_saltlen", "max") == 1);
    CHECK(EVP_PKEY_CTX_get_rsa_pss_saltlen(p, &n) > 0 && n == 256 - 48 - 2);
    CHECK(EVP_PKEY_CTX_ctrl_str(p, "rsa_pss_saltlen", "77") == 1);
    check_text(p, OSSL_SIGNATURE_PARAM_PSS_SALTLEN, "77");
    check_text(p, OSSL_SIGNATURE_PARAM_PAD_MODE, "pss");
    check_text(p, OSSL_SIGNATURE_PARAM_MGF1_DIGEST, "SHA384");
    CHECK(EVP_PKEY_CTX_set_rsa_mgf1_md(p, EVP_sha1()) == 1);
    check_text(p, OSSL_SIGNATURE_PARAM_MGF1_DIGEST, "SHA1");
    CHECK(OSSL_PARAM_locate_const(EVP_PKEY_CTX_gettable_params(p), OSSL_SIGNATURE_PARAM_ALGORITHM_ID) != NULL);
    CHECK(OSSL_PARAM_locate_const(EVP_PKEY_CTX_settable_params(p), OSSL_SIGNATURE_PARAM_PSS_SALTLEN) != NULL);
    EVP_PKEY_CTX_free(p);

    p = EVP_PKEY_CTX_new(ec, NULL);
    CHECK(EVP_PKEY_sign_init(p) == 1 && EVP_PKEY_CTX_set_signature_md(p, EVP_sha512()) == 1);
    check_text(p, OSSL_SIGNATURE_PARAM_DIGEST, "SHA512");
    size[0] = OSSL_PARAM_construct_size_t(OSSL_SIGNATURE_PARAM_DIGEST_SIZE, &bytes);
    CHECK(EVP_PKEY_CTX_get_params(p, size) == 1 && bytes == 64);
    CHECK(OSSL_PARAM_locate_const(EVP_PKEY_CTX_settable_params(p), OSSL_SIGNATURE_PARAM_PSS_SALTLEN) == NULL);
    EVP_PKEY_CTX_free(p);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
}

/*
 * The functions of OpenSSL 3.4 and newer for messages, which are not in the headers of 3.0; and for
 * algorithms that a program fetches, which are never ours.
 */
static void check_fetched(void)
{
    typedef int init_fn(EVP_PKEY_CTX *, EVP_SIGNATURE *, const OSSL_PARAM *);
    init_fn *message_init = (init_fn *)dlsym(RTLD_DEFAULT, "EVP_PKEY_sign_message_init");
    EVP_SIGNATURE *fetched = EVP_SIGNATURE_fetch(NULL, "ED25519", NULL);
    EVP_PKEY *key = handle("ed25519"), *verifier = original("ed25519");
    EVP_PKEY_CTX *p = EVP_PKEY_CTX_new(key, NULL);
    static const struct how h;
    uint8_t sig[600];
    size_t size = sizeof sig;

    CHECK(strcmp(OSSL_PROVIDER_get0_name(EVP_SIGNATURE_get0_provider(fetched)), "default") == 0);
    if (message_init != NULL) {
        CHECK(message_init(p, fetched, NULL) <= 0);
        CHECK(message_init(p, NULL, NULL) == 1);
        CHECK(EVP_PKEY_sign(p, sig, &size, text, 5000) == 1);
        check_verifies(verifier, &h, text, 5000, sig, size);
    }
    EVP_PKEY_CTX_free(p);
    EVP_SIGNATURE_free(fetched);
    EVP_PKEY_free(key);
    EVP_PKEY_free(verifier);
}

int main(void)
{
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * 11 + i / 253);
    check_rsa("rsa2048");
    check_rsa("rsa3072");
    check_ecdsa("p256");
    check_ecdsa("p384");
    check_ecdsa("p521");
    check_sizes();
    check_ed25519();
    check_again();
    check_parameters();
    check_fetched();
    CHECK(ERR_peek_error() == 0);
    return 0;
}
