#include "provider.h"

#include "client.h"
#include "params.h"

#include <openssl/core_names.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef PROVIDER_VERSION
# error "the Makefile says which version this is"
#endif

/* Whether the algorithms that stand last are hidden from this thread's fetches. */
static _Thread_local bool hiding;

/*
 * A fetch without properties, of which programs make most, takes the first algorithm of that name
 * in libcrypto's list. The list has the providers in the order in which they were asked, which may
 * be the order of their names. If ours came first, a program could not make an EC key, not even
 * the one of a TLS key share, and nothing could verify. Decoders are tried from the list's end,
 * and a handle behind certificates is found if ours is tried before OpenSSL's.
 *
 * So before ours are told for the first time, libcrypto must have put all others into its list: a
 * fetch of an algorithm that no provider has makes it ask all of them. Reports whether the list
 * then has others.
 */
#define NOWHERE "provider=asynccrypto"
#define LIST_OTHERS(KIND, name) \
    do { \
        KIND *first; \
\
        p->libcrypto.KIND##_free(p->libcrypto.KIND##_fetch(p->libctx, name, NOWHERE)); \
        first = p->libcrypto.KIND##_fetch(p->libctx, name, NULL); \
        found = first != NULL; \
        p->libcrypto.KIND##_free(first); \
    } while (0)

static bool list_others(const struct provider *p, int operation)
{
    bool found = false;

    hiding = true;
    p->f.set_error_mark(p->core);
    switch (operation) {
    case OSSL_OP_KEYMGMT: LIST_OTHERS(EVP_KEYMGMT, "RSA"); break;
    case OSSL_OP_SIGNATURE: LIST_OTHERS(EVP_SIGNATURE, "RSA"); break;
    case OSSL_OP_DECODER: LIST_OTHERS(OSSL_DECODER, "DER"); break;
    }
    p->f.pop_error_to_mark(p->core);
    hiding = false;
    return found;
}

/* Decides whether the algorithms of the operation can be told, as the last ones. */
static bool goes_last(struct provider *p, int operation, atomic_bool *is_last)
{
    if (*is_last)
        return true;
    if (hiding || !list_others(p, operation))
        return false;
    *is_last = true;
    return true;
}

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
    struct provider *p = provider;
    const OSSL_ALGORITHM *algorithms = NULL;
    atomic_bool *is_last = NULL;

    *no_cache = 0;
    switch (operation) {
    case OSSL_OP_KEYMGMT: algorithms = keymgmt_algorithms; is_last = &p->keymgmt_is_last; break;
    case OSSL_OP_SIGNATURE: algorithms = signature_algorithms; is_last = &p->signature_is_last; break;
    case OSSL_OP_DECODER: algorithms = decoder_algorithms; is_last = &p->decoder_is_last; break;
    case OSSL_OP_ENCODER: return encoder_algorithms;
    case OSSL_OP_STORE: return store_algorithms;
    }
    if (p->fault.reason != 0) /* a decoder or a store tells it */
        return operation == OSSL_OP_DECODER ? algorithms : NULL;
    if (is_last != NULL && !goes_last(p, operation, is_last)) {
        *no_cache = 1; /* ask again */
        return NULL;
    }
    return algorithms;
}

static const OSSL_PARAM *gettable(void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, NULL, 0), OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_VERSION, NULL, 0),
        OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_BUILDINFO, NULL, 0), OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, NULL),
        OSSL_PARAM_END,
    };

    (void)provider;
    return params;
}

static int get(void *provider, OSSL_PARAM params[])
{
    const struct provider *p = provider;

    return param_set_text(params, OSSL_PROV_PARAM_NAME, "asynccrypto: keys on a key server")
           && param_set_text(params, OSSL_PROV_PARAM_VERSION, PROVIDER_VERSION)
           && param_set_text(params, OSSL_PROV_PARAM_BUILDINFO, PROVIDER_VERSION)
           && param_set_int(params, OSSL_PROV_PARAM_STATUS, p->fault.reason == 0);
}

static const OSSL_ITEM *reasons(void *provider)
{
    (void)provider;
    return core_reasons;
}

/* Also called in a forked child that exits. It takes no lock, and the server is the process's. */
static void teardown(void *provider)
{
    free(provider);
}

