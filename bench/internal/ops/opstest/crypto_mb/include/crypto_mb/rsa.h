/* A crypto_mb for tests: the part of its interface that cryptomb/batches.c uses. */
#ifndef CRYPTO_MB_FOR_TESTS
#define CRYPTO_MB_FOR_TESTS

#include <openssl/bn.h>
#include <openssl/ecdsa.h>

typedef unsigned char int8u;
typedef unsigned int int32u;
typedef unsigned int mbx_status;

#define MBX_STATUS_OK 0
#define MBX_GET_STS(status, lane) ((status) >> 4 * (lane) & 0xf)

typedef int8u ed25519_sign_component[32];
typedef int8u ed25519_private_key[32];
typedef int8u ed25519_public_key[32];

mbx_status mbx_rsa_private_crt_ssl_mb8(const int8u *const from[8], int8u *const to[8], const BIGNUM *const p[8],
                                       const BIGNUM *const q[8], const BIGNUM *const dp[8], const BIGNUM *const dq[8],
                                       const BIGNUM *const qinv[8], int bits);
mbx_status mbx_rsa_public_ssl_mb8(const int8u *const from[8], int8u *const to[8], const BIGNUM *const e[8],
                                  const BIGNUM *const n[8], int bits);
mbx_status mbx_nistp256_ecdsa_sign_ssl_mb8(int8u *r[8], int8u *s[8], const int8u *const message[8],
                                           const BIGNUM *const nonce[8], const BIGNUM *const key[8], int8u *buffer);
mbx_status mbx_nistp384_ecdsa_sign_ssl_mb8(int8u *r[8], int8u *s[8], const int8u *const message[8],
                                           const BIGNUM *const nonce[8], const BIGNUM *const key[8], int8u *buffer);
mbx_status mbx_nistp256_ecdsa_verify_ssl_mb8(const ECDSA_SIG *const signature[8], const int8u *const message[8],
                                             const BIGNUM *const x[8], const BIGNUM *const y[8], const BIGNUM *const z[8],
                                             int8u *buffer);
mbx_status mbx_nistp384_ecdsa_verify_ssl_mb8(const ECDSA_SIG *const signature[8], const int8u *const message[8],
                                             const BIGNUM *const x[8], const BIGNUM *const y[8], const BIGNUM *const z[8],
                                             int8u *buffer);
mbx_status mbx_ed25519_sign_mb8(ed25519_sign_component *r[8], ed25519_sign_component *s[8], const int8u *const message[8],
                                const int32u length[8], const ed25519_private_key *const key[8],
                                const ed25519_public_key *const public[8]);
mbx_status mbx_ed25519_verify_mb8(const ed25519_sign_component *const r[8], const ed25519_sign_component *const s[8],
                                  const int8u *const message[8], const int32u length[8],
                                  const ed25519_public_key *const public[8]);
mbx_status mbx_x25519_mb8(int8u *const secret[8], const int8u *const key[8], const int8u *const peer[8]);
mbx_status mbx_x25519_public_key_mb8(int8u *const public[8], const int8u *const key[8]);

#endif
