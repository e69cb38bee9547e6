package direct_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"log"
	"os"

	"asynccrypto/engine/pkcs11"
	"asynccrypto/engine/pkcs11/direct"
)

// The URI names the token, the key, the module and the file with the PIN:
//
//	pkcs11:token=web;object=site?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/run/pin
func ExampleLoad() {
	token, err := pkcs11.Open(os.Getenv("KEY_URI"), pkcs11.Options{Load: direct.Load})
	if err != nil {
		log.Fatal(err)
	}
	defer token.Close()
	key, err := token.Signer("") // the one in the URI of Open
	if err != nil {
		log.Fatal(err)
	}
	digest := sha256.Sum256([]byte("message"))
	signature, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d bytes\n", len(signature))
}
