/*
 * A crypto_mb for tests: one operation after the other, by libcrypto. It refuses all of them when
 * CRYPTO_MB_REFUSES is set.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <crypto_mb/rsa.h>
#include <crypto_mb/version.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <stdlib.h>
#include <string.h>

/* each does an operation in every lane, and gives those that fail the status 8. */
static mbx_status each(int (*lane)(int i, void *arg), void *arg)
{
    mbx_status status = 0;
    int i;

    if (getenv("CRYPTO_MB_REFUSES") != NULL)
        return 0xaaaaaaaa;
    for (i = 0; i < 8; i++)
        if (lane(i, arg) != 1)
            status |= 8u << 4 * i;
    return status;
}

struct rsa {
    const int8u *const *from;
    int8u *const *to;
    const BIGNUM *const *p, *const *q, *const *dp, *const *dq, *const *qinv; /* or n in p, and e in dp */
    int bits;
};

static int rsa_lane(int i, void *arg)
{
    const struct rsa *a = arg;
    BN_CTX *c = BN_CTX_new();
    BIGNUM *m = BN_bin2bn(a->from[i], a->bits / 8, NULL), *mp = BN_new(), *mq = BN_new();
    int ok = BN_mod_exp(mp, m, a->dp[i], a->p[i], c);

    if (a->q != NULL)
        ok = ok && BN_mod_exp(mq, m, a->dq[i], a->q[i], c) && BN_mod_sub(mp, mp, mq, a->p[i], c)
            && BN_mod_mul(mp, mp, a->qinv[i], a->p[i], c) && BN_mul(mp, mp, a->q[i], c) && BN_add(mp, mp, mq);
    ok = ok && BN_bn2binpad(mp, a->to[i], a->bits / 8) == a->bits / 8;
    BN_free(m);
    BN_free(mp);
    BN_free(mq);
    BN_CTX_free(c);
    return ok;
}

mbx_status mbx_rsa_private_crt_ssl_mb8(const int8u *const from[8], int8u *const to[8], const BIGNUM *const p[8],
                                       const BIGNUM *const q[8], const BIGNUM *const dp[8], const BIGNUM *const dq[8],
                                       const BIGNUM *const qinv[8], int bits)
{
    return each(rsa_lane, &(struct rsa){ from, to, p, q, dp, dq, qinv, bits });
}

mbx_status mbx_rsa_public_ssl_mb8(const int8u *const from[8], int8u *const to[8], const BIGNUM *const e[8],
                                  const BIGNUM *const n[8], int bits)
{
    return each(rsa_lane, &(struct rsa){ from, to, n, NULL, e, NULL, NULL, bits });
}

struct ec {
    int nid, size;
    int8u **r, **s;
    const ECDSA_SIG *const *signature;
    const int8u *const *message;
    const BIGNUM *const *nonce, *const *key, *const *x, *const *y;
};

static int sign_lane(int i, void *arg)
{
    const struct ec *a = arg;
    BN_CTX *c = BN_CTX_new();
    EC_KEY *key = EC_KEY_new_by_curve_name(a->nid);
    const EC_GROUP *group = EC_KEY_get0_group(key);
    const BIGNUM *n = EC_GROUP_get0_order(group), *r, *s;
    EC_POINT *point = EC_POINT_new(group);
    BIGNUM *x = BN_new(), *inverse = BN_mod_inverse(NULL, a->nonce[i], n, c);
    ECDSA_SIG *signature = NULL;
    int ok = EC_KEY_set_private_key(key, a->key[i]) && EC_POINT_mul(group, point, a->nonce[i], NULL, NULL, c)
        && EC_POINT_get_affine_coordinates(group, point, x, NULL, c) && BN_nnmod(x, x, n, c)
        && (signature = ECDSA_do_sign_ex(a->message[i], a->size, inverse, x, key)) != NULL;

    if (ok) {
        ECDSA_SIG_get0(signature, &r, &s);
        ok = BN_bn2binpad(r, a->r[i], a->size) == a->size && BN_bn2binpad(s, a->s[i], a->size) == a->size;
    }
    ECDSA_SIG_free(signature);
    BN_free(inverse);
    BN_free(x);
    EC_POINT_free(point);
    EC_KEY_free(key);
    BN_CTX_free(c);
    return ok;
}

static int verify_lane(int i, void *arg)
{
    const struct ec *a = arg;
    EC_KEY *key = EC_KEY_new_by_curve_name(a->nid);
    int ok = EC_KEY_set_public_key_affine_coordinates(key, (BIGNUM *)a->x[i], (BIGNUM *)a->y[i])
        && ECDSA_do_verify(a->message[i], a->size, a->signature[i], key) == 1;

    EC_KEY_free(key);
    return ok;
}

