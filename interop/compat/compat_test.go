package main

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/rand"
	"slices"
	"strings"
	"testing"

	"asynccrypto/engine/multibuffer"
)

// TestPage holds page 7 of the guide to the libraries.
func TestPage(t *testing.T) {
	is, should, err := made()
	if err != nil {
		t.Fatal(err)
	}
	if is == should {
		return
	}
	t.Errorf("%s is not what running the libraries gives. If that is right: cd interop/compat && GOWORK=off go run . -update", page)
	had := slices.Collect(strings.Lines(is))
	for line := range strings.Lines(should) {
		if !slices.Contains(had, line) {
			t.Log("it should have the line", line)
		}
	}
}

// TestHPKE holds that crypto/hpke takes a wrapped key of ECDH, as the page says.
func TestHPKE(t *testing.T) {
	for _, curve := range []ecdh.Curve{ecdh.X25519(), ecdh.P256()} {
		key, err := curve.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		wrapped, err := multibuffer.KeyExchanger(key)
		if err != nil {
			t.Fatal(err)
		}
		defer wrapped.Close()
		private, err := hpke.NewDHKEMPrivateKey(wrapped)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := hpke.Seal(private.PublicKey(), hpke.HKDFSHA256(), hpke.AES128GCM(), nil, []byte("text"))
		if err != nil {
			t.Fatal(err)
		}
		opened, err := hpke.Open(private, hpke.HKDFSHA256(), hpke.AES128GCM(), nil, sealed)
		if err != nil || string(opened) != "text" {
			t.Errorf("%v: %q, %v", curve, opened, err)
		}
	}
}
