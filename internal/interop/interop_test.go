package interop

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"sync"
	"testing"

	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
)

var keys = sync.OnceValue(func() map[int]*rsa.PrivateKey {
	m := make(map[int]*rsa.PrivateKey)
	for _, bits := range []int{2048, 3072, 4096} {
		k, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			panic(err)
		}
		m[bits] = k
	}
	return m
})

func wrap(t *testing.T, key crypto.Signer) engine.Signer {
	t.Helper()
	s, err := multibuffer.Signer(key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// throughLanes checks that f's n signatures were computed by the kernels, where there are any.
func throughLanes(t *testing.T, n int, f func()) {
	t.Helper()
	before := multibuffer.Default().Stats()
	f()
	if ok, _ := multibuffer.Supported(); !ok {
		n = 0
	}
	after := multibuffer.Default().Stats()
	if got := after.Vectorized - before.Vectorized; got != uint64(n) || after.Recomputed != 0 {
		t.Errorf("%d signatures went through the lanes, want %d; %d were wrong", got, n, after.Recomputed)
	}
}
