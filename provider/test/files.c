/*
 * Files that hold handles, beside other things, whole and broken. LOOKUP in the environment has
 * libcrypto sort its providers by name.
 */
#include "signing.h"

#include "core.h"
#include "key.h"

#include <openssl/bio.h>
#include <openssl/param_build.h>
#include <openssl/ssl.h>
#include <openssl/store.h>
#include <unistd.h>

/* A text that is made of files and of other text. */
static char text[1 << 17];

static void start(void) { text[0] = '\0'; }

static void add(const char *s)
{
    CHECK(strlen(text) + strlen(s) < sizeof text);
    strcat(text, s);
}

static void add_file(const char *name, const char *suffix)
{
    char path[500];
    size_t n = strlen(text);
    FILE *f;

    snprintf(path, sizeof path, "%s/%s%s", getenv("KEYS"), name, suffix);
    CHECK((f = fopen(path, "r")) != NULL);
    n += fread(text + n, 1, sizeof text - n - 1, f);
    text[n] = '\0';
    fclose(f);
}

static EVP_PKEY *read_text(void)
{
    BIO *b = BIO_new_mem_buf(text, -1);
    EVP_PKEY *k = PEM_read_bio_PrivateKey(b, NULL, NULL, NULL);

    BIO_free(b);
    return k;
}

/* Reports which provider has the key, and whether the key is the one of that name. */
static bool is_by(EVP_PKEY *k, const char *provider, const char *name)
{
    EVP_PKEY *o = original(name);
    /* OpenSSL's key may be one of its older form, which no provider has. */
    const OSSL_PROVIDER *p = k == NULL ? NULL : EVP_PKEY_get0_provider(k);
    const char *by = p == NULL ? "default" : OSSL_PROVIDER_get0_name(p);
    bool ok = k != NULL && strcmp(by, provider) == 0 && EVP_PKEY_eq(k, o) == 1;

    EVP_PKEY_free(k);
    EVP_PKEY_free(o);
    return ok;
}

static char *path_of_text(void)
{
    static char path[500];
    FILE *f;

    snprintf(path, sizeof path, "%s/files.XXXXXX", getenv("TMPDIR") == NULL ? "/tmp" : getenv("TMPDIR"));
    CHECK((f = fdopen(mkstemp(path), "w")) != NULL);
    CHECK(fputs(text, f) >= 0 && fclose(f) == 0);
    return path;
}

/* Servers read a file with both as the key's and as the certificates'. */
static void test_in_ssl(const char *name, bool whole)
{
    SSL_CTX *c = SSL_CTX_new(TLS_method());
    char *path = path_of_text();

    if (whole)
        CHECK(SSL_CTX_use_certificate_chain_file(c, path) == 1);
    ERR_raise(ERR_LIB_USER, 1); /* left behind by someone else */
    CHECK(SSL_CTX_use_PrivateKey_file(c, path, SSL_FILETYPE_PEM) == 1);
    CHECK(!whole || SSL_CTX_check_private_key(c) == 1);
    CHECK(ERR_GET_LIB(ERR_get_error()) == ERR_LIB_USER && ERR_peek_error() == 0);
    CHECK(EVP_PKEY_up_ref(SSL_CTX_get0_privatekey(c)) == 1 && is_by(SSL_CTX_get0_privatekey(c), "asynccrypto", name));
    SSL_CTX_free(c);
    CHECK(unlink(path) == 0);
}

