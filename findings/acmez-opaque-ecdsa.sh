#!/bin/bash
# acmez: an ECDSA account key behind a crypto.Signer makes requests that no ACME server accepts.
#
# Software    github.com/mholt/acmez/v3 v3.1.7; golang.org/x/crypto v0.59.0, acme;
#             github.com/go-jose/go-jose/v4 v4.1.9, as the server's judge
# Best guess  Account.PrivateKey is a crypto.Signer, whose ECDSA signatures are ASN.1; acmez makes r
#             and s side by side of them, as RFC 7518, section 3.4, asks for and as it does for a key
#             of the standard library
# Seen        acmez puts what the signer returns into the request as it is. A comment in its source
#             wants signers to return the form of RFC 7518. x/crypto's acme converts.
# Matters to  everybody who keeps an account key in a KMS, an HSM or an engine: registration fails at
#             the server, with an error about the signature and none about the key.
source "$(dirname "$0")/common.bash"
go_modules github.com/mholt/acmez/v3@v3.1.7 golang.org/x/crypto@v0.59.0 github.com/go-jose/go-jose/v4@v4.1.9

cat >main.go <<'END'
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/go-jose/go-jose/v4"
	acmez "github.com/mholt/acmez/v3/acme"
	"golang.org/x/crypto/acme"
)

// opaque hides the type of a key.
type opaque struct{ crypto.Signer }

func main() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	for _, k := range []crypto.Signer{key, opaque{key}} {
		register("acmez", k, func(url string) error {
			_, err := (&acmez.Client{Directory: url}).NewAccount(context.Background(), acmez.Account{PrivateKey: k, TermsOfServiceAgreed: true})
			return err
		})
		register("x/crypto/acme", k, func(url string) error {
			_, err := (&acme.Client{Key: k, DirectoryURL: url}).Register(context.Background(), &acme.Account{}, acme.AcceptTOS)
			return err
		})
	}
}

// register has a client register an account at a server that verifies the request.
func register(name string, key crypto.Signer, client func(url string) error) {
	length, verdict := 0, "not asked"
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Replay-Nonce", "nonce")
		json.NewEncoder(w).Encode(map[string]string{
			"newNonce": server.URL + "/nonce", "newAccount": server.URL + "/account", "newOrder": server.URL + "/order",
			"revokeCert": server.URL + "/revoke", "keyChange": server.URL + "/key",
		})
	})
	mux.HandleFunc("/account", func(w http.ResponseWriter, r *http.Request) {
		var request struct{ Protected, Payload, Signature string }
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			log.Fatal(err)
		}
		object, err := jose.ParseSignedCompact(request.Protected+"."+request.Payload+"."+request.Signature, []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			log.Fatal(err)
		}
		length, verdict = len(object.Signatures[0].Signature), "verifies"
		if _, err := object.Verify(key.Public()); err != nil {
			verdict = "refuses"
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Replay-Nonce", "nonce")
		w.Header().Set("Location", server.URL+"/account/1")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"status":"valid"}`)
	})
	if err := client(server.URL); err != nil {
		log.Fatal(err)
	}
	form := "r and s side by side"
	if length != 64 {
		form = "another form"
	}
	fmt.Printf("%s, %T: %s, the server %s it\n", name, key, form, verdict)
}
END
go run . >seen

expect "acmez puts the ASN.1 signature of an opaque ECDSA key into its requests" <<'END'
acmez, *ecdsa.PrivateKey: r and s side by side, the server verifies it
x/crypto/acme, *ecdsa.PrivateKey: r and s side by side, the server verifies it
acmez, main.opaque: another form, the server refuses it
x/crypto/acme, main.opaque: r and s side by side, the server verifies it
END
