#include "key.h"

#include "client.h"
#include "provider.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t rsa_oid[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01 };
static const uint8_t ec_oid[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 };
static const uint8_t p256_oid[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
static const uint8_t p384_oid[] = { 0x2b, 0x81, 0x04, 0x00, 0x22 };
static const uint8_t p521_oid[] = { 0x2b, 0x81, 0x04, 0x00, 0x23 };
static const uint8_t ed25519_oid[] = { 0x2b, 0x65, 0x70 };

static const struct curve {
    enum key_kind kind;
    struct bytes oid;
    const char *group;
    int bits;
    size_t point, max_signature;
} curves[] = {
    { KEY_P256, { p256_oid, sizeof p256_oid }, "prime256v1", 256, 65, 72 },
    { KEY_P384, { p384_oid, sizeof p384_oid }, "secp384r1", 384, 97, 104 },
    { KEY_P521, { p521_oid, sizeof p521_oid }, "secp521r1", 521, 133, 139 },
};

static const struct curve *curve_of(struct bytes oid)
{
    size_t i;

    for (i = 0; i < sizeof curves / sizeof *curves; i++) {
        if (bytes_equal(oid, curves[i].oid))
            return &curves[i];
    }
    return NULL;
}

/* The readers below get the AlgorithmIdentifier's parameters and the public key, and fill k. */
enum verdict { GOOD, MALFORMED, UNSUPPORTED };

static int bits_of(struct bytes number)
{
    return (int)number.size * 8 - __builtin_clz(number.data[0]) + 24;
}

static enum verdict read_rsa(struct key *k, struct bytes parameters, struct bytes public)
{
    struct bytes null, pair;

    if (!der_take(&parameters, DER_NULL, &null) || null.size != 0 || parameters.size != 0
        || !der_take(&public, DER_SEQUENCE, &pair) || public.size != 0 || !der_take_positive(&pair, &k->modulus)
        || !der_take_positive(&pair, &k->exponent) || pair.size != 0)
        return MALFORMED;
    k->kind = KEY_RSA;
    k->bits = bits_of(k->modulus);
    k->max_signature = k->modulus.size;
    return k->bits < 2048 || k->bits > 16384 ? UNSUPPORTED : GOOD;
}

static enum verdict read_ec(struct key *k, struct bytes parameters, struct bytes public)
{
    struct bytes oid;
    const struct curve *c;

    if (!der_take(&parameters, DER_OID, &oid) || parameters.size != 0 || (c = curve_of(oid)) == NULL)
        return UNSUPPORTED; /* the parameters may be those of a curve without a name */
    if (public.size != c->point || public.data[0] != 4)
        return MALFORMED;
    k->kind = c->kind;
    k->bits = c->bits;
    k->max_signature = c->max_signature;
    k->point = public;
    return GOOD;
}

static enum verdict read_ed25519(struct key *k, struct bytes parameters, struct bytes public)
{
    if (parameters.size != 0 || public.size != 32)
        return MALFORMED;
    k->kind = KEY_ED25519;
    k->bits = 256;
    k->max_signature = 64;
    k->point = public;
    return GOOD;
}

static enum verdict read_spki(struct key *k, struct bytes spki)
{
    struct bytes fields, algorithm, oid, public;

    if (!der_take(&spki, DER_SEQUENCE, &fields) || spki.size != 0 || !der_take(&fields, DER_SEQUENCE, &algorithm)
        || !der_take(&algorithm, DER_OID, &oid) || !der_take_bits(&fields, &public) || fields.size != 0)
        return MALFORMED;
    if (bytes_equal(oid, (struct bytes){ rsa_oid, sizeof rsa_oid }))
        return read_rsa(k, algorithm, public);
    if (bytes_equal(oid, (struct bytes){ ec_oid, sizeof ec_oid }))
        return read_ec(k, algorithm, public);
    if (bytes_equal(oid, (struct bytes){ ed25519_oid, sizeof ed25519_oid }))
        return read_ed25519(k, algorithm, public);
    return UNSUPPORTED;
}

static bool set_id(struct key *k)
{
    const struct provider *p = k->provider;
    EVP_MD *sha256 = p->libcrypto.EVP_MD_fetch(p->libctx, "SHA2-256", NULL);
    bool ok = sha256 != NULL && p->libcrypto.EVP_Digest(k->spki.data, k->spki.size, k->id, NULL, sha256, NULL) == 1;

    p->libcrypto.EVP_MD_free(sha256);
    if (!ok)
        RAISE(p, REASON_DIGEST, "no provider has SHA-256; activate OpenSSL's default provider, too");
    return ok;
}

static struct key *new_key(const struct provider *p, struct bytes spki)
{
    struct key *k = calloc(1, sizeof *k + spki.size);

    if (k == NULL) {
        RAISE(p, REASON_MEMORY, "for a key");
        return NULL;
    }
    k->references = 1;
    k->provider = p;
    if (spki.size > 0)
        memcpy(k->storage, spki.data, spki.size);
    k->spki = (struct bytes){ k->storage, spki.size };
    return k;
}

struct key *key_from_spki(const struct provider *p, struct bytes spki)
{
    char id[KEY_ID_TEXT];
    struct key *k;

    if (spki.size > KEY_SPKI_MAX) {
        RAISE(p, REASON_HANDLE, "a public key of more than %d bytes", KEY_SPKI_MAX);
        return NULL;
    }
    if ((k = new_key(p, spki)) == NULL)
        return NULL;
    switch (read_spki(k, k->spki)) {
    case GOOD:
        if (!set_id(k))
            break;
        DEBUG("%s key of %d bits; its id begins with %.8s", key_type(k), k->bits, key_print_id(k, id));
        if (p->begins_early)
            server_begin(p->server);
        return k;
    case MALFORMED:
        RAISE(p, REASON_HANDLE, "its public key can't be read; make the handle anew");
        break;
    case UNSUPPORTED:
        RAISE(p, REASON_KEY_KIND, "supported are RSA of 2048 to 16384 bits, P-256, P-384, P-521 and Ed25519");
        break;
    }
    key_release(k);
    return NULL;
}

struct key *key_new_empty(const struct provider *p)
{
    return new_key(p, (struct bytes){ NULL, 0 });
}

static const char handle_name[] = "asynccrypto key ", handle_version[] = "1";

/* Takes the handle's first field, of any version. Reports whether it is that of a handle. */
static bool take_version(struct bytes *fields, struct bytes *version)
{
    const size_t n = sizeof handle_name - 1;

    if (!der_take(fields, DER_UTF8_STRING, version) || version->size < n
        || memcmp(version->data, handle_name, n) != 0)
        return false;
    version->data += n;
    version->size -= n;
    return true;
}

bool key_is_handle(struct bytes der)
{
    struct bytes fields, version;

    return der_take(&der, DER_SEQUENCE, &fields) && take_version(&fields, &version);
}

struct key *key_from_handle(const struct provider *p, struct bytes handle)
{
    struct bytes fields, version;

    if (!der_take(&handle, DER_SEQUENCE, &fields) || handle.size != 0 || !take_version(&fields, &version)) {
        RAISE(p, REASON_HANDLE, "it is incomplete or not DER; make it anew with \"asynccrypto keyserver handle\"");
        return NULL;
    }
    if (!bytes_equal(version, (struct bytes){ (const uint8_t *)handle_version, sizeof handle_version - 1 })) {
        RAISE(p, REASON_HANDLE, "its version is not 1; a newer provider may know it");
        return NULL;
    }
    return key_from_spki(p, fields);
}

struct key *key_hold(struct key *k)
{
    atomic_fetch_add_explicit(&k->references, 1, memory_order_relaxed);
    return k;
}

void key_release(struct key *k)
{
    if (k != NULL && atomic_fetch_sub_explicit(&k->references, 1, memory_order_acq_rel) == 1)
        free(k);
}

const char *key_type(const struct key *k)
{
    switch (k->kind) {
    case KEY_RSA: return "RSA";
    case KEY_ED25519: return "ED25519";
    default: return "EC";
    }
}

const char *key_print_id(const struct key *k, char text[KEY_ID_TEXT])
{
    size_t i;

    for (i = 0; i < sizeof k->id; i++)
        snprintf(text + 2 * i, 3, "%02x", k->id[i]);
    return text;
}

const char *key_group(const struct key *k)
{
    size_t i;

    for (i = 0; i < sizeof curves / sizeof *curves; i++) {
        if (curves[i].kind == k->kind)
            return curves[i].group;
    }
    return NULL;
}