static void test_places(void)
{
    static const char *const names[] = { "rsa2048", "p256", "p384", "p521", "ed25519" };
    size_t i, j;

    for (i = 0; i < sizeof names / sizeof *names; i++) {
        start();
        add_file(names[i], ".handle.pem");
        test_in_ssl(names[i], false);
        add_file(names[i], ".cert.pem");
        test_in_ssl(names[i], true);
        start();
        add_file(names[i], ".cert.pem");
        for (j = 0; j < 20; j++)
            add_file("ca", ".pem");
        add_file(names[i], ".handle.pem");
        add_file("rsa3072", ".pem");
        test_in_ssl(names[i], true);
    }
    start();
    add("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n");
    add_file("p256", ".handle.pem");
    test_in_ssl("p256", false);
    start();
    add("Bag Attributes\n    friendlyName: web -----BEGIN PRIVATE KEY-----\n\n\n");
    add_file("p256", ".handle.pem");
    test_in_ssl("p256", false);
    start();
    add_file("p256", ".handle.pem");
    for (i = 0; text[i] != '\0'; i++) { /* as a line's end in other systems */
        if (text[i] == '\n') {
            memmove(text + i + 1, text + i, strlen(text + i) + 1);
            text[i++] = '\r';
        }
    }
    test_in_ssl("p256", false);
    start();
    add_file("p256", ".handle.pem");
    text[strlen(text) - 1] = '\0'; /* no line's end at the end */
    test_in_ssl("p256", false);
}

/* The first key counts. */
static void test_order(void)
{
    start();
    add_file("rsa2048", ".pem");
    add_file("p256", ".handle.pem");
    CHECK(is_by(read_text(), "default", "rsa2048"));
    start();
    add_file("rsa2048", ".cert.pem");
    add_file("rsa2048", ".pem");
    add_file("p256", ".handle.pem");
    CHECK(is_by(read_text(), "default", "rsa2048"));
    start();
    add_file("p384", ".handle.pem");
    add_file("p256", ".handle.pem");
    add_file("rsa2048", ".pem");
    CHECK(is_by(read_text(), "asynccrypto", "p384"));
}

/* What holds no handle is not ours, and the error is OpenSSL's. */
static void test_others(void)
{
    start();
    CHECK(read_text() == NULL && raised("unsupported"));
    add_file("rsa2048", ".cert.pem");
    CHECK(read_text() == NULL && raised("unsupported"));
    start();
    add("-----BEGIN ASYNCCRYPTO KEY 2-----\nAAAA\n-----END ASYNCCRYPTO KEY 2-----\n");
    CHECK(read_text() == NULL && raised("unsupported"));
}

/* A store gives what a file has, in its order. */
static void test_store(void)
{
    char *path, uri[600];
    OSSL_STORE_CTX *s;
    OSSL_STORE_INFO *info;
    int i;

    start();
    add_file("p256", ".cert.pem");
    add_file("p256", ".handle.pem");
    add_file("ca", ".pem");
    path = path_of_text();
    snprintf(uri, sizeof uri, "file:%s", path);
    CHECK((s = OSSL_STORE_open(uri, NULL, NULL, NULL, NULL)) != NULL);
    for (i = 0; i < 3; i++) {
        CHECK((info = OSSL_STORE_load(s)) != NULL);
        CHECK(OSSL_STORE_INFO_get_type(info) == (i == 1 ? OSSL_STORE_INFO_PKEY : OSSL_STORE_INFO_CERT));
        if (i == 1)
            CHECK(is_by(OSSL_STORE_INFO_get1_PKEY(info), "asynccrypto", "p256"));
        OSSL_STORE_INFO_free(info);
    }
    CHECK(OSSL_STORE_load(s) == NULL && OSSL_STORE_eof(s));
    OSSL_STORE_close(s);
    CHECK(unlink(path) == 0);
    ERR_clear_error();
}

/* A PEM block of the type, with the bytes. */
static void add_block(const uint8_t *der, size_t size)
{
    char *pem;
    BIO *b = BIO_new(BIO_s_mem());
    long n;

    CHECK(PEM_write_bio(b, "ASYNCCRYPTO KEY", "", der, (long)size) > 0);
    n = BIO_get_mem_data(b, &pem);
    CHECK(strlen(text) + (size_t)n < sizeof text);
    strncat(text, pem, (size_t)n);
    BIO_free(b);
}

