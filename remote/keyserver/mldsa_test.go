//go:build go1.27

package keyserver

import (
	"crypto"
	"crypto/mldsa"
	"strings"
	"testing"

	"asynccrypto/remote/internal/wire"
)

func TestMLDSA(t *testing.T) {
	key, err := mldsa.GenerateKey(mldsa.MLDSA44())
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, Config{Keys: map[string]crypto.Signer{"pq": key}, Allow: []byte("allow uid:1 sign pq")})
	p := connect(t, s, 1)
	for _, context := range []string{"", "c"} {
		r := wire.Request{Op: wire.OpSign, Name: "pq", Message: true, Data: message, Context: context}
		a := p.want(wire.OK, r)
		if err := mldsa.Verify(key.PublicKey(), message, a.Data, &mldsa.Options{Context: context}); err != nil {
			t.Errorf("context %q: %v", context, err)
		}
	}
	for text, r := range map[string]wire.Request{
		"digest":         {Data: sum256[:]},
		"without a hash": {Hash: wire.SHA512, Data: sum512[:]},
		"RSA":            {Padding: wire.PSS, Salt: 32, Hash: wire.SHA256, Data: sum256[:]},
	} {
		r.Op, r.Name = wire.OpSign, "pq"
		if a := p.want(wire.Bad, r); !strings.Contains(a.Text, text) {
			t.Errorf("%q does not say %q", a.Text, text)
		}
	}
	handle, err := Handle(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if pub, err := ParseHandle(handle); err != nil || !key.PublicKey().Equal(pub) {
		t.Errorf("%v, %v", pub, err)
	}
}
