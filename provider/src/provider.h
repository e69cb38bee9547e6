/* A provider that is loaded in a library context. Several may be at once in a process. */
#ifndef AP_PROVIDER_H
#define AP_PROVIDER_H

#include "core.h"
#include "libcrypto.h"

struct server;

/*
 * Nothing in it changes between OSSL_provider_init and teardown, so that all threads may read it.
 * libcrypto keeps it until the last key, signature and decoder of it is freed.
 */
struct provider {
    const OSSL_CORE_HANDLE *core;
    struct core_functions f;
    struct libcrypto libcrypto;
    OSSL_LIB_CTX *libctx;  /* for fetches */
    struct server *server; /* never freed: it is the process's */
};

/* Makes a function fit into a table of functions. */
#define FUNCTION(f) ((void (*)(void))(f))

/* The tables of each operation, which end in a row of NULLs. */
extern const OSSL_ALGORITHM keymgmt_algorithms[];   /* keymgmt.c */
extern const OSSL_ALGORITHM decoder_algorithms[];   /* decode.c */
extern const OSSL_ALGORITHM store_algorithms[];     /* store.c */
extern const OSSL_ALGORITHM signature_algorithms[]; /* signature.c */

/* The property that every algorithm here has. */
#define PROPERTIES "provider=asynccrypto"

#endif
