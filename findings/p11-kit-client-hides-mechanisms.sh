#!/bin/bash
# p11-kit: the client module hides half of a token's mechanisms, which the server forwards.
#
# Software    p11-kit 0.24.1 (server and p11-kit-client.so, Debian's 0.24.1-2); SoftHSM 2.6.1
#             (2.6.1-2.1)
# Best guess  p11-kit-client.so and the server hand calls on to the module, so a token offers
#             through them what it offers directly; if a mechanism is missing, the server lacks it
# Seen        SoftHSM lists 70 mechanisms; the same token through p11-kit-client.so lists 36. A key
#             that signs with CKM_EDDSA directly is found through p11-kit-client.so, and C_SignInit
#             refuses with CKR_MECHANISM_INVALID. The server is not the cause: it lists 70 to a
#             program that writes the protocol to the same socket, and makes the same Ed25519
#             signature as the module does directly. The client has a fixed list of mechanisms
#             whose parameters it can encode, and drops the others, CKM_EDDSA without parameters
#             and CKM_SHA256_RSA_PKCS_PSS among them. CKM_RSA_PKCS and CKM_RSA_PKCS_PSS are listed.
# Matters to  users who put a token in another process or machine with p11-kit: through
#             p11-kit-client.so the mechanisms to use are p11-kit's, whatever the token can do. Hash
#             before, and sign with the bare mechanism. Another client of the protocol, or another
#             server in front of the token, is not bound by the list.
source "$(dirname "$0")/common.bash"
debian p11-kit=0.24.1-2 p11-kit-modules=0.24.1-2 libp11-kit0=0.24.1-2 libp11-kit-dev=0.24.1-2 \
	softhsm2=2.6.1-2.1 libsofthsm2=2.6.1-2.1 libffi8=3.4.4-1

cat >program.c <<'END'
/*
 * Usage: program MODULE make
 *        program MODULE NAME FILE
 * Makes the one token's keys; or counts its mechanisms, signs with the keys, and leaves the Ed25519
 * signature in FILE, if there is one.
 */
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

static void sign(const char *module, const char *label, const char *name, CK_MECHANISM_TYPE type,
                 const char *file)
{
    CK_OBJECT_CLASS class[] = { CKO_PRIVATE_KEY };
    CK_ATTRIBUTE wanted[] = {
        ATTRIBUTE(CKA_CLASS, class), { CKA_LABEL, (void *)label, strlen(label) },
    };
    CK_MECHANISM mechanism = { type };
    CK_OBJECT_HANDLE key;
    CK_BYTE data[32] = { 1 }, signature[512];
    CK_ULONG n = 0, size = sizeof(signature);
    FILE *f;
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
    if (rv == CKR_OK && file != NULL && (f = fopen(file, "wb")) != NULL) {
        fwrite(signature, 1, size, f);
        fclose(f);
    }
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
    if (argc < 4) {
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
    sign(argv[2], "rsa", "CKM_RSA_PKCS", CKM_RSA_PKCS, NULL);
    sign(argv[2], "ed", "CKM_EDDSA", CKM_EDDSA, argv[3]);
    p11->C_Finalize(NULL);
    return 0;
}
END
gcc -Wall -o program program.c -I "$root/usr/include/p11-kit-1" -ldl

cat >protocol.go <<'END'
// Usage: protocol SOCKET FILE: does with p11-kit's protocol what program does, without the client
// module. A message is a serial number, two lengths and a body; a body is the number of a call, the
// types of its arguments, and the arguments.
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"slices"
)

const (
	initialize   = 1
	slots        = 4
	mechanisms   = 7
	openSession  = 10
	login        = 18
	findInit     = 26
	find         = 27
	findFinal    = 28
	signInit     = 42
	sign         = 43
	rsaPSS       = 0xd  // CKM_RSA_PKCS_PSS
	sha256RSAPSS = 0x43 // CKM_SHA256_RSA_PKCS_PSS
	eddsa        = 0x1057
)

var server net.Conn

