/*
 * Keys of handles beside the same keys of OpenSSL's own provider: programs must see no difference
 * but that the private part is not there.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "signing.h"

#include <openssl/ssl.h>

static const char *const names[] = { "rsa2048", "rsa3072", "p256", "p384", "p521", "ed25519" };
enum { NAMES = sizeof names / sizeof *names };

static EVP_PKEY *keys[NAMES], *originals[NAMES];

static X509 *certificate(const char *name)
{
    char path[500];
    BIO *b;
    X509 *x;

    snprintf(path, sizeof path, "%s/%s.cert.pem", getenv("KEYS"), name);
    CHECK((b = BIO_new_file(path, "r")) != NULL);
    CHECK((x = PEM_read_bio_X509(b, NULL, NULL, NULL)) != NULL);
    BIO_free(b);
    return x;
}

static void same_text(EVP_PKEY *k, EVP_PKEY *o, const char *name)
{
    char a[100] = "", b[100] = "";

    CHECK(EVP_PKEY_get_utf8_string_param(k, name, a, sizeof a, NULL)
          == EVP_PKEY_get_utf8_string_param(o, name, b, sizeof b, NULL));
    CHECK(strcmp(a, b) == 0);
}

/* Such a category is new in OpenSSL 3.5. */
static void test_category(EVP_PKEY *k, EVP_PKEY *o)
{
    int a = -1, b = -1;

    CHECK(EVP_PKEY_get_int_param(k, "security-category", &a) == 1 && a == 0);
    CHECK(EVP_PKEY_get_int_param(o, "security-category", &b) == 0 || b == a);
    ERR_clear_error();
}

static void same_number(EVP_PKEY *k, EVP_PKEY *o, const char *name)
{
    BIGNUM *a = NULL, *b = NULL;

    CHECK(EVP_PKEY_get_bn_param(k, name, &a) == EVP_PKEY_get_bn_param(o, name, &b));
    CHECK((a == NULL) == (b == NULL) && (a == NULL || BN_cmp(a, b) == 0));
    BN_free(a);
    BN_free(b);
}

static void same_octets(EVP_PKEY *k, EVP_PKEY *o, const char *name)
{
    uint8_t a[200], b[200];
    size_t m = 0, n = 0;

    CHECK(EVP_PKEY_get_octet_string_param(k, name, a, sizeof a, &m)
          == EVP_PKEY_get_octet_string_param(o, name, b, sizeof b, &n));
    CHECK(m == n && memcmp(a, b, m) == 0);
}

static void test_parameters(EVP_PKEY *k, EVP_PKEY *o)
{
    char a[100] = "", b[100] = "";
    uint8_t *p = NULL, *q = NULL;
    size_t m = 0, n = 0;

    CHECK(strcmp(EVP_PKEY_get0_type_name(k), EVP_PKEY_get0_type_name(o)) == 0);
    CHECK(EVP_PKEY_get_base_id(k) == EVP_PKEY_get_base_id(o));
    CHECK(EVP_PKEY_get_bits(k) == EVP_PKEY_get_bits(o));
    CHECK(EVP_PKEY_get_security_bits(k) == EVP_PKEY_get_security_bits(o));
    CHECK(EVP_PKEY_get_size(k) == EVP_PKEY_get_size(o));
    CHECK(EVP_PKEY_get_default_digest_name(k, a, sizeof a) == EVP_PKEY_get_default_digest_name(o, b, sizeof b));
    CHECK(strcmp(a, b) == 0);
    CHECK(EVP_PKEY_get_group_name(k, a, sizeof a, &m) == EVP_PKEY_get_group_name(o, b, sizeof b, &n) && m == n);
    CHECK(strcmp(a, b) == 0);
    CHECK(EVP_PKEY_get_field_type(k) == EVP_PKEY_get_field_type(o));
    CHECK(EVP_PKEY_get_ec_point_conv_form(k) == EVP_PKEY_get_ec_point_conv_form(o));
    CHECK((m = EVP_PKEY_get1_encoded_public_key(k, &p)) == EVP_PKEY_get1_encoded_public_key(o, &q));
    CHECK(m == 0 || memcmp(p, q, m) == 0);
    OPENSSL_free(p);
    OPENSSL_free(q);
    same_text(k, o, OSSL_PKEY_PARAM_EC_ENCODING);
    same_number(k, o, OSSL_PKEY_PARAM_RSA_N);
    same_number(k, o, OSSL_PKEY_PARAM_RSA_E);
    same_number(k, o, OSSL_PKEY_PARAM_EC_PUB_X);
    same_number(k, o, OSSL_PKEY_PARAM_EC_PUB_Y);
    same_octets(k, o, OSSL_PKEY_PARAM_PUB_KEY);
    ERR_clear_error(); /* of what neither has */
}

