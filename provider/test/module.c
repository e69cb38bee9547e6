/* The whole module on a key server of the test's: without memory, and with texts of the server's. */
#include "fake.h"
#include "signing.h"

#include <dlfcn.h>
#include <openssl/async.h>
#include <openssl/store.h>
#include <openssl/x509.h>
#include <sched.h>
#include <stdatomic.h>

enum { LIST = 2 }; /* a number of the protocol */

/* The functions of glibc that the program's own ones call. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);

static unsigned long first, last; /* where the module is mapped */
static atomic_int before_failure = -1; /* allocations of the module before the one that fails; below 0: none fails */
static _Atomic(void *) allocated[100]; /* what the module has, and NULLs */

/* Loads the module, which stays, and finds out where. */
static void find_module(const char *path)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned long from, to;
    char line[500];

    CHECK(dlopen(path, RTLD_NOW) != NULL);
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        if (strstr(line, path) != NULL && sscanf(line, "%lx-%lx", &from, &to) == 2) {
            first = first == 0 ? from : first;
            last = to;
        }
    }
    CHECK(last != 0);
    fclose(maps);
}

static bool replace(void *from, void *to)
{
    size_t i;

    for (i = 0; i < sizeof allocated / sizeof *allocated; i++) {
        void *p = from;

        if (atomic_load(&allocated[i]) == from && atomic_compare_exchange_strong(&allocated[i], &p, to))
            return true;
    }
    return false;
}

/* How many allocations the module has. */
static int live(void)
{
    int n = 0;
    size_t i;

    for (i = 0; i < sizeof allocated / sizeof *allocated; i++)
        n += atomic_load(&allocated[i]) != NULL;
    return n;
}

#define ALLOCATE(call, before) \
    do { \
        unsigned long caller = (unsigned long)__builtin_return_address(0); \
        bool counts = caller >= first && caller < last; \
        void *p; \
\
        if (counts && atomic_load(&before_failure) >= 0 && atomic_fetch_sub(&before_failure, 1) == 0) { \
            errno = ENOMEM; \
            return NULL; \
        } \
        if ((p = (call)) != NULL && counts && !replace(before, p)) \
            abort(); \
        return p; \
    } while (0)

void *malloc(size_t n) { ALLOCATE(__libc_malloc(n), NULL); }
void *calloc(size_t n, size_t size) { ALLOCATE(__libc_calloc(n, size), NULL); }
void *realloc(void *from, size_t n) { ALLOCATE(__libc_realloc(from, n), from); }

void free(void *p)
{
    if (p != NULL)
        replace(p, NULL);
    __libc_free(p);
}

static struct fake f;
static unsigned char *spki; /* of the one key there is */
static int spki_size;

/* Signs with nonsense: only the size is looked at. Lists the key. */
static void answer(struct fake *k, const struct fake_request *r)
{
    uint8_t data[200] = { 1, 'k', 0, (uint8_t)spki_size };

    CHECK(spki_size < 128);
    memcpy(data + 4, spki, (size_t)spki_size);
    k->under_way--;
    fake_answer(r->fd, r->id, 0, data, r->op == LIST ? 4 + (size_t)spki_size + 1 : 70);
}

/* What one test does in a library context of its own. */
struct task {
    bool by_name; /* else by a handle */
    size_t size;  /* of the message */
    bool done;
};

static EVP_PKEY *from_handle(OSSL_LIB_CTX *ctx)
{
    static const uint8_t version[] = "\x0c\x11" "asynccrypto key 1";
    uint8_t der[200] = { 0x30, (uint8_t)(sizeof version - 1 + (size_t)spki_size) };
    BIO *b = BIO_new(BIO_s_mem());
    EVP_PKEY *key;

    CHECK(der[1] < 128);
    memcpy(der + 2, version, sizeof version - 1);
    memcpy(der + 2 + sizeof version - 1, spki, (size_t)spki_size);
    CHECK(PEM_write_bio(b, "ASYNCCRYPTO KEY", "", der, 2 + der[1]) > 0);
    key = PEM_read_bio_PrivateKey_ex(b, NULL, NULL, NULL, ctx, NULL);
    BIO_free(b);
    return key;
}

static EVP_PKEY *from_name(OSSL_LIB_CTX *ctx)
{
    OSSL_STORE_CTX *s = OSSL_STORE_open_ex("asynccrypto:k", ctx, NULL, NULL, NULL, NULL, NULL, NULL);
    OSSL_STORE_INFO *i = s == NULL ? NULL : OSSL_STORE_load(s);
    EVP_PKEY *key = i == NULL ? NULL : OSSL_STORE_INFO_get1_PKEY(i);

    OSSL_STORE_INFO_free(i);
    OSSL_STORE_close(s);
    return key;
}

