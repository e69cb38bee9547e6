/*
 * The functions that libcrypto's core hands to the provider, errors on OpenSSL's queue, and the
 * debug output.
 *
 * Memory is the C library's: libcrypto frees nothing that the provider has made.
 */
#ifndef AP_CORE_H
#define AP_CORE_H

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <stdbool.h>

struct provider;

struct core_functions {
    OSSL_FUNC_core_get_params_fn *get_params;
    OSSL_FUNC_core_get_libctx_fn *get_libctx;
    OSSL_FUNC_core_new_error_fn *new_error;
    OSSL_FUNC_core_set_error_debug_fn *set_error_debug;
    OSSL_FUNC_core_vset_error_fn *vset_error;
    OSSL_FUNC_core_set_error_mark_fn *set_error_mark;
    OSSL_FUNC_core_pop_error_to_mark_fn *pop_error_to_mark;
    OSSL_FUNC_BIO_read_ex_fn *bio_read;
    OSSL_FUNC_BIO_gets_fn *bio_gets;
    OSSL_FUNC_BIO_write_ex_fn *bio_write;
};

/* Takes the functions from the core's table. Reports whether all were there. */
bool core_take(struct core_functions *f, const OSSL_DISPATCH *table);

/* Reasons of errors. core.c has the text of each; ERR_GET_REASON gives the number. */
enum reason {
    REASON_MEMORY = 1,    /* no memory */
    REASON_SETTING,       /* a setting in the configuration is wrong */
    REASON_LIBCRYPTO,     /* the process's libcrypto lacks a function, or hides it */
    REASON_HANDLE,        /* a key handle is malformed */
    REASON_KEY_KIND,      /* a kind of key that the provider does not support */
    REASON_NAME,          /* a name of a key that can't be one */
    REASON_NO_SERVER,     /* the key server does not answer */
    REASON_NOT_ALLOWED,   /* the key server refuses this to the program's user */
    REASON_UNKNOWN_KEY,   /* the key server does not have the key */
    REASON_SERVER_FAILED, /* the key server has an error, or breaks the protocol */
    REASON_DIGEST,        /* a digest that the key server does not sign */
    REASON_PADDING,       /* a padding, or a length of a salt, that the key server does not sign */
    REASON_PARAMETER,     /* a parameter of a wrong type or value */
    REASON_DIGEST_SIZE,   /* data to sign that is not as long as the digest */
    REASON_TOO_LONG,      /* more data to sign than the key server takes */
    REASON_REFUSED,       /* the key server says that the request makes no sense */
    REASON_BUFFER,        /* the caller's buffer is too small */
    REASON_ORDER,         /* a function was called before the one that must come first */
    REASON_END
};

/*
 * Puts an error on the calling thread's queue. The text after the reason says what a person can
 * do; it names no secret. In a job nothing may stand on the queue when the job pauses, so only code
 * that does not pause afterwards may raise an error.
 */
#define RAISE(provider, reason, ...) \
    core_raise(provider, __FILE__, __LINE__, __func__, reason, __VA_ARGS__)
void core_raise(const struct provider *p, const char *file, int line, const char *function, enum reason reason,
                const char *format, ...) __attribute__((format(printf, 6, 7)));

/*
 * Reports whether the provider can be used, and otherwise raises an error. A provider that refuses
 * to load is passed over in silence where it is the configuration that loads it. So it is loaded,
 * and each function that finds a key for it calls this first.
 */
bool core_usable(const struct provider *p);

/* The table of reasons for the core. */
extern const OSSL_ITEM core_reasons[];

/*
 * DEBUG writes a line to stderr if ASYNCCRYPTO_PROVIDER_DEBUG is in the environment when the first
 * provider is loaded. It may be called on any thread, and leaves errno alone. Lines must name no
 * secret, no message and no signature.
 */
#define DEBUG(...) \
    do { \
        if (__builtin_expect(core_debugging, false)) \
            core_debug(__VA_ARGS__); \
    } while (0)
extern bool core_debugging;
void core_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
