/* A crypto_mb for tests: the part of its interface that cryptomb/sign.c uses. */
#include <openssl/bn.h>

typedef unsigned char int8u;
typedef unsigned int mbx_status;

mbx_status mbx_rsa_private_crt_ssl_mb8(const int8u *const from[8], int8u *const to[8], const BIGNUM *const p[8],
                                       const BIGNUM *const q[8], const BIGNUM *const dp[8], const BIGNUM *const dq[8],
                                       const BIGNUM *const qinv[8], int bits);
