#!/bin/bash
# tpm2-pkcs11: CKM_ECDSA signs a SHA-224 digest only with zeros in front.
#
# Software    tpm2-pkcs11 1.9.0 (Debian's 1.9.0-0.1+deb12u1), with a TPM that is a program: swtpm
#             0.7.1 (0.7.1-1.3)
# Best guess  CKM_ECDSA signs data of any length, as PKCS #11 says: a P-256 key signs SHA-224's 28
#             bytes as it signs SHA-256's 32
# Seen        20, 32, 48 and 64 bytes are signed. 28 and 31 bytes are refused with
#             CKR_GENERAL_ERROR: the module finds the hash, which a TPM wants to know, by the
#             length. The same bytes with zeros in front, 32 in all, are the same number to ECDSA.
#             They are signed, and OpenSSL verifies the signature as one of the 28 or 31 bytes.
# Matters to  users who sign with SHA-224 in a TPM, or sign what isn't a digest: CKR_GENERAL_ERROR
#             looks like a broken token, and code that counts such errors takes a healthy one out
#             of use. Put zeros in front of a short digest: with P-256, up to 32 bytes.
source "$(dirname "$0")/common.bash"
debian libtpm2-pkcs11-1=1.9.0-0.1+deb12u1 swtpm=0.7.1-1.3 swtpm-libs=0.7.1-1.3 \
	libtpms0=0.9.2-3.1+deb12u1 libtss2-tcti-swtpm0=3.2.1-3 libtss2-esys-3.0.2-0=3.2.1-3 \
	libtss2-mu0=3.2.1-3 libtss2-rc0=3.2.1-3 libtss2-sys1=3.2.1-3 libtss2-tctildr0=3.2.1-3 \
	libsqlite3-0=3.40.1-2+deb12u2 libyaml-0-2=0.2.5-1 libseccomp2=2.5.4-1+deb12u1 \
	libssl3=3.0.22-1~deb12u2 libssl-dev=3.0.22-1~deb12u2 libp11-kit-dev=0.24.1-2

cat >program.c <<'END'
/* Usage: program MODULE: makes a token with a P-256 key, and signs digests with it. */
#include <dlfcn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static CK_FUNCTION_LIST *p11;
static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE public, private;

static void must(CK_RV rv, const char *what)
{
    if (rv != CKR_OK) {
        fprintf(stderr, "%s: 0x%lx\n", what, rv);
        exit(3);
    }
}

#define ATTRIBUTE(type, value) { type, (void *)(value), sizeof(value) }

static void make_key(void)
{
    static const CK_BYTE p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
    CK_BYTE yes[] = { CK_TRUE };
    CK_ATTRIBUTE public_key[] = {
        ATTRIBUTE(CKA_EC_PARAMS, p256), ATTRIBUTE(CKA_TOKEN, yes), ATTRIBUTE(CKA_VERIFY, yes),
        { CKA_ID, "1", 1 },
    };
    CK_ATTRIBUTE private_key[] = {
        ATTRIBUTE(CKA_TOKEN, yes), ATTRIBUTE(CKA_PRIVATE, yes), ATTRIBUTE(CKA_SIGN, yes),
        { CKA_ID, "1", 1 },
    };
    CK_MECHANISM mechanism = { CKM_EC_KEY_PAIR_GEN };

    must(p11->C_GenerateKeyPair(session, &mechanism, public_key, 4, private_key, 4, &public,
                                &private), "C_GenerateKeyPair");
}

