/* Keys on their way to libcrypto, from decode.c and store.c to keymgmt.c. */
#ifndef AP_OBJECT_H
#define AP_OBJECT_H

#include "key.h"

#include <openssl/core.h>

/*
 * Hands a key on, with its one reference, and returns the callback's result. A key that was not
 * taken over is released.
 */
int object_give(struct key *k, OSSL_CALLBACK *callback, void *argument);

/* keymgmt.c: exports the public part of a key that is on its way. */
int object_export(const void *reference, size_t size, OSSL_CALLBACK *callback, void *argument);

#endif
