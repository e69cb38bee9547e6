#!/bin/bash
# p11-kit: a token behind p11-kit's server loses half of its mechanisms, Ed25519 among them.
#
# Software    p11-kit 0.24.1 (server and p11-kit-client.so, Debian's 0.24.1-2); SoftHSM 2.6.1
#             (2.6.1-2.1)
# Best guess  the server hands calls on to the module, so a token offers through it what it
#             offers directly
# Seen        SoftHSM lists 70 mechanisms; the same token through p11-kit lists 36. A key that
#             signs with CKM_EDDSA directly is found through p11-kit, and C_SignInit refuses with
#             CKR_MECHANISM_INVALID. The protocol knows a fixed list of mechanisms and drops the
#             others. RSA with PKCS #1 v1.5 works in both ways; CKM_SHA256_RSA_PKCS_PSS is
#             dropped, CKM_RSA_PKCS_PSS isn't.
# Matters to  users who put a token in another process or machine with p11-kit: the mechanisms to
#             use are p11-kit's, whatever the token can do. Hash before, and sign with the bare
#             mechanism.
source "$(dirname "$0")/common.bash"
debian p11-kit=0.24.1-2 p11-kit-modules=0.24.1-2 libp11-kit0=0.24.1-2 libp11-kit-dev=0.24.1-2 \
	softhsm2=2.6.1-2.1 libsofthsm2=2.6.1-2.1 libffi8=3.4.4-1

cat >program.c <<'END'
/* Usage: program MODULE NAME [make]: counts the one token's mechanisms and signs with its keys. */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static CK_FUNCTION_LIST *p11;
static CK_SESSION_HANDLE session;

static void must(CK_RV rv, const char *what)
{
    if (rv != CKR_OK) {
        fprintf(stderr, "%s: 0x%lx\n", what, rv);
        exit(3);
    }
}

#define ATTRIBUTE(type, value) { type, (void *)(value), sizeof(value) }

static void make_keys(void)
{
    static const char edwards25519[] = "\x13\x0c" "edwards25519"; /* a PrintableString */
    CK_BYTE yes[] = { CK_TRUE };
    CK_ULONG bits[] = { 2048 };
    CK_ATTRIBUTE rsa_public[] = { ATTRIBUTE(CKA_MODULUS_BITS, bits) };
    CK_ATTRIBUTE ed_public[] = { { CKA_EC_PARAMS, (void *)edwards25519, sizeof(edwards25519) - 1 } };
    CK_ATTRIBUTE rsa_private[] = {
        ATTRIBUTE(CKA_TOKEN, yes), ATTRIBUTE(CKA_SIGN, yes), { CKA_LABEL, "rsa", 3 },
    };
    CK_ATTRIBUTE ed_private[] = {
        ATTRIBUTE(CKA_TOKEN, yes), ATTRIBUTE(CKA_SIGN, yes), { CKA_LABEL, "ed", 2 },
    };
    CK_MECHANISM rsa = { CKM_RSA_PKCS_KEY_PAIR_GEN }, ed = { CKM_EC_EDWARDS_KEY_PAIR_GEN };
    CK_OBJECT_HANDLE public, private;

    must(p11->C_GenerateKeyPair(session, &rsa, rsa_public, 1, rsa_private, 3, &public, &private),
         "making an RSA key");
    must(p11->C_GenerateKeyPair(session, &ed, ed_public, 1, ed_private, 3, &public, &private),
         "making an Ed25519 key");
}

static void sign(const char *module, const char *label, const char *name, CK_MECHANISM_TYPE type)
{
    CK_OBJECT_CLASS class[] = { CKO_PRIVATE_KEY };
    CK_ATTRIBUTE wanted[] = {
        ATTRIBUTE(CKA_CLASS, class), { CKA_LABEL, (void *)label, strlen(label) },
    };
    CK_MECHANISM mechanism = { type };
    CK_OBJECT_HANDLE key;
    CK_BYTE data[32] = { 1 }, signature[512];
    CK_ULONG n = 0, size = sizeof(signature);
    CK_RV rv;

    must(p11->C_FindObjectsInit(session, wanted, 2), "C_FindObjectsInit");
    must(p11->C_FindObjects(session, &key, 1, &n), "C_FindObjects");
    must(p11->C_FindObjectsFinal(session), "C_FindObjectsFinal");
    if (n == 0) {
        printf("%s: %s: no key\n", module, name);
        return;
    }
    rv = p11->C_SignInit(session, &mechanism, key);
    if (rv == CKR_OK)
        rv = p11->C_Sign(session, data, sizeof(data), signature, &size);
    if (rv == CKR_OK)
        printf("%s: %s: signature of %lu bytes\n", module, name, size);
    else if (rv == CKR_MECHANISM_INVALID)
        printf("%s: %s: CKR_MECHANISM_INVALID\n", module, name);
    else
        printf("%s: %s: error 0x%lx\n", module, name, rv);
}

