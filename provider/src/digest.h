/* The digests that a key server signs. Nothing here needs libcrypto. */
#ifndef AP_DIGEST_H
#define AP_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * An object identifier is a whole DER value: a tag, a length, contents. It is NULL where the
 * standards have none.
 */
struct digest {
    const char *names[5]; /* all that libcrypto uses; the first is that of its table of objects */
    uint8_t number;       /* HASH_... of the key server's protocol */
    uint8_t size;
    bool local;           /* the key server signs the digest, and does not hash messages itself */
    const char *oid;
    const char *with_rsa; /* the identifier of PKCS #1 v1.5 signatures with the digest */
    const char *with_ecdsa;
};

enum { DIGEST_MAX_SIZE = 64 };

/* Returns the digest of a name, in any case, or NULL if the key server does not have it. */
const struct digest *digest_named(const char *name);

/* Returns a digest of that size, or NULL. */
const struct digest *digest_of_size(size_t size);

#endif
