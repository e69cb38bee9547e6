/* What is not signed, and the error that says so. */
#include "signing.h"

static uint8_t text[70000], sig[600];

static int set_text(EVP_PKEY_CTX *p, const char *name, const char *value)
{
    OSSL_PARAM params[] = { OSSL_PARAM_END, OSSL_PARAM_END };

    params[0] = OSSL_PARAM_construct_utf8_string(name, (char *)value, 0);
    return EVP_PKEY_CTX_set_params(p, params);
}

static int set_int(EVP_PKEY_CTX *p, const char *name, int value)
{
    OSSL_PARAM params[] = { OSSL_PARAM_END, OSSL_PARAM_END };

    params[0] = OSSL_PARAM_construct_int(name, &value);
    return EVP_PKEY_CTX_set_params(p, params);
}

/* A context in which the key signs messages. */
static EVP_MD_CTX *begin(EVP_PKEY *key, const char *md, EVP_PKEY_CTX **p)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();

    CHECK(EVP_DigestSignInit_ex(c, p, md, NULL, NULL, key, NULL) == 1);
    return c;
}

/* Signs n bytes, and frees the context. */
static int end(EVP_MD_CTX *c, size_t n)
{
    size_t size = sizeof sig;
    int ok = EVP_DigestSign(c, sig, &size, text, n);

    EVP_MD_CTX_free(c);
    return ok;
}

/* Signs as a digest, whose name may be NULL. */
static int sign_digest(EVP_PKEY *key, const char *md, size_t n, size_t room)
{
    EVP_PKEY_CTX *p = EVP_PKEY_CTX_new(key, NULL);
    int ok;

    CHECK(EVP_PKEY_sign_init(p) == 1);
    if (md != NULL)
        CHECK(set_text(p, OSSL_SIGNATURE_PARAM_DIGEST, md) == 1);
    ok = EVP_PKEY_sign(p, sig, &room, text, n);
    EVP_PKEY_CTX_free(p);
    return ok;
}

/* The identifier of the algorithm, for X.509. */
static int identify(EVP_PKEY_CTX *p)
{
    uint8_t id[128];
    OSSL_PARAM params[] = { OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, id, sizeof id), OSSL_PARAM_END };

    return EVP_PKEY_CTX_get_params(p, params);
}

static void check_digests(EVP_PKEY *rsa)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    EVP_PKEY_CTX *p;

    CHECK(EVP_DigestSignInit_ex(c, NULL, "MD5", NULL, NULL, rsa, NULL) != 1 && raised("\"MD5\""));
    CHECK(end(c, 10) != 1 && raised("not initialised"));
    c = begin(rsa, "SHA256", &p);
    CHECK(EVP_DigestSignInit_ex(c, NULL, "SHAKE256", NULL, NULL, NULL, NULL) != 1 && raised("digest not supported"));
    CHECK(end(c, 10) != 1 && raised("not initialised")); /* nor with the digest of before */
    c = begin(rsa, "SHA256", &p);
    CHECK(EVP_DigestSignUpdate(c, text, 100) == 1);
    CHECK(set_text(p, OSSL_SIGNATURE_PARAM_DIGEST, "SHA512") != 1 && raised("can't change"));
    CHECK(set_text(p, OSSL_SIGNATURE_PARAM_DIGEST, "SHA2-256") == 1);
    CHECK(end(c, 10) == 1);
    c = begin(rsa, "SHA256", &p);
    CHECK(set_text(p, OSSL_SIGNATURE_PARAM_DIGEST, "") != 1 && raised("\"\""));
    CHECK(set_int(p, OSSL_SIGNATURE_PARAM_DIGEST, 3) != 1 && raised("wrong parameter"));
    EVP_MD_CTX_free(c);
    CHECK(sign_digest(rsa, "SHA256", 31, sizeof sig) != 1 && raised("31 bytes, and SHA256 has 32"));
    CHECK(sign_digest(rsa, "SHA256", 32, 255) != 1 && raised("buffer"));
    CHECK(sign_digest(rsa, "SHA256", 32, 256) == 1);
    /* Without a digest: the allow file of rsa2048 has the word nohash, that of rsa3072 has not. */
    CHECK(sign_digest(rsa, NULL, 1, sizeof sig) == 1 && sign_digest(rsa, NULL, 245, sizeof sig) == 1);
    CHECK(sign_digest(rsa, NULL, 246, sizeof sig) != 1 && raised("at most 245"));
    CHECK(sign_digest(rsa, NULL, 65537, sizeof sig) != 1 && raised("65537 bytes to sign without a digest"));
}