// call makes a call and returns the results. Arguments are u (uint64), a length or type (uint32), a
// flag (byte), and text or bytes, which have their length in front of them.
func call(number uint32, types string, arguments ...any) []byte {
	body := binary.BigEndian.AppendUint32(nil, number)
	for _, a := range append([]any{types}, arguments...) {
		switch a := a.(type) {
		case uint64:
			body = binary.BigEndian.AppendUint64(body, a)
		case uint32:
			body = binary.BigEndian.AppendUint32(body, a)
		case byte:
			body = append(body, a)
		case string:
			body = append(binary.BigEndian.AppendUint32(body, uint32(len(a))), a...)
		}
	}
	message := binary.BigEndian.AppendUint32(nil, 1)
	message = binary.BigEndian.AppendUint32(message, 0)
	message = binary.BigEndian.AppendUint32(message, uint32(len(body)))
	if _, err := server.Write(append(message, body...)); err != nil {
		log.Fatal(err)
	}
	answer := read(int(binary.BigEndian.Uint32(read(12)[8:])))
	if n := binary.BigEndian.Uint32(answer); n == 0 {
		log.Fatalf("call %d: error %#x", number, binary.BigEndian.Uint64(answer[9:]))
	}
	return answer[8+binary.BigEndian.Uint32(answer[4:]):]
}

func read(n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(server, b); err != nil {
		log.Fatal(err)
	}
	return b
}

// numbers reads the array that a call returned.
func numbers(b []byte) (list []uint64) {
	for b = b[5:]; len(b) >= 8; b = b[8:] {
		list = append(list, binary.BigEndian.Uint64(b))
	}
	return list
}

func yes(has bool) string {
	if has {
		return "yes"
	}
	return "no"
}

func main() {
	var err error
	if server, err = net.Dial("unix", os.Args[1]); err != nil {
		log.Fatal(err)
	}
	server.Write([]byte{0}) // the version
	read(1)

	present := byte(1)
	call(initialize, "ayyay", present, "PRIVATE-GNOME-KEYRING-PKCS11-PROTOCOL-V-1", byte(0), present, "\x00")
	slot := numbers(call(slots, "yfu", byte(1), uint32(8)))[0]
	list := numbers(call(mechanisms, "ufu", slot, uint32(512)))
	fmt.Printf("the server: %d mechanisms, CKM_RSA_PKCS_PSS %s, CKM_SHA256_RSA_PKCS_PSS %s\n", len(list),
		yes(slices.Contains(list, rsaPSS)), yes(slices.Contains(list, sha256RSAPSS)))

	session := binary.BigEndian.Uint64(call(openSession, "uu", slot, uint64(4))) // CKF_SERIAL_SESSION
	call(login, "uuay", session, uint64(1), present, "1234")
	class, label := uint32(0), uint32(3) // CKA_CLASS, CKA_LABEL
	call(findInit, "uaA", session, uint32(2), class, present, uint32(8), uint64(3), label, present, uint32(2), "ed")
	key := numbers(call(find, "ufu", session, uint32(1)))[0]
	call(findFinal, "u", session)
	call(signInit, "uMu", session, uint32(eddsa), ^uint32(0), key)
	signature := call(sign, "uayfy", session, present, string(append([]byte{1}, make([]byte, 31)...)), uint32(512))[5:]
	fmt.Printf("the server: CKM_EDDSA: signature of %d bytes\n", len(signature))
	if err := os.WriteFile(os.Args[2], signature, 0o600); err != nil {
		log.Fatal(err)
	}
}
END
GOWORK=off go build -o protocol protocol.go

softhsm_token
./program "$softhsm" make

p11_kit_server "$softhsm"

./program "$softhsm" directly direct.signature >seen
./program "$p11_kit_client" p11-kit-client.so client.signature >>seen
./protocol "$work/socket" protocol.signature >>seen
if cmp -s direct.signature protocol.signature; then
	echo "the server's Ed25519 signature is the direct one" >>seen
fi

expect "p11-kit-client.so hides 34 of SoftHSM's 70 mechanisms, Ed25519 too, which the server forwards" <<'END'
directly: 70 mechanisms, CKM_RSA_PKCS_PSS yes, CKM_SHA256_RSA_PKCS_PSS yes
directly: CKM_RSA_PKCS: signature of 256 bytes
directly: CKM_EDDSA: signature of 64 bytes
p11-kit-client.so: 36 mechanisms, CKM_RSA_PKCS_PSS yes, CKM_SHA256_RSA_PKCS_PSS no
p11-kit-client.so: CKM_RSA_PKCS: signature of 256 bytes
p11-kit-client.so: CKM_EDDSA: CKR_MECHANISM_INVALID
the server: 70 mechanisms, CKM_RSA_PKCS_PSS yes, CKM_SHA256_RSA_PKCS_PSS yes
the server: CKM_EDDSA: signature of 64 bytes
the server's Ed25519 signature is the direct one
END
