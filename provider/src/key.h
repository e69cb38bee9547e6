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

/*
 * The most bytes of a SubjectPublicKeyInfo, which is a limit of the key server's protocol, and of a
 * handle. More are malformed.
 */
enum { KEY_SPKI_MAX = 8192, KEY_HANDLE_MAX = KEY_SPKI_MAX + 64 };

enum key_kind {
    KEY_EMPTY, /* of key_new_empty */
    KEY_RSA,   /* of 2048 to 16384 bits */
    KEY_P256,
    KEY_P384,
    KEY_P521,
    KEY_ED25519
};

struct key {
    atomic_uint references;
    const struct provider *provider;
    enum key_kind kind;
    int bits;             /* of the modulus, or of the curve's field */
    size_t max_signature; /* an ECDSA signature may be shorter; the others have this size */
    uint8_t id[32];       /* SHA-256 of spki: the key server's name for the key */
    struct bytes spki;    /* the whole SubjectPublicKeyInfo */
    struct bytes modulus, exponent; /* RSA: big endian, without zeros in front */
    struct bytes point;             /* EC: uncompressed, with the 4 in front; Ed25519: 32 bytes */
    uint8_t storage[];
};

/*
 * Make a key with one reference: from a SubjectPublicKeyInfo, and from a handle, which is
 *
 *     SEQUENCE { UTF8String "asynccrypto key 1", SubjectPublicKeyInfo }
 *
 * If the bytes are something else, or hold a key of another kind, they raise an error and return
 * NULL.
 */
struct key *key_from_spki(const struct provider *p, struct bytes spki);
struct key *key_from_handle(const struct provider *p, struct bytes handle);

/* Reports whether the bytes begin as a handle of any version does: no other file does. */
bool key_is_handle(struct bytes der);

/* Makes the key that libcrypto asks for before an import. No memory: raises an error, and NULL. */
struct key *key_new_empty(const struct provider *p);

struct key *key_hold(struct key *k); /* one more reference */
void key_release(struct key *k);     /* k may be NULL */

/* The type for OpenSSL: "RSA", "EC" or "ED25519". The key is not empty. */
const char *key_type(const struct key *k);

/* Writes the id in hexadecimal digits, and returns text. */
enum { KEY_ID_TEXT = 2 * 32 + 1 };
const char *key_print_id(const struct key *k, char text[KEY_ID_TEXT]);

/* OpenSSL's name of the curve, or NULL if the key is none of EC. */
const char *key_group(const struct key *k);

#endif
