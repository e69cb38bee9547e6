package multibuffer

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"math/big"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"asynccrypto/engine"
	lanersa "asynccrypto/internal/ifma/rsa"
)

// key returns the key of tests that need only one.
func key() *rsa.PrivateKey { return RSAKeys()[2048][0] }

// copyOf copies a key without what crypto/rsa has precomputed for itself.
func copyOf(k *rsa.PrivateKey) *rsa.PrivateKey {
	c := func(x *big.Int) *big.Int { return new(big.Int).Set(x) }
	return &rsa.PrivateKey{
		PublicKey:   rsa.PublicKey{N: c(k.N), E: k.E},
		D:           c(k.D),
		Primes:      []*big.Int{c(k.Primes[0]), c(k.Primes[1])},
		Precomputed: rsa.PrecomputedValues{Dp: c(k.Precomputed.Dp), Dq: c(k.Precomputed.Dq), Qinv: c(k.Precomputed.Qinv)},
	}
}

// A key with any wrong number is refused, whether the caller or crypto/rsa computed that.
func TestWrongKeysAreRefused(t *testing.T) {
	two := big.NewInt(2)
	add := func(x *big.Int) { x.Add(x, two) }
	changes := map[string]func(*rsa.PrivateKey){
		"N":                   func(k *rsa.PrivateKey) { add(k.N) },
		"E":                   func(k *rsa.PrivateKey) { k.E += 2 },
		"E = 1":               func(k *rsa.PrivateKey) { k.E = 1 },
		"D":                   func(k *rsa.PrivateKey) { add(k.D) },
		"p":                   func(k *rsa.PrivateKey) { add(k.Primes[0]) },
		"q":                   func(k *rsa.PrivateKey) { add(k.Primes[1]) },
		"p and q exchanged":   func(k *rsa.PrivateKey) { k.Primes[0], k.Primes[1] = k.Primes[1], k.Primes[0] },
		"p twice":             func(k *rsa.PrivateKey) { k.Primes[1] = k.Primes[0] },
		"1 and N":             func(k *rsa.PrivateKey) { k.Primes[0], k.Primes[1] = big.NewInt(1), k.N },
		"one prime":           func(k *rsa.PrivateKey) { k.Primes = k.Primes[:1] },
		"no primes":           func(k *rsa.PrivateKey) { k.Primes = nil },
		"dP":                  func(k *rsa.PrivateKey) { add(k.Precomputed.Dp) },
		"dQ":                  func(k *rsa.PrivateKey) { add(k.Precomputed.Dq) },
		"qInv":                func(k *rsa.PrivateKey) { add(k.Precomputed.Qinv) },
		"qInv + p":            func(k *rsa.PrivateKey) { k.Precomputed.Qinv.Add(k.Precomputed.Qinv, k.Primes[0]) },
		"dP and dQ exchanged": func(k *rsa.PrivateKey) { p := &k.Precomputed; p.Dp, p.Dq = p.Dq, p.Dp },
		"a bit of dP":         func(k *rsa.PrivateKey) { dp := k.Precomputed.Dp; dp.SetBit(dp, 700, dp.Bit(700)^1) },
	}
	e, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	standard, err := New(Options{Standard: true})
	if err != nil {
		t.Fatal(err)
	}
	defer standard.Close()
	for name, change := range changes {
		fresh, precomputed := copyOf(key()), copyOf(key())
		precomputed.Precompute()
		change(fresh)
		change(precomputed)
		for _, k := range []*rsa.PrivateKey{fresh, precomputed} {
			want := k.Validate()
			if want == nil {
				t.Fatalf("%s: crypto/rsa takes it", name)
			}
			p, wipe, err := new(handler).prepare(k)
			if err == nil || err.Error() != want.Error() || p != nil || wipe != nil {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
			for _, e := range []*engine.Engine{e, standard} {
				if s, err := e.Signer(k); s != nil || err == nil || !strings.HasSuffix(err.Error(), want.Error()) {
					t.Errorf("%s: wrapped, or for another reason: %v; want %v", name, err, want)
				}
			}
		}
	}
	// A key with nothing or not everything precomputed is valid, and the caller's key stays as it
	// is.
	for _, change := range []func(*rsa.PrecomputedValues){
		func(p *rsa.PrecomputedValues) {},
		func(p *rsa.PrecomputedValues) { *p = rsa.PrecomputedValues{} },
		func(p *rsa.PrecomputedValues) { p.Dp = nil },
		func(p *rsa.PrecomputedValues) { p.Dq = nil },
		func(p *rsa.PrecomputedValues) { p.Qinv = nil },
	} {
		k := copyOf(key())
		change(&k.Precomputed)
		before := k.Precomputed
		if _, _, err := new(handler).prepare(k); err != nil {
			t.Error(err)
		}
		if p := k.Precomputed; p.Dp != before.Dp || p.Dq != before.Dq || p.Qinv != before.Qinv {
			t.Error("preparing has changed the key")
		}
	}
	for _, other := range []any{nil, (*rsa.PrivateKey)(nil), "key"} {
		if p, _, err := new(handler).prepare(other); p != nil || err != nil {
			t.Error(p, err)
		}
	}
}

// spy is the engine that New makes, and shows the test the keys that it prepares and each batch
// before it is computed.
type spy struct {
	*engine.Engine
	keys   []*prepared
	wiped  atomic.Int32
	before func(batch []*engine.Request)
}

func newSpy(t *testing.T) *spy {
	t.Helper()
	if ok, why := Supported(); !ok {
		t.Skip(why)
	}
	s, h := &spy{before: func([]*engine.Request) {}}, new(handler)
	c := h.config()
	c.Workers, c.Direct, c.Alone = 1, false, nil // so that every operation comes in a batch
	handle := c.Handler
	c.Handler = func(batch []*engine.Request) {
		s.before(batch)
		handle(batch)
	}
	c.Prepare = func(k crypto.PrivateKey) (any, func(), error) {
		p, wipe, err := h.prepare(k)
		if p, ok := p.(*prepared); ok {
			s.keys = append(s.keys, p)
		}
		return p, func() { wipe(); s.wiped.Add(1) }, err
	}
	var err error
	if s.Engine, err = engine.New(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func (s *spy) signer(t *testing.T) engine.Signer {
	t.Helper()
	signer, err := s.Signer(key())
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func sign(t *testing.T, s crypto.Signer) {
	digest := sha256.Sum256(nil)
	want, err := rsa.SignPKCS1v15(nil, key(), crypto.SHA256, digest[:])
	if err != nil {
		t.Error(err)
	}
	if got, err := s.Sign(nil, digest[:], crypto.SHA256); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %x, %v; want %x", got, err, want)
	}
}

// A result that fails its check is computed again, and the others in the batch are correct. Here
// a key is spoilt between the padding and the kernels, as by a fault in memory.
func TestRecomputed(t *testing.T) {
	if ok, why := Supported(); !ok {
		t.Skip(why)
	}
	for name, key := range privateKeys(t) {
		t.Run(name, func(t *testing.T) {
			h := new(handler)
			for n := 1; n <= 8; n++ {
				for victim := range n {
					ops := make([]*engine.SignOp, n)
					var p pass
					var k kind
					for i := range ops {
						wrapped, wipe, err := h.prepare(key)
						if err != nil {
							t.Fatal(err)
						}
						digest := sha256.Sum256([]byte{byte(i)})
						ops[i] = &engine.SignOp{Key: key, Digest: digest[:], Opts: optsFor(key), Prepared: wrapped}
						if k = kindOf(ops[i]); i == 0 {
							p = getPass(k)
						}
						if !p.add(i, ops[i]) {
							t.Fatal("not added")
						}
						if i == victim {
							wipe()
						}
					}
					v, r := h.vectorized.Load(), h.recomputed.Load()
					h.compute(k, p, n, func(lane int, done bool) {
						if done != (lane != victim) {
							t.Errorf("%d operations, %d spoilt: lane %d is done: %v", n, victim, lane, done)
						}
						if err := p.finish(lane); done && err != nil || done && !verifies(key, ops[lane].Digest, ops[lane].Signature) {
							t.Errorf("%d operations, %d spoilt: lane %d: %x, %v", n, victim, lane, ops[lane].Signature, err)
						}
					})
					putPass(k, p)
					if v, r := h.vectorized.Load()-v, h.recomputed.Load()-r; v != uint64(n-1) || r != 1 {
						t.Errorf("%d operations, %d spoilt: %d vectorized, %d recomputed", n, victim, v, r)
					}
				}
			}
		})
	}
}

// A key that is wiped under its signer: the caller gets the standard library's signature. ECDSA
// leaves such a key to it before any lane has computed, so that nothing is recomputed.
func TestFaultInAnEngine(t *testing.T) {
	for name, key := range privateKeys(t) {
		t.Run(name, func(t *testing.T) {
			s := newSpy(t)
			const n = 4
			var signers []engine.Signer
			for range n {
				signer, err := s.Signer(key)
				if err != nil {
					t.Fatal(err)
				}
				defer signer.Close()
				signers = append(signers, signer)
			}
			var gate sync.WaitGroup
			gate.Add(1)
			s.before = func(batch []*engine.Request) {
				if _, ok := batch[0].Op().(engine.Func); ok {
					gate.Wait() // so that the signatures come in one batch
				}
			}
			var all sync.WaitGroup
			all.Go(func() { s.Do(t.Context(), engine.Func(func() error { return nil })) })
			for s.Stats().InFlight == 0 {
				runtime.Gosched()
			}
			wipeKey(s.keys[1])
			for i, signer := range signers {
				all.Go(func() {
					digest := sha256.Sum256([]byte{byte(i)})
					if sig, err := signer.Sign(nil, digest[:], optsFor(key)); err != nil || !verifies(key, digest[:], sig) {
						t.Errorf("signer %d: %x, %v", i, sig, err)
					}
				})
			}
			for s.Stats().Queued < n {
				runtime.Gosched()
			}
			gate.Done()
			all.Wait()
			if st := s.Stats(); st.Vectorized != n-1 || st.Recomputed > 1 {
				t.Errorf("%d vectorized, %d recomputed", st.Vectorized, st.Recomputed)
			}
		})
	}
}

// wipeKey spoils the prepared form of a private key.
func wipeKey(p *prepared) { p.key.(interface{ Wipe() }).Wipe() }

// privateKeys returns a key for each kind of signature that checks itself.
func privateKeys(t *testing.T) map[string]crypto.Signer {
	keys := make(map[string]crypto.Signer)
	for bits, k := range RSAKeys() {
		keys[fmt.Sprint("RSA-", bits)] = k[0]
	}
	for name, c := range map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384()} {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[name] = k
	}
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys["Ed25519"] = k
	return keys
}

// optsFor returns options for a SHA-256 digest, or for a message of Ed25519.
func optsFor(key crypto.Signer) crypto.SignerOpts {
	if _, ok := key.(ed25519.PrivateKey); ok {
		return crypto.Hash(0)
	}
	return crypto.SHA256
}

// verifies asks the standard library.
func verifies(key crypto.Signer, digest, sig []byte) bool {
	return (&engine.VerifyOp{Key: key.Public(), Digest: digest, Signature: sig, Opts: optsFor(key)}).Run() == nil
}

// A key that was wiped though it is in use signs nothing by itself.
func TestWipedKey(t *testing.T) {
	s := newSpy(t)
	signer := s.signer(t)
	wipeKey(s.keys[0])
	sign(t, signer)
	if st := s.Stats(); st.Vectorized != 0 || st.Completed != 1 {
		t.Errorf("%+v", st)
	}
}

// The copy of a key is wiped when its signer is closed, but not under an operation.
func TestKeyIsWipedOnClose(t *testing.T) {
	s := newSpy(t)
	signer := s.signer(t)
	s.before = func([]*engine.Request) {
		signer.Close()
		if s.wiped.Load() != 0 {
			t.Error("wiped under an operation")
		}
	}
	sign(t, signer)
	if s.wiped.Load() != 1 || s.keys[0].key.(*lanersa.Key).Size() != 0 {
		t.Error("not wiped")
	}
	if st := s.Stats(); st.Vectorized != 1 || st.Recomputed != 0 {
		t.Errorf("%+v", st)
	}
	digest := sha256.Sum256(nil)
	if _, err := signer.Sign(nil, digest[:], crypto.SHA256); err != engine.ErrClosed {
		t.Error(err)
	}
}

// The copy of a key is wiped when its signer is dropped, but not while an operation has it.
func TestKeyIsWipedWhenCollected(t *testing.T) {
	s := newSpy(t)
	s.before = func([]*engine.Request) {
		for range 3 {
			runtime.GC()
			time.Sleep(time.Millisecond) // cleanups run on a goroutine of the runtime's
		}
		if s.wiped.Load() != 0 {
			t.Error("wiped under an operation")
		}
	}
	sign(t, s.signer(t))
	for runtime.GC(); s.wiped.Load() == 0; runtime.GC() {
		time.Sleep(5 * time.Millisecond)
	}
	if s.wiped.Load() != 1 || s.keys[0].key.(*lanersa.Key).Size() != 0 {
		t.Error("not wiped")
	}
}

// The engine keeps less than 64 KB for a wrapped key.
func TestMemoryForEachKey(t *testing.T) {
	e, err := New(Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // the first one may leave what the last one's cleanups and pools held
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for _, keys := range RSAKeys() {
		const n = 16
		k := keys[0]
		signers := make([]engine.Signer, n)
		before := heap()
		for i := range signers {
			if signers[i], err = e.Signer(k); err != nil {
				t.Fatal(err)
			}
		}
		after := heap()
		each := (int64(after) - int64(before)) / n
		t.Logf("%d bits: %d bytes", k.N.BitLen(), each)
		if each >= 64<<10 {
			t.Errorf("a key of %d bits takes %d bytes", k.N.BitLen(), each)
		}
		if ok, _ := Supported(); ok && each < 1<<10 {
			t.Errorf("a key of %d bits takes %d bytes: was its copy measured?", k.N.BitLen(), each)
		}
		for _, s := range signers {
			s.Close()
		}
	}
}
