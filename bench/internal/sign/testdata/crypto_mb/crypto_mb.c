/* A crypto_mb for tests: one operation after the other, by libcrypto. It refuses all of them when CRYPTO_MB_REFUSES is set. */
#include <crypto_mb/rsa.h>
#include <crypto_mb/version.h>
#include <stdlib.h>

mbx_status mbx_rsa_private_crt_ssl_mb8(const int8u *const from[8], int8u *const to[8], const BIGNUM *const p[8],
                                       const BIGNUM *const q[8], const BIGNUM *const dp[8], const BIGNUM *const dq[8],
                                       const BIGNUM *const qinv[8], int bits)
{
    int i, ok = 1;

    if (getenv("CRYPTO_MB_REFUSES") != NULL)
        return 0xaaaaaaaa;
    for (i = 0; i < 8; i++) {
        BN_CTX *c = BN_CTX_new();
        BIGNUM *m = BN_bin2bn(from[i], bits / 8, NULL), *mp = BN_new(), *mq = BN_new();

        ok = ok && BN_mod_exp(mp, m, dp[i], p[i], c) && BN_mod_exp(mq, m, dq[i], q[i], c)
            && BN_mod_sub(mp, mp, mq, p[i], c) && BN_mod_mul(mp, mp, qinv[i], p[i], c)
            && BN_mul(mp, mp, q[i], c) && BN_add(mp, mp, mq) && BN_bn2binpad(mp, to[i], bits / 8) == bits / 8;
        BN_free(m);
        BN_free(mp);
        BN_free(mq);
        BN_CTX_free(c);
    }
    return ok ? 0 : 0x11111111;
}

const mbxVersion *mbx_getversion(void)
{
    static const mbxVersion v = {98, 7, 6};

    return &v;
}