/* verifies has OpenSSL verify r and s side by side. */
static int verifies(const CK_BYTE *digest, int n, const CK_BYTE *signature)
{
    CK_BYTE point[256], der[80], *p = der;
    CK_ATTRIBUTE attribute = { CKA_EC_POINT, point, sizeof(point) };
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;
    OSSL_PARAM parameters[3];
    ECDSA_SIG *numbers = ECDSA_SIG_new();
    int ok;

    must(p11->C_GetAttributeValue(session, public, &attribute, 1), "C_GetAttributeValue");
    parameters[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
    parameters[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point + 2,
                                                      attribute.ulValueLen - 2);
    parameters[2] = OSSL_PARAM_construct_end();
    EVP_PKEY_fromdata_init(context);
    if (EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        must(CKR_FUNCTION_FAILED, "EVP_PKEY_fromdata");
    ECDSA_SIG_set0(numbers, BN_bin2bn(signature, 32, NULL), BN_bin2bn(signature + 32, 32, NULL));
    EVP_PKEY_CTX_free(context);
    context = EVP_PKEY_CTX_new(key, NULL);
    EVP_PKEY_verify_init(context);
    ok = EVP_PKEY_verify(context, der, i2d_ECDSA_SIG(numbers, &p), digest, n) == 1;
    ECDSA_SIG_free(numbers);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    return ok;
}

/* sign signs n bytes of a digest with zeros in front, and has OpenSSL verify the n bytes. */
static void sign(int zeros, int n)
{
    CK_MECHANISM mechanism = { CKM_ECDSA };
    CK_BYTE data[64] = { 0 }, signature[256];
    CK_ULONG size = sizeof(signature);
    CK_RV rv;

    memset(data + zeros, 0xa5, n);
    must(p11->C_SignInit(session, &mechanism, private), "C_SignInit");
    rv = p11->C_Sign(session, data, zeros + n, signature, &size);
    if (zeros > 0)
        printf("zeros in front of ");
    if (rv == CKR_GENERAL_ERROR)
        printf("%d bytes: CKR_GENERAL_ERROR\n", n);
    else if (rv != CKR_OK)
        printf("%d bytes: error 0x%lx\n", n, rv);
    else
        printf("%d bytes: signed, OpenSSL %s a signature of the %d bytes\n", n,
               size == 64 && verifies(data + zeros, n, signature) ? "verifies" : "refuses", n);
}

int main(int argc, char **argv)
{
    static const int sizes[] = { 20, 32, 48, 64, 28, 31 };
    void *module = dlopen(argv[1], RTLD_NOW);
    CK_C_GetFunctionList get = NULL;
    CK_SLOT_ID slots[8];
    CK_ULONG n = 8, i;
    CK_BYTE label[32];

    if (module != NULL)
        get = (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList");
    if (get == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 3;
    }
    must(get(&p11), "C_GetFunctionList");
    must(p11->C_Initialize(NULL), "C_Initialize");
    must(p11->C_GetSlotList(CK_TRUE, slots, &n), "C_GetSlotList");
    memset(label, ' ', sizeof(label));
    memcpy(label, "token", 5);
    must(p11->C_InitToken(slots[0], (CK_BYTE *)"5678", 4, label), "C_InitToken");
    must(p11->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
         "C_OpenSession");
    must(p11->C_Login(session, CKU_SO, (CK_BYTE *)"5678", 4), "C_Login as SO");
    must(p11->C_InitPIN(session, (CK_BYTE *)"1234", 4), "C_InitPIN");
    must(p11->C_Logout(session), "C_Logout");
    must(p11->C_Login(session, CKU_USER, (CK_BYTE *)"1234", 4), "C_Login");
    make_key();
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        sign(0, sizes[i]);
    sign(4, 28);
    sign(1, 31);
    p11->C_Finalize(NULL);
    return 0;
}
END
CPATH=$root/usr/include/p11-kit-1 openssl_program program.c

mkdir state store
export LD_LIBRARY_PATH=$libraries:$libraries/swtpm
daemon tpm "$root/usr/bin/swtpm" socket --tpm2 --tpmstate dir="$work/state" \
	--flags not-need-init,startup-clear --server type=unixio,path="$work/tpm" \
	--ctrl type=unixio,path="$work/tpm.ctrl"
export TPM2_PKCS11_STORE=$work/store TPM2_PKCS11_TCTI=swtpm:path=$work/tpm
./program "$libraries/libtpm2_pkcs11.so.1" >seen 2>program.log || { cat program.log >&2; false; }

expect "CKM_ECDSA of tpm2-pkcs11 refuses 28 bytes, and signs them with zeros in front" <<'END'
20 bytes: signed, OpenSSL verifies a signature of the 20 bytes
32 bytes: signed, OpenSSL verifies a signature of the 32 bytes
48 bytes: signed, OpenSSL verifies a signature of the 48 bytes
64 bytes: signed, OpenSSL verifies a signature of the 64 bytes
28 bytes: CKR_GENERAL_ERROR
31 bytes: CKR_GENERAL_ERROR
zeros in front of 28 bytes: signed, OpenSSL verifies a signature of the 28 bytes
zeros in front of 31 bytes: signed, OpenSSL verifies a signature of the 31 bytes
END
