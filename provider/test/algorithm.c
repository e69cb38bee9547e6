/* Compares the tables of digests and of algorithms with libcrypto's. */
#include "../../cabi/test/check.h"
#include "algorithm.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <string.h>

static const int nids[] = { NID_sha1,       NID_sha224,     NID_sha256,   NID_sha384,   NID_sha512,  NID_md5_sha1,
                            NID_sha512_256, NID_sha3_256, NID_sha3_384, NID_sha3_512 };
enum { NUM = sizeof nids / sizeof *nids };

static void check_name(const char *name, void *digest) { CHECK(digest_named(name) == digest); }

/* Each of libcrypto's digests is known by all of its names, or by none. */
static void check_md(EVP_MD *md, void *found)
{
    const struct digest *d = digest_named(EVP_MD_get0_name(md));
    char oid[64];

    CHECK(EVP_MD_names_do_all(md, check_name, (void *)d));
    for (int i = 0; i < NUM; i++)
        if (EVP_MD_get_type(md) == nids[i]) {
            CHECK(d != NULL && d->number == i + 1 && d->size == EVP_MD_get_size(md));
            CHECK(strcmp(d->names[0], OBJ_nid2sn(nids[i])) == 0);
            CHECK(digest_named(OBJ_nid2ln(nids[i])) == d);
            if (d->oid != NULL) {
                CHECK(OBJ_obj2txt(oid, sizeof oid, OBJ_nid2obj(nids[i]), 1) > 0);
                CHECK(digest_named(oid) == d);
                CHECK(OBJ_length(OBJ_nid2obj(nids[i])) == (size_t)d->oid[1]);
                CHECK(memcmp(OBJ_get0_data(OBJ_nid2obj(nids[i])), d->oid + 2, d->oid[1]) == 0);
            }
            ++*(int *)found;
            return;
        }
    CHECK(d == NULL);
}

static void check_sizes(void)
{
    CHECK(digest_of_size(20)->number == 1 && digest_of_size(28)->number == 2 && digest_of_size(32)->number == 3);
    CHECK(digest_of_size(48)->number == 4 && digest_of_size(64)->number == 5 && digest_of_size(36)->number == 6);
    for (size_t n = 0; n < 300; n++)
        CHECK(digest_of_size(n) == NULL || digest_of_size(n)->size == n);
    CHECK(digest_of_size(0) == NULL && digest_of_size(33) == NULL && digest_of_size(256 + 32) == NULL);
}

/* The identifier that OpenSSL's provider gives, or 0 bytes. */
static size_t get_identifier(EVP_PKEY *key, const char *md, int padding, int salt, uint8_t *id, size_t size)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    EVP_PKEY_CTX *p;
    OSSL_PARAM params[] = { OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, id, size), OSSL_PARAM_END };
    size_t n = 0;

    if (EVP_DigestSignInit_ex(c, &p, md, NULL, NULL, key, NULL) && (padding == 0 || EVP_PKEY_CTX_set_rsa_padding(p, padding) > 0)
        && (padding != RSA_PKCS1_PSS_PADDING || EVP_PKEY_CTX_set_rsa_pss_saltlen(p, salt) > 0) && EVP_PKEY_CTX_get_params(p, params) > 0)
        n = params[0].return_size;
    EVP_MD_CTX_free(c);
    return n;
}

static void check_same(const struct algorithm *a, const uint8_t *id, size_t n)
{
    CHECK(n == sizeof a->buffer - a->start);
    CHECK(memcmp(id, a->buffer + a->start, n) == 0);
}

static void check_identifiers(void)
{
    EVP_PKEY *rsa = EVP_RSA_gen(2048), *ec = EVP_EC_gen("P-256"), *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    struct algorithm a;
    uint8_t id[256];

    for (int i = 0; i < NUM; i++) {
        const char *name = OBJ_nid2sn(nids[i]);
        const struct digest *d = digest_named(name);

        algorithm_pkcs1(&a, d);
        check_same(&a, id, get_identifier(rsa, name, RSA_PKCS1_PADDING, 0, id, sizeof id));
        algorithm_ecdsa(&a, d);
        check_same(&a, id, get_identifier(ec, name, 0, 0, id, sizeof id));
        for (int salt = 0; salt <= 190; salt++) {
            size_t n = get_identifier(rsa, name, RSA_PKCS1_PSS_PADDING, salt, id, sizeof id);

            algorithm_pss(&a, d, (uint16_t)salt);
            check_same(&a, id, n);
        }
    }
    algorithm_ed25519(&a);
    check_same(&a, id, get_identifier(ed, NULL, 0, 0, id, sizeof id));
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(ed);
}

int main(void)
{
    int found = 0;

    EVP_MD_do_all_provided(NULL, check_md, &found);
    CHECK(found == NUM);
    CHECK(digest_named("sHa2-256") == digest_named("SHA256"));
    CHECK(digest_named("") == NULL && digest_named("SHA25") == NULL && digest_named("SHA2567") == NULL);
    check_sizes();
    check_identifiers();
    return 0;
}
