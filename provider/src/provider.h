/* A provider that is loaded in a library context. Several may be at once in a process. */
#ifndef AP_PROVIDER_H
#define AP_PROVIDER_H

#include "core.h"
#include "libcrypto.h"

#include <stdatomic.h>

struct server;

/*
 * Nothing but the last three changes between OSSL_provider_init and teardown; all threads may read it.
 * libcrypto keeps it until the last key, signature and decoder of it is freed.
 */
struct provider {
    const OSSL_CORE_HANDLE *core;
    struct core_functions f;
    struct libcrypto libcrypto;
    OSSL_LIB_CTX *libctx;  /* for fetches */
    struct server *server; /* never freed: it is the process's; NULL if there is a fault */
    bool begins_early;     /* server_begin with the first key */
    struct {
        enum reason reason; /* 0: none */
        char text[512];
    } fault; /* the reason why it can't be used */

    /* Whether libcrypto lists our algorithms of the operation after all others. */
    atomic_bool keymgmt_is_last, signature_is_last, decoder_is_last;
};

/* Makes a function fit into a table of functions. */
#define FUNCTION(f) ((void (*)(void))(f))

/* The tables of each operation, which end in a row of NULLs. */
extern const OSSL_ALGORITHM keymgmt_algorithms[];   /* keymgmt.c */
extern const OSSL_ALGORITHM decoder_algorithms[];   /* decode.c */
extern const OSSL_ALGORITHM encoder_algorithms[];   /* encode.c */
extern const OSSL_ALGORITHM store_algorithms[];     /* store.c */
extern const OSSL_ALGORITHM signature_algorithms[]; /* signature.c */

/*
 * The properties of algorithms here: none. A program or a configuration may prefer the property
 * "provider=asynccrypto" and so would take public-key work to this provider; keys find their own
 * algorithms without it.
 */
#define PROPERTIES ""

#endif