#define CURVE(name, nid, size)                                                                                          \
    mbx_status mbx_##name##_ecdsa_sign_ssl_mb8(int8u *r[8], int8u *s[8], const int8u *const message[8],                 \
                                               const BIGNUM *const nonce[8], const BIGNUM *const key[8], int8u *buffer) \
    {                                                                                                                   \
        (void)buffer;                                                                                                   \
        return each(sign_lane, &(struct ec){ nid, size, r, s, NULL, message, nonce, key, NULL, NULL });                 \
    }                                                                                                                   \
    mbx_status mbx_##name##_ecdsa_verify_ssl_mb8(const ECDSA_SIG *const signature[8], const int8u *const message[8],    \
                                                 const BIGNUM *const x[8], const BIGNUM *const y[8],                    \
                                                 const BIGNUM *const z[8], int8u *buffer)                               \
    {                                                                                                                   \
        (void)z;                                                                                                        \
        (void)buffer;                                                                                                   \
        return each(verify_lane, &(struct ec){ nid, size, NULL, NULL, signature, message, NULL, NULL, x, y });          \
    }

CURVE(nistp256, NID_X9_62_prime256v1, 32)
CURVE(nistp384, NID_secp384r1, 48)

struct edwards {
    ed25519_sign_component **r, **s;
    const ed25519_sign_component *const *from_r, *const *from_s;
    const int8u *const *message;
    const int32u *length;
    const ed25519_private_key *const *key;
    const ed25519_public_key *const *public;
};

static int edwards_lane(int i, void *arg)
{
    const struct edwards *a = arg;
    unsigned char signature[64];
    size_t size = sizeof signature;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    EVP_PKEY *key = a->key != NULL ? EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, *a->key[i], 32)
                                   : EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, *a->public[i], 32);
    int ok;

    if (a->key != NULL) {
        ok = EVP_DigestSignInit(c, NULL, NULL, NULL, key) == 1
            && EVP_DigestSign(c, signature, &size, a->message[i], a->length[i]) == 1;
        memcpy(*a->r[i], signature, 32);
        memcpy(*a->s[i], signature + 32, 32);
    } else {
        memcpy(signature, *a->from_r[i], 32);
        memcpy(signature + 32, *a->from_s[i], 32);
        ok = EVP_DigestVerifyInit(c, NULL, NULL, NULL, key) == 1
            && EVP_DigestVerify(c, signature, size, a->message[i], a->length[i]) == 1;
    }
    EVP_PKEY_free(key);
    EVP_MD_CTX_free(c);
    return ok;
}

mbx_status mbx_ed25519_sign_mb8(ed25519_sign_component *r[8], ed25519_sign_component *s[8], const int8u *const message[8],
                                const int32u length[8], const ed25519_private_key *const key[8],
                                const ed25519_public_key *const public[8])
{
    return each(edwards_lane, &(struct edwards){ r, s, NULL, NULL, message, length, key, public });
}

mbx_status mbx_ed25519_verify_mb8(const ed25519_sign_component *const r[8], const ed25519_sign_component *const s[8],
                                  const int8u *const message[8], const int32u length[8],
                                  const ed25519_public_key *const public[8])
{
    return each(edwards_lane, &(struct edwards){ NULL, NULL, r, s, message, length, NULL, public });
}

struct x25519 {
    int8u *const *to;
    const int8u *const *key, *const *peer;
};

static int x25519_lane(int i, void *arg)
{
    const struct x25519 *a = arg;
    size_t size = 32;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, a->key[i], 32), *peer = NULL;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
    int ok;

    if (a->peer == NULL) {
        ok = EVP_PKEY_get_raw_public_key(key, a->to[i], &size);
    } else {
        peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, a->peer[i], 32);
        ok = EVP_PKEY_derive_init(c) == 1 && EVP_PKEY_derive_set_peer(c, peer) == 1
            && EVP_PKEY_derive(c, a->to[i], &size) == 1;
    }
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(key);
    return ok;
}

mbx_status mbx_x25519_mb8(int8u *const secret[8], const int8u *const key[8], const int8u *const peer[8])
{
    return each(x25519_lane, &(struct x25519){ secret, key, peer });
}

mbx_status mbx_x25519_public_key_mb8(int8u *const public[8], const int8u *const key[8])
{
    return each(x25519_lane, &(struct x25519){ public, key, NULL });
}

const mbxVersion *mbx_getversion(void)
{
    static const mbxVersion v = { 98, 7, 6 };

    return &v;
}
