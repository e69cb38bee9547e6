package multibuffer_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"math/big"
	"runtime"
	"slices"
	"sync"
	"testing"

	_ "crypto/md5"
	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha3"
	_ "crypto/sha512"

	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
)

// keys returns two or more keys of each size of modulus. The second of each pair is the first
// with p and q exchanged.
var keys = sync.OnceValue(func() map[int][]*rsa.PrivateKey {
	m := make(map[int][]*rsa.PrivateKey)
	for bits, n := range map[int]int{2048: 3, 3072: 1, 4096: 1} {
		for _, k := range multibuffer.RSAKeys()[bits][:n] {
			m[bits] = append(m[bits], k, fromPrimes(k.Primes[1], k.Primes[0], k.E))
		}
	}
	return m
})

var bitSizes = []int{2048, 3072, 4096}

// fromPrimes returns the key of p, q and e, or nil if there is none.
func fromPrimes(p, q *big.Int, e int) *rsa.PrivateKey {
	one := big.NewInt(1)
	p1, q1 := new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)
	d := new(big.Int).ModInverse(big.NewInt(int64(e)), p1.Mul(p1, q1))
	if d == nil {
		return nil
	}
	k := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: e}, D: d, Primes: []*big.Int{p, q}}
	k.Precompute()
	return k
}

// newKey makes a key of primes of these lengths. Its modulus is as long as both together.
func newKey(t *testing.T, pBits, qBits, e int) *rsa.PrivateKey {
	t.Helper()
	for {
		p, err := rand.Prime(rand.Reader, pBits)
		if err != nil {
			t.Fatal(err)
		}
		q, err := rand.Prime(rand.Reader, qBits)
		if err != nil {
			t.Fatal(err)
		}
		if k := fromPrimes(p, q, e); k != nil && k.N.BitLen() == pBits+qBits {
			return k
		}
	}
}

// lanes reports whether the kernels can be used. Tests that do not ask hold everywhere.
func lanes() bool { ok, _ := multibuffer.Supported(); return ok }

func newEngine(t testing.TB, o multibuffer.Options) *engine.Engine {
	t.Helper()
	e, err := multibuffer.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		s := e.Stats()
		if s.Submitted != s.Completed+s.Failed+s.Dropped || s.InFlight+s.Queued+s.Waiting != 0 {
			t.Errorf("figures don't add up: %+v", s)
		}
		if s.Recomputed != 0 {
			t.Errorf("%d results were wrong", s.Recomputed)
		}
	})
	return e
}

func wrap(t testing.TB, e *engine.Engine, key crypto.Signer) engine.Signer {
	t.Helper()
	s, err := e.Signer(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wantVectorized checks that n operations went through the lanes, where there are any.
func wantVectorized(t *testing.T, e *engine.Engine, n int) {
	t.Helper()
	if !lanes() {
		n = 0
	}
	if s := e.Stats(); s.Vectorized != uint64(n) {
		t.Errorf("%d operations went through the lanes, want %d", s.Vectorized, n)
	}
}

// digest returns one of the length that h has, or of 32 bytes for the hash 0.
func digest(h crypto.Hash) []byte {
	n := 32
	if h != 0 {
		n = h.Size()
	}
	d := make([]byte, n)
	rand.Read(d)
	return d
}

// inOneBatch calls fs in this order while the engine's only worker is held. Each of fs submits
// one operation. Then the worker must take those of each kind in one batch; kinds says how many
// there are of each. All others, and all on a machine without lanes, must come alone.
func inOneBatch(t *testing.T, e *engine.Engine, kinds map[string]int, fs ...func()) {
	t.Helper()
	before := e.Stats()
	entered, gate := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		e.Do(context.Background(), engine.Func(func() error { close(entered); <-gate; return nil }))
	})
	<-entered
	for i, f := range fs {
		wg.Go(f)
		for s := e.Stats(); s.Queued+s.Waiting != i+1; s = e.Stats() {
			runtime.Gosched()
		}
	}
	close(gate)
	wg.Wait()
	want := slices.Clone(before.BatchSizes)
	want[0] += uint64(1 + len(fs))
	if lanes() {
		for _, n := range kinds {
			want[0] -= uint64(n)
			want[n-1]++
		}
	}
	if got := e.Stats().BatchSizes; !slices.Equal(got, want) {
		t.Errorf("the batches were %v, and are %v; want %v", before.BatchSizes, got, want)
	}
}

// signRSA is the kind of signatures with a modulus of this length.
func signRSA(bits int) string { return fmt.Sprintf("rsa%d-sign", bits) }