int main(int argc, char **argv)
{
    void *module = dlopen(argv[1], RTLD_NOW);
    CK_C_GetFunctionList get = NULL;
    CK_SLOT_ID slots[8];
    CK_MECHANISM_TYPE mechanisms[512];
    CK_ULONG n = 8, m = 512, i;
    int pss = 0, hashed_pss = 0;

    if (module != NULL)
        get = (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList");
    if (get == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 3;
    }
    must(get(&p11), "C_GetFunctionList");
    must(p11->C_Initialize(NULL), "C_Initialize");
    must(p11->C_GetSlotList(CK_TRUE, slots, &n), "C_GetSlotList");
    must(p11->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
         "C_OpenSession");
    must(p11->C_Login(session, CKU_USER, (CK_BYTE *)"1234", 4), "C_Login");
    if (argc > 3) {
        make_keys();
        return 0;
    }
    must(p11->C_GetMechanismList(slots[0], mechanisms, &m), "C_GetMechanismList");
    for (i = 0; i < m; i++) {
        pss |= mechanisms[i] == CKM_RSA_PKCS_PSS;
        hashed_pss |= mechanisms[i] == CKM_SHA256_RSA_PKCS_PSS;
    }
    printf("%s: %lu mechanisms, CKM_RSA_PKCS_PSS %s, CKM_SHA256_RSA_PKCS_PSS %s\n", argv[2], m,
           pss ? "yes" : "no", hashed_pss ? "yes" : "no");
    sign(argv[2], "rsa", "CKM_RSA_PKCS", CKM_RSA_PKCS);
    sign(argv[2], "ed", "CKM_EDDSA", CKM_EDDSA);
    p11->C_Finalize(NULL);
    return 0;
}
END
gcc -Wall -o program program.c -I "$root/usr/include/p11-kit-1" -ldl

mkdir tokens
export SOFTHSM2_CONF=$work/softhsm2.conf
printf 'directories.tokendir = %s\nobjectstore.backend = file\n' "$work/tokens" >softhsm2.conf
softhsm=$libraries/softhsm/libsofthsm2.so
"$root/usr/bin/softhsm2-util" --module "$softhsm" \
	--init-token --free --label token --pin 1234 --so-pin 5678 >token.log
./program "$softhsm" directly make

export P11_KIT_PRIVATEDIR=$root/usr/libexec/p11-kit
"$P11_KIT_PRIVATEDIR/p11-kit-server" --foreground --timeout 60 --name "$work/socket" \
	--provider "$softhsm" pkcs11:token=token >server.log 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true; rm -rf "$work"' EXIT
for _ in {1..100}; do
	[ ! -S socket ] || break
	sleep 0.1
done
export P11_KIT_SERVER_ADDRESS=unix:path=$work/socket

./program "$softhsm" directly >seen
./program "$libraries/pkcs11/p11-kit-client.so" "through p11-kit" >>seen

expect "p11-kit forwards 36 of SoftHSM's 70 mechanisms, and not Ed25519" <<'END'
directly: 70 mechanisms, CKM_RSA_PKCS_PSS yes, CKM_SHA256_RSA_PKCS_PSS yes
directly: CKM_RSA_PKCS: signature of 256 bytes
directly: CKM_EDDSA: signature of 64 bytes
through p11-kit: 36 mechanisms, CKM_RSA_PKCS_PSS yes, CKM_SHA256_RSA_PKCS_PSS no
through p11-kit: CKM_RSA_PKCS: signature of 256 bytes
through p11-kit: CKM_EDDSA: CKR_MECHANISM_INVALID
END
