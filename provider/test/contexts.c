/* Many library contexts, threads and processes, each with a provider. */
#include "signing.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

/* A context with the configuration of the environment. */
static OSSL_LIB_CTX *context(void)
{
    OSSL_LIB_CTX *c = OSSL_LIB_CTX_new();

    CHECK(c != NULL && OSSL_LIB_CTX_load_config(c, getenv("OPENSSL_CONF")) == 1);
    return c;
}

static int sign(EVP_PKEY *k, OSSL_LIB_CTX *ctx)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    uint8_t sig[600];
    size_t size = sizeof sig;
    int ok;

    CHECK(EVP_DigestSignInit_ex(c, NULL, "SHA256", ctx, NULL, k, NULL) == 1);
    ok = EVP_DigestSign(c, sig, &size, (const uint8_t *)"text", 4);
    EVP_MD_CTX_free(c);
    return ok;
}

static void use(OSSL_LIB_CTX *c, const char *name)
{
    EVP_PKEY *k = read_key(name, ".handle.pem", c);

    CHECK(strcmp(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(k)), "asynccrypto") == 0);
    CHECK(sign(k, c) == 1);
    EVP_PKEY_free(k);
}

static void test_one_after_another(void)
{
    int i;

    for (i = 0; i < 20; i++) {
        OSSL_LIB_CTX *c = context();

        use(c, "p256");
        OSSL_LIB_CTX_free(c);
    }
}

/* Each context has its own settings. */
static void test_several_at_once(void)
{
    char file[] = "/tmp/contexts.XXXXXX";
    FILE *f = fdopen(mkstemp(file), "w");
    OSSL_LIB_CTX *a = context(), *b = OSSL_LIB_CTX_new(), *c = context();
    EVP_PKEY *ka, *kb;

    CHECK(f != NULL);
    fprintf(f, "openssl_conf = init\n[init]\nproviders = all\n[all]\ndefault = d\nasynccrypto = a\n[d]\nactivate = 1\n"
               "[a]\nactivate = 1\nmodule = %s\nsocket = /nowhere/keys.sock\ntimeout = 1\n", getenv("PROVIDER"));
    CHECK(fclose(f) == 0 && OSSL_LIB_CTX_load_config(b, file) == 1);
    ka = read_key("p256", ".handle.pem", a);
    kb = read_key("p256", ".handle.pem", b);
    CHECK(sign(ka, a) == 1);
    CHECK(sign(kb, b) != 1 && raised("/nowhere/keys.sock does not answer (tried for 1 ms)"));
    use(c, "rsa2048");
    EVP_PKEY_free(kb);
    OSSL_LIB_CTX_free(b);
    CHECK(sign(ka, a) == 1);
    EVP_PKEY_free(ka);
    OSSL_LIB_CTX_free(c);
    OSSL_LIB_CTX_free(a);
    CHECK(unlink(file) == 0);
}

/* A key keeps its provider. OpenSSL 4.1-dev frees it too early, also its own provider. */
static void test_unload(void)
{
    OSSL_LIB_CTX *c = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *d, *p;
    EVP_PKEY *k;

    CHECK((d = OSSL_PROVIDER_load(c, "default")) != NULL && (p = OSSL_PROVIDER_load(c, getenv("PROVIDER"))) != NULL);
    k = read_key("rsa2048", ".handle.pem", c);
    CHECK(OSSL_PROVIDER_unload(p) == 1);
    CHECK(EVP_PKEY_get_bits(k) == 2048);
    CHECK(sign(k, c) == 1);
    EVP_PKEY_free(k);
    CHECK(OSSL_PROVIDER_unload(d) == 1);
    OSSL_LIB_CTX_free(c);
}

static void *use_all(void *context)
{
    use(context, "p256");
    use(context, "rsa2048");
    return NULL;
}

/* All threads are the first to use the context. */
static void test_threads(void)
{
    pthread_t threads[8];
    OSSL_LIB_CTX *c = context();
    int i, round;

    for (round = 0; round < 5; round++) {
        for (i = 0; i < 8; i++)
            CHECK(pthread_create(&threads[i], NULL, use_all, c) == 0);
        for (i = 0; i < 8; i++)
            CHECK(pthread_join(threads[i], NULL) == 0);
        OSSL_LIB_CTX_free(c);
        c = context();
    }
    OSSL_LIB_CTX_free(c);
}

/* A child uses what the parent has, and frees it at its exit, as does the parent. */
static void test_fork(void)
{
    OSSL_LIB_CTX *c = context();
    EVP_PKEY *k = read_key("p256", ".handle.pem", c);
    pid_t child;
    int status;

    CHECK(sign(k, c) == 1);
    CHECK((child = fork()) >= 0);
    if (child == 0)
        CHECK(sign(k, c) == 1);
    EVP_PKEY_free(k);
    use(c, "rsa2048");
    use(NULL, "rsa2048");
    OSSL_LIB_CTX_free(c);
    if (child == 0)
        exit(0);
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    test_one_after_another();
    test_several_at_once();
    if (OPENSSL_version_major() == 3)
        test_unload();
    test_threads();
    test_fork();
    return 0;
}
