package rsa

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"

	"asynccrypto/internal/ifma"
)

// testKeys returns the keys of all tests, by their size in bytes. They are made once. Long ones
// take seconds, so by default there are fewer of them.
var testKeys = sync.OnceValue(func() map[int][]*rsa.PrivateKey {
	m := make(map[int][]*rsa.PrivateKey)
	number := map[int]int{256: 4, 384: 2, 512: 1}
	if inCI {
		number = map[int]int{256: 4, 384: 4, 512: 2}
	}
	for size, n := range number {
		for range n {
			k, err := rsa.GenerateKey(rand.Reader, size*8)
			if err != nil {
				panic(err)
			}
			m[size] = append(m[size], k)
		}
	}
	return m
})

func prepared(t testing.TB, k *rsa.PrivateKey) *Key {
	t.Helper()
	q := k.Precomputed
	key, err := NewKey(k.N.Bytes(), k.E, k.Primes[0].Bytes(), k.Primes[1].Bytes(), q.Dp.Bytes(), q.Dq.Bytes(), q.Qinv.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func workspace(t testing.TB, size int) *Workspace {
	t.Helper()
	w, err := NewWorkspace(size)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// padded returns the EM of PKCS #1 v1.5 (RFC 8017, section 9.2) for SHA-256.
func padded(size int, digest []byte) []byte {
	prefix := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
	em := make([]byte, size)
	em[1] = 1
	for i := 2; i < size; i++ {
		em[i] = 0xff
	}
	tail := em[size-len(prefix)-len(digest)-1:]
	tail[0] = 0
	copy(tail[1:], prefix)
	copy(tail[1+len(prefix):], digest)
	return em
}

// everyImpl runs a test on both sets of kernels, where they can run, and on the reference
// implementation.
func everyImpl(t *testing.T, f func(t *testing.T)) {
	if ok, why := ifma.Supported(); ok {
		t.Run("asm", func(t *testing.T) { everySet(t, f) })
	} else {
		t.Log("no kernels:", why)
	}
	t.Run("reference", func(t *testing.T) {
		ifma.AllowReference = true
		defer func() { ifma.AllowReference = false }()
		use(t, karatsuba) // nothing to measure
		f(t)
	})
}

func TestSignAsCryptoRSA(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		for _, size := range []int{256, 384, 512} {
			w := workspace(t, size)
			var ready []*Key
			for _, k := range testKeys()[size] {
				ready = append(ready, prepared(t, k))
			}
			for n := 1; n <= MaxBatch; n++ {
				few := testing.Short() || !inCI
				if ifma.AllowReference && (n%4 != 1 && (size != 256 || few) || size == 512 && few) {
					continue // slow
				}
				t.Run(fmt.Sprintf("%d/%d", size*8, n), func(t *testing.T) {
					var keys [MaxBatch]*Key
					var in, out, want [MaxBatch][]byte
					for l := range n {
						i := (l + n) % len(ready)
						keys[l] = ready[i]
						digest := sha256.Sum256([]byte{byte(l), byte(n)})
						in[l], out[l] = padded(size, digest[:]), make([]byte, size)
						var err error
						want[l], err = rsa.SignPKCS1v15(nil, testKeys()[size][i], crypto.SHA256, digest[:])
						if err != nil {
							t.Fatal(err)
						}
					}
					if ok := w.Sign(&keys, &in, &out, n); ok != uint8(1<<n-1) {
						t.Errorf("ok = %08b", ok)
					}
					for l := range n {
						if string(out[l]) != string(want[l]) {
							t.Errorf("lane %d: got %x, want %x", l, out[l], want[l])
						}
					}
				})
			}
			for i, v := range w.mem {
				if v != (vec{}) {
					t.Fatalf("word %d of the workspace is not wiped", i)
				}
			}
			for l := range lanes {
				if w.x.exp[l] != nil || w.e[l] != 0 {
					t.Fatalf("lane %d still has an exponent", l)
				}
			}
		}
	})
}
