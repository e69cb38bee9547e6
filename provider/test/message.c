/* Gathers messages of many sizes in many ways, and compares with their digests. */
#include "../../cabi/test/check.h"
#include "client.h"
#include "message.h"

#include <openssl/provider.h>
#include <string.h>

static enum reason raised; /* the last error */

static void new_error(const OSSL_CORE_HANDLE *core) { (void)core; }

static void set_error_debug(const OSSL_CORE_HANDLE *core, const char *file, int line, const char *function)
{
    (void)core;
    (void)file;
    (void)line;
    (void)function;
}

static void vset_error(const OSSL_CORE_HANDLE *core, uint32_t reason, const char *format, va_list arguments)
{
    (void)core;
    (void)format;
    (void)arguments;
    raised = reason;
}

static struct provider provider = {
    .f = { .new_error = new_error, .set_error_debug = set_error_debug, .vset_error = vset_error },
    .libcrypto = {
        .EVP_MD_fetch = EVP_MD_fetch,
        .EVP_MD_free = EVP_MD_free,
        .EVP_MD_CTX_new = EVP_MD_CTX_new,
        .EVP_MD_CTX_free = EVP_MD_CTX_free,
        .EVP_MD_CTX_copy_ex = EVP_MD_CTX_copy_ex,
        .EVP_DigestInit_ex2 = EVP_DigestInit_ex2,
        .EVP_DigestUpdate = EVP_DigestUpdate,
        .EVP_DigestFinal_ex = EVP_DigestFinal_ex,
    },
};

static uint8_t text[1 << 20];

/* The linker puts this in the place of malloc. */
static int fails; /* how many calls fail from now on */

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);

void *__wrap_malloc(size_t n) { return fails > 0 && fails-- > 0 ? NULL : __real_malloc(n); }

/* The request must have the first n bytes of text, or their digest if they are too many. */
static void check_request(const struct request *r, const struct digest *d, size_t n)
{
    uint8_t expected[EVP_MAX_MD_SIZE];
    size_t size;

    CHECK(r->message == (n <= MESSAGE_WHOLE && !d->local));
    if (r->message) {
        CHECK(r->size == n && (n == 0 || memcmp(r->data, text, n) == 0));
        return;
    }
    CHECK(EVP_Q_digest(NULL, d->names[0], NULL, text, n, expected, &size));
    CHECK(r->size == size && memcmp(r->data, expected, size) == 0);
}

/*
 * Appends the first n bytes of text in parts, of which the last is given to message_end. At each
 * part a copy is taken in place of the message, or beside it.
 */
static void check_parts(const struct digest *d, size_t n, size_t part, size_t last)
{
    struct message m = { 0 };
    struct request r = { 0 };
    uint8_t digest[DIGEST_MAX_SIZE];
    size_t at = 0;

    for (int i = 0; at < n - last; i++) {
        size_t more = part < n - last - at ? part : n - last - at;
        struct message copy;

        CHECK(message_copy(&copy, &m, &provider));
        if (i % 2 == 0) {
            struct message other = m;

            m = copy;
            copy = other;
        }
        CHECK(message_add(&m, &provider, d, text + at, more));
        at += more;
        if (i % 3 == 0) { /* a copy goes its own way */
            CHECK(message_add(&copy, &provider, d, (const uint8_t *)"other", 5));
            CHECK(message_end(&copy, &provider, d, text, 100, digest, &r));
            r = (struct request){ 0 };
        }
        message_clear(&copy, &provider);
    }
    CHECK(message_end(&m, &provider, d, text + at, last, digest, &r));
    check_request(&r, d, n);
    if (r.message && last == n)
        CHECK(r.data == text); /* no copy */
    message_clear(&m, &provider);
    CHECK(m.whole == NULL && m.hash == NULL && m.size == 0);
}

/* Without the digest there is an error, but only where the digest is needed. */
static void check_missing(void)
{
    const struct digest *d = digest_named("SHA256");
    struct message m = { 0 };
    struct request r = { 0 };
    uint8_t digest[DIGEST_MAX_SIZE];
    OSSL_LIB_CTX *empty = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *null = OSSL_PROVIDER_load(empty, "null");

    CHECK(null != NULL);
    provider.libctx = empty;
    CHECK(message_end(&m, &provider, d, text, MESSAGE_WHOLE, digest, &r) && raised == 0);
    CHECK(!message_end(&m, &provider, d, text, MESSAGE_WHOLE + 1, digest, &r));
    CHECK(raised == REASON_DIGEST);
    raised = 0;
    CHECK(!message_end(&m, &provider, digest_named("MD5-SHA1"), text, 0, digest, &r));
    CHECK(raised == REASON_DIGEST);
    message_clear(&m, &provider);
    OSSL_PROVIDER_unload(null);
    OSSL_LIB_CTX_free(empty);
    provider.libctx = NULL;
}

static void check_memory(void)
{
    const struct digest *d = digest_named("SHA256");
    struct message m = { 0 }, copy;
    struct request r = { 0 };
    uint8_t digest[DIGEST_MAX_SIZE];

    fails = 1;
    CHECK(!message_add(&m, &provider, d, text, 10) && raised == REASON_MEMORY);
    CHECK(message_add(&m, &provider, d, text, 10));
    raised = 0;
    fails = 1;
    CHECK(!message_copy(&copy, &m, &provider) && raised == REASON_MEMORY);
    message_clear(&copy, &provider);
    CHECK(message_end(&m, &provider, d, text + 10, 20, digest, &r));
    check_request(&r, d, 30);
    message_clear(&m, &provider);
    raised = 0;
}

int main(void)
{
    static const char *const names[] = { "SHA1", "SHA256", "SHA3-512", "SHA512-256", "MD5-SHA1" };
    static const size_t sizes[] = { 0, 1, 130, 4095, 4096, 4097, 5000, 8192, sizeof text };
    static const size_t parts[] = { 1, 64, 1000, 4095, 4096, 4097, sizeof text };

    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * 7 + i / 251);
    for (size_t d = 0; d < sizeof names / sizeof *names; d++)
        for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++)
            for (size_t p = sizes[n] > 10000; p < sizeof parts / sizeof *parts; p++) {
                check_parts(digest_named(names[d]), sizes[n], parts[p], 0);
                check_parts(digest_named(names[d]), sizes[n], parts[p], sizes[n]);
                check_parts(digest_named(names[d]), sizes[n], parts[p], sizes[n] / 3);
            }
    CHECK(raised == 0);
    check_memory();
    check_missing();
    return 0;
}
