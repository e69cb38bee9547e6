/*
 * Keys: public keys whose private part is on a key server. A key is made whole and does not change
 * afterwards, so threads share it. It is freed with its last reference.
 */
#ifndef AP_KEY_H
#define AP_KEY_H

#include "der.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct provider;

enum key_kind { KEY_RSA, KEY_P256, KEY_P384, KEY_P521, KEY_ED25519 };

struct key {
    atomic_size_t references;
    const struct provider *provider;
    enum key_kind kind;
    int bits;             /* RSA: of the modulus; else of the curve */
    size_t max_signature; /* the size of the longest signature: RSA and Ed25519: of each */
    uint8_t id[32];       /* SHA-256 of spki: the key server's name for the key */
    struct bytes spki;    /* the whole SubjectPublicKeyInfo in DER */
    struct bytes modulus, exponent; /* RSA, big endian, without zeros in front */
    struct bytes point;             /* EC: uncompressed, with the 4 in front; Ed25519: 32 bytes */
    uint8_t storage[];
};

/*
 * Make a key with one reference from a SubjectPublicKeyInfo, and from a handle:
 *
 *     SEQUENCE { UTF8String "asynccrypto key 1", SubjectPublicKeyInfo }
 *
 * If the bytes are no such thing, or hold a kind of key that is not in key_kind, they raise an
 * error and return NULL.
 */
struct key *key_from_spki(const struct provider *p, struct bytes spki);
struct key *key_from_handle(const struct provider *p, struct bytes handle);

/* Reports whether the bytes begin as a handle does, of any version: others are left to OpenSSL. */
bool key_is_handle(struct bytes der);

struct key *key_hold(struct key *k); /* one more reference */
void key_release(struct key *k);     /* k may be NULL */

/* The type of the key for OpenSSL: "RSA", "EC" or "ED25519". */
const char *key_type(const struct key *k);

/*
 * The most bytes that a handle and a SubjectPublicKeyInfo have: one more than these is malformed.
 * The key server's protocol has the second limit.
 */
enum { KEY_SPKI_MAX = 8192, KEY_HANDLE_MAX = KEY_SPKI_MAX + 64 };

#endif