/* Nothing of the private part is there, and to ask for it is no error that would stay on the queue. */
static void test_private(EVP_PKEY *k)
{
    static const char *const parts[] = {
        OSSL_PKEY_PARAM_RSA_D, OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_PRIV_KEY,
    };
    OSSL_PARAM *params = NULL;
    BIGNUM *n = NULL;
    uint8_t *der = NULL;
    BIO *out = BIO_new(BIO_s_mem());
    char *text;
    size_t i;

    CHECK(EVP_PKEY_todata(k, EVP_PKEY_KEYPAIR, &params) == 0 && params == NULL);
    CHECK(ERR_peek_error() == 0);
    CHECK(EVP_PKEY_todata(k, EVP_PKEY_PUBLIC_KEY, &params) == 1);
    for (i = 0; i < sizeof parts / sizeof *parts; i++) {
        CHECK(EVP_PKEY_get_bn_param(k, parts[i], &n) == 0 && n == NULL);
        CHECK(OSSL_PARAM_locate(params, parts[i]) == NULL);
    }
    OSSL_PARAM_free(params);
    CHECK(i2d_PrivateKey(k, &der) <= 0 && der == NULL);
    CHECK(EVP_PKEY_get0_RSA(k) == NULL && EVP_PKEY_get0_EC_KEY(k) == NULL); /* the forms of OpenSSL 1.1 */
    CHECK(PEM_write_bio_PrivateKey(out, k, NULL, NULL, 0, NULL, NULL) != 1);
    CHECK(BIO_get_mem_data(out, &text) == 0);
    CHECK(EVP_PKEY_print_private(out, k, 0, NULL) == 1 && BIO_get_mem_data(out, &text) > 0);
    CHECK(strncmp(text, "Private-Key: ", 13) == 0);
    BIO_free(out);
    ERR_clear_error();
}

static void test_public(EVP_PKEY *k, EVP_PKEY *o)
{
    uint8_t *a = NULL, *b = NULL;
    char *p, *q;
    BIO *x = BIO_new(BIO_s_mem()), *y = BIO_new(BIO_s_mem());
    int n;

    CHECK((n = i2d_PUBKEY(k, &a)) > 0 && n == i2d_PUBKEY(o, &b) && memcmp(a, b, (size_t)n) == 0);
    OPENSSL_free(a);
    OPENSSL_free(b);
    CHECK(EVP_PKEY_print_public(x, k, 0, NULL) == 1 && EVP_PKEY_print_public(y, o, 0, NULL) == 1);
    CHECK((n = (int)BIO_get_mem_data(x, &p)) == BIO_get_mem_data(y, &q) && n > 0 && memcmp(p, q, (size_t)n) == 0);
    BIO_free(x);
    BIO_free(y);
}

/* Keys are compared in both orders: libcrypto exports one of the two to the other's provider. */
static void test_equality(size_t i)
{
    size_t j;
    int want, parameters;

    for (j = 0; j < NAMES; j++) {
        want = i == j ? 1 : EVP_PKEY_get_base_id(originals[i]) == EVP_PKEY_get_base_id(originals[j]) ? 0 : -1;
        CHECK(EVP_PKEY_eq(keys[i], originals[j]) == want);
        CHECK(EVP_PKEY_eq(originals[i], keys[j]) == want);
        CHECK(EVP_PKEY_eq(keys[i], keys[j]) == want);
        CHECK(want != 1 || ERR_peek_error() == 0);
        ERR_clear_error();
        parameters = EVP_PKEY_parameters_eq(originals[i], originals[j]);
        CHECK(EVP_PKEY_parameters_eq(keys[i], keys[j]) == parameters);
        CHECK(EVP_PKEY_parameters_eq(originals[i], keys[j]) == parameters);
        ERR_clear_error();
    }
}

static void test_certificate(size_t i)
{
    X509 *x = certificate(names[i]), *other = certificate(names[(i + 1) % NAMES]);
    SSL_CTX *ssl = SSL_CTX_new(TLS_method());

    CHECK(X509_check_private_key(x, keys[i]) == 1);
    CHECK(ERR_peek_error() == 0);
    CHECK(X509_check_private_key(other, keys[i]) == 0);
    ERR_clear_error();
    CHECK(SSL_CTX_use_certificate(ssl, x) == 1 && SSL_CTX_use_PrivateKey(ssl, keys[i]) == 1);
    CHECK(SSL_CTX_check_private_key(ssl) == 1);
    CHECK(ERR_peek_error() == 0);
    SSL_CTX_free(ssl);
    X509_free(x);
    X509_free(other);
}

/* A copy is a key of its own for the program. */
static void test_copy(size_t i)
{
    EVP_PKEY *copy = EVP_PKEY_dup(keys[i]);
    EVP_PKEY_CTX *c;

    CHECK(copy != NULL && copy != keys[i] && EVP_PKEY_eq(copy, keys[i]) == 1);
    CHECK(strcmp(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(copy)), "asynccrypto") == 0);
    CHECK((c = EVP_PKEY_CTX_new_from_pkey(NULL, copy, NULL)) != NULL);
    EVP_PKEY_free(copy);
    CHECK(EVP_PKEY_check(c) == 1 && EVP_PKEY_public_check(c) == 1);
    EVP_PKEY_CTX_free(c);
}

int main(void)
{
    size_t i;

    for (i = 0; i < NAMES; i++) {
        keys[i] = handle(names[i]);
        CHECK(strcmp(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(keys[i])), "asynccrypto") == 0);
        originals[i] = original(names[i]);
    }
    for (i = 0; i < NAMES; i++) {
        test_parameters(keys[i], originals[i]);
        test_category(keys[i], originals[i]);
        test_private(keys[i]);
        test_public(keys[i], originals[i]);
        test_equality(i);
        test_certificate(i);
        test_copy(i);
    }
    for (i = 0; i < NAMES; i++) {
        EVP_PKEY_free(keys[i]);
        EVP_PKEY_free(originals[i]);
    }
    return 0;
}