static void check_rsa(EVP_PKEY *rsa)
{
    static const char *const paddings[] = { "none", "x931", "oaep", "rubbish", "3", "" };
    static const char *const salts[] = { "rubbish", "-5", "12x", "", "65536", "99999999999999999999" };
    EVP_PKEY_CTX *p;
    EVP_MD_CTX *c = begin(rsa, "SHA256", &p);

    for (size_t i = 0; i < sizeof paddings / sizeof *paddings; i++)
        CHECK(set_text(p, OSSL_SIGNATURE_PARAM_PAD_MODE, paddings[i]) != 1 && raised("pkcs1 and pss"));
    CHECK(EVP_PKEY_CTX_set_rsa_padding(p, RSA_NO_PADDING) != 1 && raised("padding not supported"));
    CHECK(set_int(p, OSSL_SIGNATURE_PARAM_PSS_SALTLEN, 32) != 1 && raised("need the padding pss"));
    CHECK(set_text(p, OSSL_SIGNATURE_PARAM_MGF1_DIGEST, "SHA256") != 1 && raised("need the padding pss"));
    CHECK(set_text(p, OSSL_SIGNATURE_PARAM_PAD_MODE, "pss") == 1);
    for (size_t i = 0; i < sizeof salts / sizeof *salts; i++)
        CHECK(set_text(p, OSSL_SIGNATURE_PARAM_PSS_SALTLEN, salts[i]) != 1 && raised("padding not supported"));
    CHECK(set_int(p, OSSL_SIGNATURE_PARAM_PSS_SALTLEN, -5) != 1 && raised("number of bytes"));
    CHECK(set_text(p, OSSL_SIGNATURE_PARAM_MGF1_DIGEST, "SHAKE128") != 1 && raised("SHAKE128"));
    CHECK(set_text(p, OSSL_SIGNATURE_PARAM_MGF1_DIGEST, "SHA-256") == 1);
    CHECK(end(c, 10) == 1);

    c = begin(rsa, "SHA256", &p);
    CHECK(EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) == 1 && EVP_PKEY_CTX_set_rsa_pss_saltlen(p, 0) == 1);
    CHECK(end(c, 10) != 1 && raised("PSS without a salt"));
    c = begin(rsa, "SHA256", &p);
    CHECK(EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) == 1 && EVP_PKEY_CTX_set_rsa_pss_saltlen(p, 223) == 1);
    CHECK(end(c, 10) != 1 && raised("has room for 222"));
    c = begin(rsa, "SHA256", &p);
    CHECK(EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) == 1 && EVP_PKEY_CTX_set_rsa_mgf1_md_name(p, "SHA1", NULL) == 1);
    CHECK(identify(p) != 1 && raised("same digest for MGF1: SHA256, and not SHA1"));
    CHECK(end(c, 10) != 1 && raised("same digest for MGF1: SHA256, and not SHA1"));
    c = begin(rsa, "MD5-SHA1", &p);
    CHECK(identify(p) != 1 && raised("no standard has an identifier for signatures of RSA with the digest MD5-SHA1"));
    CHECK(EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) == 1);
    CHECK(end(c, 10) != 1 && raised("PSS with md5sha1"));

    p = EVP_PKEY_CTX_new(rsa, NULL);
    CHECK(EVP_PKEY_sign_init(p) == 1);
    CHECK(identify(p) != 1 && raised("with the digest none"));
    CHECK(EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) == 1);
    CHECK(EVP_PKEY_sign(p, sig, &(size_t){ sizeof sig }, text, 32) != 1 && raised("PSS needs the name of the digest"));
    EVP_PKEY_CTX_free(p);
}

static void check_ecdsa(EVP_PKEY *ec)
{
    EVP_PKEY_CTX *p;
    EVP_MD_CTX *c = begin(ec, "SHA256", &p);

    CHECK(set_int(p, "nonce-type", 1) != 1 && raised("nonce"));
    CHECK(set_int(p, "nonce-type", 0) == 1);
    CHECK(end(c, 10) == 1);
    CHECK(sign_digest(ec, NULL, 33, sizeof sig) != 1 && raised("33 bytes, which no digest has"));
    CHECK(sign_digest(ec, NULL, 0, sizeof sig) != 1 && raised("0 bytes"));
    CHECK(sign_digest(ec, NULL, 32, 71) != 1 && raised("up to 72 bytes"));
}

