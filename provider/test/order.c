/*
 * Who does what: all that is done with public keys, and the making of keys, is for OpenSSL's own
 * provider, however this one is configured. LOOKUP in the environment has libcrypto sort its
 * providers by name; LOAD, a folder, has the program load both, the one in that folder first.
 */
#include "signing.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>

static const struct {
    const char *file, *key, *signature, *digest, *group; /* the group of EC keys that are made */
} kinds[] = {
    { "rsa2048", "RSA", "RSA", "SHA256", NULL },
    { "p256", "EC", "ECDSA", "SHA256", "P-256" },
    { "p384", "EC", "ECDSA", "SHA384", "P-384" },
    { "p521", "EC", "ECDSA", "SHA512", "P-521" },
    { "ed25519", "ED25519", "ED25519", NULL, NULL },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static bool is(const OSSL_PROVIDER *p, const char *name)
{
    return p != NULL && strcmp(OSSL_PROVIDER_get0_name(p), name) == 0;
}

static EVP_PKEY *public_key(const char *name)
{
    char path[500];
    BIO *b;
    X509 *x;
    EVP_PKEY *k;

    snprintf(path, sizeof path, "%s/%s.cert.pem", getenv("KEYS"), name);
    CHECK((b = BIO_new_file(path, "r")) != NULL);
    CHECK((x = PEM_read_bio_X509(b, NULL, NULL, NULL)) != NULL);
    CHECK((k = X509_get_pubkey(x)) != NULL);
    X509_free(x);
    BIO_free(b);
    return k;
}

static void test_fetches(size_t i)
{
    EVP_KEYMGMT *k = EVP_KEYMGMT_fetch(NULL, kinds[i].key, NULL);
    EVP_SIGNATURE *s = EVP_SIGNATURE_fetch(NULL, kinds[i].signature, NULL);

    CHECK(k != NULL && is(EVP_KEYMGMT_get0_provider(k), "default"));
    CHECK(s != NULL && is(EVP_SIGNATURE_get0_provider(s), "default"));
    EVP_KEYMGMT_free(k);
    EVP_SIGNATURE_free(s);
}

/* Makes a key, and makes it again of its public part. */
static void test_making(size_t i)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, kinds[i].key, NULL);
    EVP_PKEY_CTX *from = EVP_PKEY_CTX_new_from_name(NULL, kinds[i].key, NULL);
    EVP_PKEY *k = NULL, *copy = NULL;
    OSSL_PARAM *params;

    CHECK(EVP_PKEY_keygen_init(c) == 1);
    CHECK(kinds[i].group == NULL || EVP_PKEY_CTX_set_group_name(c, kinds[i].group) == 1);
    CHECK(EVP_PKEY_generate(c, &k) == 1 && is(EVP_PKEY_get0_provider(k), "default"));
    CHECK(EVP_PKEY_todata(k, EVP_PKEY_PUBLIC_KEY, &params) == 1);
    CHECK(EVP_PKEY_fromdata_init(from) == 1 && EVP_PKEY_fromdata(from, &copy, EVP_PKEY_PUBLIC_KEY, params) == 1);
    CHECK(is(EVP_PKEY_get0_provider(copy), "default"));
    OSSL_PARAM_free(params);
    EVP_PKEY_free(k);
    EVP_PKEY_free(copy);
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_CTX_free(from);
}

/* The key server signs, and OpenSSL verifies. */
static void test_signing(size_t i)
{
    EVP_PKEY *private = handle(kinds[i].file), *public = public_key(kinds[i].file);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    EVP_PKEY_CTX *p;
    uint8_t sig[600];
    size_t size = sizeof sig;

    CHECK(!is(EVP_PKEY_get0_provider(private), "default") && is(EVP_PKEY_get0_provider(public), "default"));
    CHECK(EVP_DigestSignInit_ex(c, &p, kinds[i].digest, NULL, NULL, private, NULL) == 1);
    CHECK(!is(EVP_PKEY_CTX_get0_provider(p), "default"));
    CHECK(EVP_DigestSign(c, sig, &size, (const uint8_t *)"text", 4) == 1);
    EVP_MD_CTX_free(c);
    c = EVP_MD_CTX_new();
    CHECK(EVP_DigestVerifyInit_ex(c, &p, kinds[i].digest, NULL, NULL, public, NULL) == 1);
    CHECK(is(EVP_PKEY_CTX_get0_provider(p), "default"));
    CHECK(EVP_DigestVerify(c, sig, size, (const uint8_t *)"text", 4) == 1);
    CHECK(EVP_DigestVerify(c, sig, size, (const uint8_t *)"Text", 4) == 0);
    EVP_MD_CTX_free(c);
    EVP_PKEY_free(private);
    EVP_PKEY_free(public);
}

