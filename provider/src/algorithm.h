/*
 * Identifiers of signature algorithms, as certificates have them: AlgorithmIdentifier of RFC 5280
 * in DER. Nothing here needs libcrypto.
 */
#ifndef AP_ALGORITHM_H
#define AP_ALGORITHM_H

#include "digest.h"

struct algorithm {
    uint8_t buffer[96];
    size_t start; /* the identifier is the rest of the buffer; nothing if there is none */
};

/* An identifier that no standard has is empty. */
void algorithm_pkcs1(struct algorithm *a, const struct digest *d);
void algorithm_pss(struct algorithm *a, const struct digest *d, uint16_t salt); /* d is also MGF1's */
void algorithm_ecdsa(struct algorithm *a, const struct digest *d);
void algorithm_ed25519(struct algorithm *a);

#endif