/* A handle of the version with these bytes as the public key. */
static size_t make_handle(uint8_t *out, const char *version, const uint8_t *spki, size_t size)
{
    ASN1_TYPE *fields[2] = { ASN1_TYPE_new(), ASN1_TYPE_new() };
    STACK_OF(ASN1_TYPE) *sequence = sk_ASN1_TYPE_new_null();
    ASN1_STRING *v = ASN1_STRING_type_new(V_ASN1_UTF8STRING), *key = ASN1_STRING_type_new(V_ASN1_SEQUENCE);
    int n;

    CHECK(ASN1_STRING_set(v, version, -1) == 1 && ASN1_STRING_set(key, spki, (int)size) == 1);
    ASN1_TYPE_set(fields[0], V_ASN1_UTF8STRING, v);
    ASN1_TYPE_set(fields[1], V_ASN1_SEQUENCE, key);
    sk_ASN1_TYPE_push(sequence, fields[0]);
    sk_ASN1_TYPE_push(sequence, fields[1]);
    n = i2d_ASN1_SEQUENCE_ANY(sequence, &out);
    CHECK(n > 0);
    sk_ASN1_TYPE_pop_free(sequence, ASN1_TYPE_free);
    return (size_t)n;
}

/* Reads the text, which must fail with one error of ours, and then what OpenSSL says of its own. */
static bool fails(enum reason reason)
{
    EVP_PKEY *k = read_text();
    unsigned long e = ERR_get_error();
    const char *name = ERR_lib_error_string(e);
    bool ok = k == NULL && name != NULL && strcmp(name, "asynccrypto") == 0 && ERR_GET_REASON(e) == (int)reason;

    EVP_PKEY_free(k);
    while ((e = ERR_get_error()) != 0)
        ok = ok && (name = ERR_lib_error_string(e)) != NULL && strcmp(name, "asynccrypto") != 0;
    return ok;
}

static void test_broken_pem(void)
{
    static const char *const bodies[] = {
        "", "MA==", "M", "MAA", "MA=A", "MA===", "====", "MAA@", "Proc-Type: 4,ENCRYPTED\n\nMAA=",
    };
    char whole[sizeof text], *at;
    size_t i;

    for (i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        start();
        add("-----BEGIN ASYNCCRYPTO KEY-----\n");
        add(bodies[i]);
        add("\n-----END ASYNCCRYPTO KEY-----\n");
        CHECK(fails(REASON_HANDLE));
    }
    start();
    add_file("rsa2048", ".handle.pem");
    strcpy(whole, text);
    for (at = strchr(whole, '\n'); at != NULL; at = strchr(at + 1, '\n')) {
        start();
        strncat(text, whole, (size_t)(at - whole) + 1); /* cut off after a line */
        if (at[1] != '\0')
            CHECK(fails(REASON_HANDLE));
        if (at[1] != '\0' && at[1] != '-') { /* without the next line */
            add(strchr(at + 1, '\n') + 1);
            CHECK(fails(REASON_HANDLE));
        }
    }
    start();
    add("-----BEGIN ASYNCCRYPTO KEY-----\n");
    for (i = 0; i < 1000; i++)
        add("AAAAAAAAAAAAAAAA\n"); /* more than a handle has */
    add("-----END ASYNCCRYPTO KEY-----\n");
    CHECK(fails(REASON_HANDLE));
}

static size_t spki_of(EVP_PKEY *k, uint8_t *out)
{
    int n = i2d_PUBKEY(k, &out);

    CHECK(n > 0);
    EVP_PKEY_free(k);
    return (size_t)n;
}

static EVP_PKEY *rsa_of_bits(int bits)
{
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_new();
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(plain(), "RSA", NULL);
    EVP_PKEY *k = NULL;
    OSSL_PARAM *params;

    CHECK(BN_rand(n, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD) == 1);
    CHECK(OSSL_PARAM_BLD_push_BN(b, "n", n) == 1 && OSSL_PARAM_BLD_push_ulong(b, "e", 65537) == 1);
    CHECK((params = OSSL_PARAM_BLD_to_param(b)) != NULL);
    CHECK(EVP_PKEY_fromdata_init(c) == 1 && EVP_PKEY_fromdata(c, &k, EVP_PKEY_PUBLIC_KEY, params) == 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    BN_free(n);
    EVP_PKEY_CTX_free(c);
    return k;
}

static EVP_PKEY *rsa_pss(void)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(plain(), "RSA-PSS", NULL);
    EVP_PKEY *k = NULL;

    CHECK(EVP_PKEY_keygen_init(c) == 1 && EVP_PKEY_generate(c, &k) == 1);
    EVP_PKEY_CTX_free(c);
    return k;
}