static const OSSL_DISPATCH functions[] = {
    { OSSL_FUNC_PROVIDER_QUERY_OPERATION, FUNCTION(query) },
    { OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, FUNCTION(gettable) },
    { OSSL_FUNC_PROVIDER_GET_PARAMS, FUNCTION(get) },
    { OSSL_FUNC_PROVIDER_GET_REASON_STRINGS, FUNCTION(reasons) },
    { OSSL_FUNC_PROVIDER_TEARDOWN, FUNCTION(teardown) },
    { 0, NULL },
};

enum { DEFAULT_TIMEOUT = 5000, MAX_TIMEOUT = 3600 * 1000 }; /* milliseconds */

/* Reports whether the text is a number from 1 to MAX_TIMEOUT. */
static bool parse_timeout(const char *text, uint32_t *timeout)
{
    uint32_t n = 0;

    for (; *text >= '0' && *text <= '9' && n <= MAX_TIMEOUT; text++)
        n = 10 * n + (uint32_t)(*text - '0');
    *timeout = n;
    return *text == '\0' && n >= 1 && n <= MAX_TIMEOUT;
}

__attribute__((format(printf, 3, 4)))
static void set_fault(struct provider *p, enum reason reason, const char *format, ...)
{
    va_list arguments;

    p->fault.reason = reason;
    va_start(arguments, format);
    vsnprintf(p->fault.text, sizeof p->fault.text, format, arguments);
    va_end(arguments);
    DEBUG("%s", p->fault.text);
}

/* Finds the key server that the settings name. */
static void configure(struct provider *p)
{
    const char *path = NULL, *timeout = NULL, *thread = "late";
    uint32_t timeout_ms = DEFAULT_TIMEOUT;
    OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_ptr("socket", &path, 0), OSSL_PARAM_utf8_ptr("timeout", &timeout, 0),
        OSSL_PARAM_utf8_ptr("thread", &thread, 0), OSSL_PARAM_END,
    };

    p->f.get_params(p->core, params);
    if (path == NULL && (path = secure_getenv("ASYNCCRYPTO_KEYSERVER")) == NULL)
        path = "/run/asynccrypto/keys.sock";
    if (timeout != NULL && !parse_timeout(timeout, &timeout_ms)) {
        set_fault(p, REASON_SETTING, "timeout = %s is no number of milliseconds from 1 to %d", timeout, MAX_TIMEOUT);
        return;
    }
    if (strcmp(thread, "early") != 0 && strcmp(thread, "late") != 0) {
        set_fault(p, REASON_SETTING, "thread = %s is neither early nor late", thread);
        return;
    }
    if ((p->server = server_get(path, timeout_ms)) != NULL)
        DEBUG("key server at %s, timeout %u ms", path, (unsigned)timeout_ms);
    else if (errno == EINVAL)
        set_fault(p, REASON_SETTING, "socket = %s can't be the path of a socket: it is empty or too long", path);
    else
        set_fault(p, REASON_MEMORY, "no memory for the key server at %s", path);
    p->begins_early = p->server != NULL && strcmp(thread, "early") == 0;
}

__attribute__((visibility("default")))
int OSSL_provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *core_table, const OSSL_DISPATCH **table,
                       void **provider)
{
    struct provider *p = calloc(1, sizeof *p);
    const char *file, *missing;

    if (secure_getenv("ASYNCCRYPTO_PROVIDER_DEBUG") != NULL)
        core_debugging = true;
    if (p == NULL || !core_take(&p->f, core_table)) { /* nothing to raise an error with */
        free(p);
        return 0;
    }
    p->core = core;
    /* libcrypto's functions take what its core calls a context, as both are of one library. */
    p->libctx = (OSSL_LIB_CTX *)p->f.get_libctx(core);
    if ((missing = libcrypto_find(&p->libcrypto, core_table->function, &file)) != NULL) {
        set_fault(p, REASON_LIBCRYPTO,
                  "%s is not found in %s, which must be OpenSSL 3.0 or later and export its functions", missing, file);
    } else {
        DEBUG("functions of OpenSSL in %s", file);
        configure(p);
    }
    *table = functions;
    *provider = p;
    return 1;
}