/* A handshake whose key share and both of whose certificates have keys that we have, too. */
static void test_tls(size_t i, int version)
{
    char cert[500], key[500], ca[500];
    SSL_CTX *contexts[2];
    SSL *ends[2];
    BIO *pipes[2];
    int j, done = 0;

    snprintf(cert, sizeof cert, "%s/%s.cert.pem", getenv("KEYS"), kinds[i].file);
    snprintf(key, sizeof key, "%s/%s.handle.pem", getenv("KEYS"), kinds[i].file);
    snprintf(ca, sizeof ca, "%s/ca.pem", getenv("KEYS"));
    CHECK(BIO_new_bio_pair(&pipes[0], 1 << 16, &pipes[1], 1 << 16) == 1);
    for (j = 0; j < 2; j++) {
        CHECK((contexts[j] = SSL_CTX_new(j == 0 ? TLS_client_method() : TLS_server_method())) != NULL);
        SSL_CTX_set_verify(contexts[j], SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        CHECK(SSL_CTX_load_verify_file(contexts[j], ca) == 1);
        CHECK(SSL_CTX_set_purpose(contexts[j], X509_PURPOSE_ANY) == 1);
        CHECK(SSL_CTX_set1_groups_list(contexts[j], "P-256:P-384:P-521") == 1);
        CHECK(SSL_CTX_set_max_proto_version(contexts[j], version) == 1);
        CHECK(SSL_CTX_use_certificate_file(contexts[j], cert, SSL_FILETYPE_PEM) == 1);
        CHECK(SSL_CTX_use_PrivateKey_file(contexts[j], key, SSL_FILETYPE_PEM) == 1);
        CHECK((ends[j] = SSL_new(contexts[j])) != NULL);
        SSL_set_bio(ends[j], pipes[j], pipes[j]);
    }
    SSL_set_connect_state(ends[0]);
    SSL_set_accept_state(ends[1]);
    for (j = 0; done < 2 && j < 20; j++) {
        done = 0;
        for (int e = 0; e < 2; e++)
            done += SSL_do_handshake(ends[e]) == 1;
    }
    if (done < 2)
        ERR_print_errors_fp(stderr);
    CHECK(done == 2 && SSL_version(ends[0]) == version);
    CHECK(SSL_get_verify_result(ends[0]) == X509_V_OK && SSL_get_verify_result(ends[1]) == X509_V_OK);
    for (j = 0; j < 2; j++) {
        SSL_free(ends[j]);
        SSL_CTX_free(contexts[j]);
    }
}

static void prepare(void)
{
    if (getenv("LOOKUP") != NULL)
        CHECK(OSSL_PROVIDER_available(NULL, "default") == 1);
    if (getenv("LOAD") == NULL)
        return;
    CHECK(OSSL_PROVIDER_set_default_search_path(NULL, getenv("LOAD")) == 1);
    CHECK(OSSL_PROVIDER_load(NULL, "asynccrypto") != NULL);
    CHECK(EVP_KEYMGMT_fetch(NULL, "EC", NULL) == NULL); /* while it is alone, it has nothing */
    CHECK(EVP_SIGNATURE_fetch(NULL, "ECDSA", NULL) == NULL);
    ERR_clear_error();
    CHECK(OSSL_PROVIDER_load(NULL, "default") != NULL);
}

int main(void)
{
    size_t i;

    prepare();
    for (i = 0; i < KINDS; i++) {
        test_fetches(i);
        test_making(i);
        test_signing(i);
        test_tls(i, TLS1_2_VERSION);
        test_tls(i, TLS1_3_VERSION);
    }
    return 0;
}