/* Reads a handle of the key. Reports whether it is read, as a key of that size. */
static bool is_read(EVP_PKEY *key)
{
    uint8_t spki[4096], handle[4200];
    int bits = EVP_PKEY_get_bits(key);
    size_t n = spki_of(key, spki);
    EVP_PKEY *k;
    bool ok;

    start();
    add_block(handle, make_handle(handle, "asynccrypto key 1", spki, n));
    k = read_text();
    ok = k != NULL && EVP_PKEY_get_bits(k) == bits;
    EVP_PKEY_free(k);
    ERR_clear_error();
    return ok;
}

static void test_kinds(void)
{
    static const int good[] = { 2048, 2049, 2055, 2056, 4096, 16384 }, bad[] = { 512, 2040, 2047, 16385 };
    static const char *const types[] = { "X25519", "ED448", "X448" };
    size_t i;

    for (i = 0; i < sizeof good / sizeof *good; i++)
        CHECK(is_read(rsa_of_bits(good[i])));
    for (i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!is_read(rsa_of_bits(bad[i])) && fails(REASON_KEY_KIND));
    for (i = 0; i < sizeof types / sizeof *types; i++)
        CHECK(!is_read(EVP_PKEY_Q_keygen(plain(), NULL, types[i])) && fails(REASON_KEY_KIND));
    CHECK(!is_read(EVP_PKEY_Q_keygen(plain(), NULL, "EC", "secp256k1")) && fails(REASON_KEY_KIND));
    CHECK(!is_read(EVP_PKEY_Q_keygen(plain(), NULL, "EC", "secp224r1")) && fails(REASON_KEY_KIND));
    CHECK(!is_read(rsa_pss()) && fails(REASON_KEY_KIND));
}

static void test_broken_der(void)
{
    uint8_t spki[600], handle[700];
    size_t n = spki_of(original("p256"), spki), size;

    start();
    add_block(handle, make_handle(handle, "asynccrypto key 2", spki, n));
    CHECK(fails(REASON_HANDLE));
    start();
    add_block(handle, make_handle(handle, "asynccrypto key", spki, n));
    CHECK(fails(REASON_HANDLE));
    size = make_handle(handle, "asynccrypto key 1", spki, n);
    start();
    add_block(handle, size + 1); /* a byte behind */
    CHECK(fails(REASON_HANDLE));
    start();
    add_block(handle, size - 1);
    CHECK(fails(REASON_HANDLE));
    start();
    handle[size - 65] = 2; /* a point of another form */
    add_block(handle, size);
    CHECK(fails(REASON_HANDLE));
}

/* DER without PEM is what d2i_PrivateKey and the openssl command's -inform DER read. */
static void test_der(void)
{
    uint8_t spki[600], handle[700];
    const uint8_t *at = handle;
    size_t n = spki_of(original("p256"), spki), size = make_handle(handle, "asynccrypto key 1", spki, n);
    EVP_PKEY *k = d2i_AutoPrivateKey_ex(NULL, &at, (long)size, NULL, NULL);

    CHECK(at == handle + size && is_by(k, "asynccrypto", "p256"));
    CHECK(ERR_peek_error() == 0);
}

int main(void)
{
    if (getenv("LOOKUP") != NULL)
        CHECK(OSSL_PROVIDER_available(NULL, "default") == 1);
    test_places();
    test_order();
    test_others();
    test_store();
    test_broken_pem();
    test_kinds();
    test_broken_der();
    test_der();
    return 0;
}
