package keyserver

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"strings"
	"testing"

	"asynccrypto/remote/internal/testkeys"
)

func TestHandle(t *testing.T) {
	for name, key := range testkeys.All() {
		t.Run(name, func(t *testing.T) {
			text, err := Handle(key.Public())
			if err != nil {
				t.Fatal(err)
			}
			certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("another block")})
			for _, text := range [][]byte{text, append(certificate, text...), append(text, certificate...)} {
				pub, err := ParseHandle(text)
				if err != nil || !key.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(pub) {
					t.Errorf("%v, %v", pub, err)
				}
			}
			block, _ := pem.Decode(text)
			var fields []asn1.RawValue
			if _, err := asn1.Unmarshal(block.Bytes, &fields); err != nil || len(fields) != 2 || block.Type != "ASYNCCRYPTO KEY" {
				t.Fatalf("%s with %d fields, %v", block.Type, len(fields), err)
			}
			spki, _ := x509.MarshalPKIXPublicKey(key.Public())
			if fields[0].Tag != asn1.TagUTF8String || string(fields[0].Bytes) != "asynccrypto key 1" || !bytes.Equal(fields[1].FullBytes, spki) {
				t.Errorf("%v", fields)
			}
		})
	}
	if _, err := Handle("no key"); err == nil {
		t.Error("a handle of a string")
	}
}

func TestParseHandleErrors(t *testing.T) {
	block := func(contents any) []byte {
		der, err := asn1.Marshal(contents)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: handleType, Bytes: der})
	}
	spki, _ := x509.MarshalPKIXPublicKey(rsaKey.Public())
	good := handle{handleVersion, asn1.RawValue{FullBytes: spki}}
	later, der := good, testkeys.Must(asn1.Marshal(good))
	later.Version = "asynccrypto key 2"
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret")})
	for _, test := range []struct {
		name, text, want string
	}{
		{"empty", "", "no PEM block"},
		{"a private key", string(private), "no PEM block"},
		{"another version", string(block(later)), "key 2"},
		{"no key", string(block(handle{handleVersion, asn1.RawValue{FullBytes: []byte{5, 0}}})), "malformed"},
		{"no sequence", string(block(1)), "malformed"},
		{"more", string(pem.EncodeToMemory(&pem.Block{Type: handleType, Bytes: append(der, 0)})), "after its end"},
	} {
		pub, err := ParseHandle([]byte(test.text))
		if err == nil || pub != nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, %v", test.name, pub, err)
		}
		if isNone := err == ErrNoHandle; isNone != (test.want == "no PEM block") {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}