static void check_ed25519(EVP_PKEY *ed)
{
    EVP_PKEY_CTX *p;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    OSSL_PARAM context[] = { OSSL_PARAM_octet_string("context-string", text, 1), OSSL_PARAM_END };

    CHECK(EVP_DigestSignInit_ex(c, NULL, "SHA512", NULL, NULL, ed, NULL) != 1 && raised("no digest may be chosen"));
    CHECK(end(c, 10) != 1 && raised("not initialised"));
    c = begin(ed, NULL, &p);
    CHECK(EVP_DigestSignUpdate(c, text, 10) != 1);
    ERR_clear_error();
    CHECK(set_text(p, OSSL_SIGNATURE_PARAM_DIGEST, "SHA512") != 1 && raised("no digest may be chosen"));
    CHECK(set_text(p, "instance", "Ed25519ph") != 1 && raised("and not as Ed25519ph"));
    CHECK(set_text(p, "instance", "a name of an instance that nobody has") != 1 && raised("Ed25519"));
    CHECK(EVP_PKEY_CTX_set_params(p, context) != 1 && raised("context string"));
    context[0].data_size = 0;
    CHECK(EVP_PKEY_CTX_set_params(p, context) == 1);
    CHECK(set_text(p, "instance", "ED25519") == 1);
    CHECK(end(c, 65536) == 1);
    c = begin(ed, NULL, &p);
    CHECK(end(c, 65537) != 1 && raised("data too long"));
    c = begin(ed, NULL, &p);
    CHECK(EVP_DigestSign(c, sig, &(size_t){ 63 }, text, 10) != 1 && raised("buffer too small"));
    EVP_MD_CTX_free(c);
    p = EVP_PKEY_CTX_new(ed, NULL);
    CHECK(EVP_PKEY_sign_init(p) <= 0 && raised("no digest may be chosen"));
    EVP_PKEY_CTX_free(p);
}

/* A key server that holds the key to TLS 1.3, or that does not let it be used, or does not have it. */
static void check_server(void)
{
    static const char context[] = "TLS 1.3, server CertificateVerify";
    EVP_PKEY *held = handle("held"), *foreign = handle("foreign"), *other = handle("rsa3072");
    EVP_PKEY_CTX *p;
    EVP_MD_CTX *c;

    memset(text, ' ', 64); /* RFC 8446, section 4.4.3 */
    memcpy(text + 64, context, sizeof context);
    c = begin(held, "SHA256", &p);
    CHECK(end(c, 64 + sizeof context + 32) == 1);
    c = begin(held, "SHA256", &p); /* in parts */
    CHECK(EVP_DigestSignUpdate(c, text, 64) == 1 && EVP_DigestSignUpdate(c, text + 64, sizeof context + 48) == 1);
    CHECK(EVP_DigestSignFinal(c, sig, &(size_t){ sizeof sig }) == 1);
    EVP_MD_CTX_free(c);
    c = begin(held, "SHA256", &p);
    CHECK(end(c, 5000) != 1 && raised("this is sha256 of a digest"));
    text[0] = 'x';
    c = begin(held, "SHA256", &p);
    CHECK(end(c, 64 + sizeof context + 32) != 1 && raised("not allowed by the key server"));
    c = begin(foreign, "SHA256", &p);
    CHECK(end(c, 10) != 1 && raised("key unknown to the key server"));
    CHECK(sign_digest(other, NULL, 32, sizeof sig) != 1 && raised("not allowed by the key server"));
    EVP_PKEY_free(held);
    EVP_PKEY_free(foreign);
    EVP_PKEY_free(other);
}

/* A handle's key verifies nothing: its public key does, which others have. */
static void check_verify(EVP_PKEY *key)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();

    CHECK(EVP_DigestVerifyInit_ex(c, NULL, "SHA256", NULL, NULL, key, NULL) != 1);
    ERR_clear_error();
    EVP_MD_CTX_free(c);
}

int main(void)
{
    EVP_PKEY *rsa = handle("rsa2048"), *ec = handle("p256"), *ed = handle("ed25519");

    check_digests(rsa);
    check_rsa(rsa);
    check_ecdsa(ec);
    check_ed25519(ed);
    check_server();
    check_verify(rsa);
    check_verify(ec);
    CHECK(ERR_peek_error() == 0);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(ed);
    return 0;
}
