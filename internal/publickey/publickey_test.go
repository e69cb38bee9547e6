package publickey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"testing"
)

func TestEqual(t *testing.T) {
	ecKey := func() *ecdsa.PublicKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return &key.PublicKey
	}
	a, b := ecKey(), ecKey()
	same := *a
	edKey := ed25519.PublicKey(make([]byte, ed25519.PublicKeySize))
	type noMethod struct{}
	for name, c := range map[string]struct {
		a, b crypto.PublicKey
		want bool
	}{
		"one key twice":       {a, &same, true},
		"two keys":            {a, b, false},
		"Ed25519":             {edKey, ed25519.PublicKey(make([]byte, ed25519.PublicKeySize)), true},
		"RSA":                 {&rsa.PublicKey{N: big.NewInt(15), E: 3}, &rsa.PublicKey{N: big.NewInt(15), E: 3}, true},
		"two types":           {a, edKey, false},
		"nothing":             {nil, nil, false},
		"a key and nothing":   {a, nil, false},
		"nothing and a key":   {nil, a, false},
		"no method Equal":     {noMethod{}, noMethod{}, false},
		"a value, no pointer": {*a, a, false},
	} {
		if got := Equal(c.a, c.b); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