static bool sign(OSSL_LIB_CTX *ctx, EVP_PKEY *key, size_t n)
{
    static const uint8_t text[5000];
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    uint8_t sig[100];
    size_t size = sizeof sig;
    bool ok = EVP_DigestSignInit_ex(c, NULL, "SHA256", ctx, NULL, key, NULL) == 1 && EVP_DigestSignUpdate(c, text, n / 2) == 1
              && EVP_DigestSignUpdate(c, text, n - n / 2) == 1 && EVP_DigestSignFinal(c, sig, &size) == 1;

    EVP_MD_CTX_free(c);
    return ok;
}

static void run(struct task *t)
{
    OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *ours, *defaults = OSSL_PROVIDER_load(ctx, "default");
    EVP_PKEY *key = NULL;

    CHECK(defaults != NULL);
    if ((ours = OSSL_PROVIDER_load(ctx, getenv("PROVIDER"))) != NULL)
        key = t->by_name ? from_name(ctx) : from_handle(ctx);
    t->done = key != NULL && sign(ctx, key, t->size);
    EVP_PKEY_free(key);
    if (ours != NULL)
        OSSL_PROVIDER_unload(ours);
    OSSL_PROVIDER_unload(defaults);
    OSSL_LIB_CTX_free(ctx);
}

static int job_main(void *args)
{
    run(*(struct task **)args);
    return 1;
}

/*
 * Newer OpenSSLs sign without a copy of the context where they get none for want of memory, and keep
 * the error of that.
 */
static const bool keeps_errors = OPENSSL_VERSION_NUMBER >= 0x30100000L;

static void run_in_job(struct task *t)
{
    ASYNC_WAIT_CTX *w = ASYNC_WAIT_CTX_new();
    ASYNC_JOB *j = NULL;
    int ret, status;

    while ((status = ASYNC_start_job(&j, w, &ret, job_main, &t, sizeof t)) == ASYNC_PAUSE) {
        struct pollfd p = { .events = POLLIN };
        size_t n;

        CHECK(keeps_errors || ERR_peek_error() == 0); /* libssl would report it in place of the pause */
        CHECK(ASYNC_WAIT_CTX_get_all_fds(w, NULL, &n) && n == 1);
        CHECK(ASYNC_WAIT_CTX_get_all_fds(w, &p.fd, &n) && poll(&p, 1, -1) == 1);
    }
    CHECK(status == ASYNC_FINISH);
    ASYNC_WAIT_CTX_free(w);
}

/* Each allocation of the module fails once: then there is an error, or it does without. Nothing is left over. */
static void without_memory(void (*run_task)(struct task *), bool by_name, size_t size)
{
    struct task t = { by_name, size, false };
    bool failed = true;
    int i, left;

    run_task(&t); /* makes what stays */
    CHECK(t.done);
    left = live();
    for (i = 0; failed; i++) {
        atomic_store(&before_failure, i);
        run_task(&t);
        failed = atomic_exchange(&before_failure, -1) < 0;
        CHECK(t.done ? keeps_errors || ERR_peek_error() == 0 : ERR_peek_error() != 0);
        CHECK(failed || t.done);
        ERR_clear_error();
        run_task(&t);
        CHECK(t.done);
        while (live() != left) /* the hub's thread may be about to free a request */
            sched_yield();
    }
    CHECK(i > 5);
}

static int refused_with;

static void refuse(struct fake *k, const struct fake_request *r)
{
    fake_refuse(k, r, (uint8_t)refused_with, "the \033[31mserver's \xff\n text");
}

/* An error has the server's text, without what does harm to a terminal, and the path of its socket once. */
static void texts(void)
{
    struct task t = { .size = 100 };
    const char *data, *path;

    for (refused_with = 1; refused_with < 6; refused_with++) {
        FAKE_SET(&f, on_request, refuse);
        run(&t);
        CHECK(!t.done);
        ERR_get_error_all(NULL, NULL, NULL, &data, NULL);
        CHECK(strstr(data, "the ?[31mserver's ?? text") != NULL);
        CHECK((path = strstr(data, f.path)) != NULL && strstr(path + 1, f.path) == NULL);
        ERR_clear_error();
    }
    FAKE_SET(&f, on_request, answer);
}

int main(void)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    int way;

    CHECK((spki_size = i2d_PUBKEY(key, &spki)) > 0);
    EVP_PKEY_free(key);
    fake_start(&f);
    FAKE_SET(&f, on_request, answer);
    CHECK(setenv("ASYNCCRYPTO_KEYSERVER", f.path, 1) == 0);
    find_module(getenv("PROVIDER"));
    for (way = 0; way < 4; way++) {
        without_memory(run, way & 1, way & 2 ? 5000 : 100);
        without_memory(run_in_job, way & 1, way & 2 ? 5000 : 100);
    }
    texts();
    OPENSSL_free(spki);
    fake_end(&f);
    return 0;
}
