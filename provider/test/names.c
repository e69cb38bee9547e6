/* Keys by name. With AWAY in the environment no key server is there. */
#include "signing.h"

#include <openssl/store.h>
#include <stdbool.h>

/* Loads what a URI names; expect is a type of objects, or 0. Returns the one object, or NULL. */
static OSSL_STORE_INFO *load(const char *uri, int expect)
{
    OSSL_STORE_CTX *s = OSSL_STORE_open(uri, NULL, NULL, NULL, NULL);
    OSSL_STORE_INFO *info = NULL;

    if (s == NULL)
        return NULL;
    CHECK(expect == 0 || OSSL_STORE_expect(s, expect) == 1);
    if (!OSSL_STORE_eof(s))
        info = OSSL_STORE_load(s);
    CHECK(OSSL_STORE_eof(s));
    CHECK(OSSL_STORE_close(s) == 1);
    return info;
}

static void test_name(const char *name)
{
    char uri[100];
    OSSL_STORE_INFO *info;
    EVP_PKEY *k, *o = original(name);

    snprintf(uri, sizeof uri, "asynccrypto:%s", name);
    CHECK((info = load(uri, 0)) != NULL && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY);
    CHECK((k = OSSL_STORE_INFO_get1_PKEY(info)) != NULL && EVP_PKEY_eq(k, o) == 1);
    CHECK(strcmp(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(k)), "asynccrypto") == 0);
    EVP_PKEY_free(k);
    OSSL_STORE_INFO_free(info);
    CHECK((info = load(uri, OSSL_STORE_INFO_PKEY)) != NULL);
    OSSL_STORE_INFO_free(info);
    CHECK(ERR_peek_error() == 0);
    CHECK(load(uri, OSSL_STORE_INFO_CERT) == NULL);
    CHECK(ERR_peek_error() == 0);
    EVP_PKEY_free(o);
}

/*
 * Reports whether there is no such key, and the last error has the text. OpenSSL looks for a file
 * of that name first, and says that there is none.
 */
static bool fails(const char *uri, const char *text)
{
    const char *data = "";
    bool ok = load(uri, 0) == NULL && ERR_peek_last_error_all(NULL, NULL, NULL, &data, NULL) != 0;

    ok = ok && strstr(data, text) != NULL;
    if (!ok)
        ERR_print_errors_fp(stderr);
    ERR_clear_error();
    return ok;
}

int main(void)
{
    static const char *const names[] = { "rsa2048", "rsa3072", "p256", "p384", "p521", "ed25519" };
    char uri[300] = "asynccrypto:";
    size_t i;

    CHECK(fails("asynccrypto:", "the name after asynccrypto: has 0 bytes"));
    memset(uri + strlen(uri), 'x', 256);
    CHECK(fails(uri, "has 256 bytes, and must have 1 to 255"));
    uri[strlen(uri) - 1] = '\0';
    if (getenv("AWAY") != NULL) {
        CHECK(fails("asynccrypto:rsa2048", "does not answer (tried for 50 ms)"));
        return 0;
    }
    for (i = 0; i < sizeof names / sizeof *names; i++)
        test_name(names[i]);
    CHECK(fails(uri, "has no key named xxx"));
    CHECK(fails("asynccrypto:secret", "has no key named secret that this user may use"));
    CHECK(fails("asynccrypto:RSA2048", "has no key named RSA2048"));
    return 0;
}
