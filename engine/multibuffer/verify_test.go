package multibuffer_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
)

// vectorFile is a file of Project Wycheproof's, without its comments.
type vectorFile struct {
	Name   string
	Groups []struct {
		Key, SHA string
		Salt     int
		Tests    [][]any
	}
}

var vectorFiles = sync.OnceValue(func() []vectorFile {
	f, err := os.Open("testdata/wycheproof_verify.json.gz")
	if err != nil {
		panic(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		panic(err)
	}
	var all struct{ Files []vectorFile }
	if err := json.NewDecoder(z).Decode(&all); err != nil {
		panic(err)
	}
	return all.Files
})

func unhex(t testing.TB, x any) []byte {
	b, err := hex.DecodeString(x.(string))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// vector is a signature of Project Wycheproof's.
type vector struct {
	name string
	signed
	valid bool
}

// vectors returns all signatures, with keys as x509 parses them.
func vectors(t testing.TB) (all []vector) {
	hashes := map[string]crypto.Hash{"": 0, "SHA-256": crypto.SHA256, "SHA-384": crypto.SHA384, "SHA-512": crypto.SHA512}
	for _, f := range vectorFiles() {
		if f.Name == "x25519" {
			continue
		}
		for _, g := range f.Groups {
			key, err := x509.ParsePKIXPublicKey(unhex(t, g.Key))
			if err != nil {
				t.Fatal(f.Name, err)
			}
			hash := hashes[g.SHA]
			var opts crypto.SignerOpts = hash
			switch {
			case strings.HasPrefix(f.Name, "rsa_pss"):
				opts = &rsa.PSSOptions{Hash: hash, SaltLength: g.Salt}
			case strings.HasSuffix(f.Name, "p1363"):
				opts = &engine.ECDSAOptions{Hash: hash, Raw: true}
			}
			for _, test := range g.Tests {
				digest := unhex(t, test[1])
				if hash != 0 {
					h := hash.New()
					h.Write(digest)
					digest = h.Sum(nil)
				}
				s := signed{key, digest, unhex(t, test[2]), opts}
				want := (&engine.VerifyOp{Key: s.key, Digest: s.digest, Signature: s.sig, Opts: s.opts}).Run()
				v := vector{fmt.Sprintf("%s %v", f.Name, test[0]), s, want == nil}
				// The standard library's answer counts. It takes some RSA signatures that a library
				// may take or not, and finds the salt of PSS where its length is given as 0.
				if result := test[3]; result != "acceptable" && v.valid != (result == "valid") && g.Salt > 0 {
					t.Errorf("%s: %v, but the standard library says %v", v.name, result, want)
				}
				all = append(all, v)
			}
		}
	}
	if len(all) < 3000 {
		t.Fatalf("only %d signatures", len(all))
	}
	return all
}

// wrapAll returns a verifier for each of the signatures, one for each key.
func wrapAll(t testing.TB, all []vector) []engine.Verifier {
	byKey := make(map[crypto.PublicKey]engine.Verifier)
	verifiers := make([]engine.Verifier, len(all))
	for i, v := range all {
		// Groups have keys of their own, and an ed25519.PublicKey cannot be the key of a map.
		id := v.key
		if k, ok := v.key.(ed25519.PublicKey); ok {
			id = string(k)
		}
		if byKey[id] == nil {
			verifier, err := multibuffer.Verifier(v.key)
			if err != nil {
				t.Fatal(v.name, err)
			}
			t.Cleanup(func() { verifier.Close() })
			byKey[id] = verifier
		}
		verifiers[i] = byKey[id]
	}
	return verifiers
}

// Every signature of Project Wycheproof's and of NIST's in every lane: each batch has the eight
// signatures of one kind that follow the first of the batch before it. Padding, salts, hashes,
// keys, and valid and wrong signatures are mixed.
func TestVectorsInEveryLane(t *testing.T) {
	all := append(vectors(t), acvp(t)...)
	rand.New(rand.NewPCG(8, 8)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	verifiers := wrapAll(t, all)
	byKind := make(map[string][]int)
	for i, v := range all {
		kind := fmt.Sprintf("%T", v.key)
		switch k := v.key.(type) {
		case *rsa.PublicKey:
			kind += fmt.Sprint(k.Size())
		case *ecdsa.PublicKey:
			kind += k.Curve.Params().Name
		}
		byKind[kind] = append(byKind[kind], i)
	}
	step := 1
	if testing.Short() || !lanes() {
		step = 8 // each in one lane only
	}
	for kind, items := range byKind {
		for first := 0; first < len(items); first += step {
			var batch [8]multibuffer.Verification
			for lane := range batch {
				i := items[(first+lane)%len(items)]
				v := all[i]
				batch[lane] = multibuffer.Verification{Key: verifiers[i], Digest: v.digest, Signature: v.sig, Opts: v.opts}
			}
			for lane, err := range multibuffer.VerifyBatch(batch[:]) {
				v := all[items[(first+lane)%len(items)]]
				if (err == nil) != v.valid || err != nil && !errors.Is(err, engine.ErrVerification) {
					t.Errorf("%s, %s in lane %d: %v", kind, v.name, lane, err)
				}
			}
		}
	}
}

// Every signature of Project Wycheproof's and of NIST's, by a Verifier, a drop-in and VerifyBatch,
// with as many others around it as come together.
func TestVectors(t *testing.T) {
	all := append(vectors(t), acvp(t)...)
	verifiers := wrapAll(t, all)
	batch := make([]multibuffer.Verification, 0, 2*len(all))
	for i, v := range all {
		for _, key := range []crypto.PublicKey{v.key, verifiers[i]} {
			batch = append(batch, multibuffer.Verification{Key: key, Digest: v.digest, Signature: v.sig, Opts: v.opts})
		}
	}
	for i, err := range multibuffer.VerifyBatch(batch) {
		if v := all[i/2]; (err == nil) != v.valid || err != nil && !errors.Is(err, engine.ErrVerification) {
			t.Errorf("%s in a batch: %v", v.name, err)
		}
	}
	before := multibuffer.Default().Stats()
	var wg sync.WaitGroup
	work := make(chan int)
	for range 24 {
		wg.Go(func() {
			for i := range work {
				v := all[i]
				if err := v.compare(t, batch[2*i+1].Key.(engine.Verifier).Verify(v.digest, v.sig, v.opts)); err != nil {
					t.Error(v.name, err)
				}
				if ok, known := v.dropIn(); known && ok != v.valid {
					t.Errorf("%s by a drop-in: %v", v.name, ok)
				}
			}
		})
	}
	for i := range all {
		work <- i
	}
	close(work)
	wg.Wait()
	s := multibuffer.Default().Stats()
	if n := s.Vectorized - before.Vectorized; lanes() && n < uint64(len(all)) {
		t.Errorf("only %d operations went through the lanes", n)
	}
	if s.Recomputed != 0 {
		t.Errorf("%d operations were recomputed", s.Recomputed)
	}
}

// dropIn verifies by the function that stands in for the standard library's, if there is one.
func (s signed) dropIn() (ok, known bool) {
	switch key := s.key.(type) {
	case *rsa.PublicKey:
		if opts, pss := s.opts.(*rsa.PSSOptions); pss {
			return multibuffer.VerifyPSS(key, opts.Hash, s.digest, s.sig, opts) == nil, true
		}
		return multibuffer.VerifyPKCS1v15(key, s.opts.HashFunc(), s.digest, s.sig) == nil, true
	case *ecdsa.PublicKey:
		if _, raw := s.opts.(*engine.ECDSAOptions); raw {
			return false, false
		}
		return multibuffer.VerifyASN1(key, s.digest, s.sig), true
	case ed25519.PublicKey:
		if s.opts.HashFunc() != 0 {
			return false, false
		}
		return multibuffer.VerifyEd25519(key, s.digest, s.sig), true
	}
	return false, false
}

func TestWycheproofX25519(t *testing.T) {
	e := newEngine(t, multibuffer.Options{Workers: 1})
	n := 0
	for _, f := range vectorFiles() {
		if f.Name != "x25519" {
			continue
		}
		var wg sync.WaitGroup
		for _, test := range f.Groups[0].Tests {
			key, err := ecdh.X25519().NewPrivateKey(unhex(t, test[2]))
			if err != nil {
				t.Fatal(err)
			}
			peer, err := ecdh.X25519().NewPublicKey(unhex(t, test[1]))
			if err != nil {
				t.Fatal(err)
			}
			x, err := e.KeyExchanger(key)
			if err != nil {
				t.Fatal(err)
			}
			want, wantErr := key.ECDH(peer)
			n++
			wg.Go(func() {
				got, err := x.ECDH(peer)
				if !bytes.Equal(got, want) || fmt.Sprint(err) != fmt.Sprint(wantErr) {
					t.Errorf("%v: got %x, %v; want %x, %v", test[0], got, err, want, wantErr)
				}
				if wantErr == nil && hex.EncodeToString(got) != test[3] {
					t.Errorf("%v: got %x, want %v", test[0], got, test[3])
				}
			})
		}
		wg.Wait()
	}
	if n < 500 {
		t.Errorf("only %d tests", n)
	}
}

// The drop-ins return the standard library's own values, and panic where it panics.
func TestDropIns(t *testing.T) {
	outcome := func(f func() any) (result string) {
		defer func() {
			if value := recover(); value != nil {
				result = fmt.Sprint("panic: ", value)
			}
		}()
		return fmt.Sprintf("%v", f())
	}
	pss := func(salt int, hash crypto.Hash) *rsa.PSSOptions { return &rsa.PSSOptions{SaltLength: salt, Hash: hash} }
	for _, bits := range bitSizes {
		key := keys()[bits][0]
		good := sign(t, key, crypto.SHA256)
		for _, s := range []signed{good, good.as(wrong), {}, {digest: good.digest}, {sig: good.sig}} {
			for _, h := range []crypto.Hash{0, crypto.SHA256, crypto.SHA512, crypto.BLAKE2b_256, 99} {
				for range 4 { // the key is prepared meanwhile
					want := outcome(func() any { return rsa.VerifyPKCS1v15(&key.PublicKey, h, s.digest, s.sig) })
					if got := outcome(func() any { return multibuffer.VerifyPKCS1v15(&key.PublicKey, h, s.digest, s.sig) }); got != want {
						t.Errorf("PKCS #1 v1.5, %d bits, hash %d, %d and %d bytes: got %v, want %v", bits, h, len(s.digest), len(s.sig), got, want)
					}
				}
			}
		}
		for _, salt := range []int{rsa.PSSSaltLengthAuto, rsa.PSSSaltLengthEqualsHash, 7, bits/8 - 34} {
			good := sign(t, key, pss(salt, crypto.SHA256))
			for _, s := range []signed{good, good.as(wrong), {digest: good.digest}, {sig: good.sig}} {
				for _, h := range []crypto.Hash{0, crypto.SHA256, crypto.SHA512, crypto.BLAKE2b_256, 99} {
					for _, opts := range []*rsa.PSSOptions{nil, pss(0, 0), pss(-1, crypto.SHA512), pss(7, 0), pss(-2, 0), pss(bits/8-34, 0), pss(1<<20, 0)} {
						want := outcome(func() any { return rsa.VerifyPSS(&key.PublicKey, h, s.digest, s.sig, opts) })
						if got := outcome(func() any { return multibuffer.VerifyPSS(&key.PublicKey, h, s.digest, s.sig, opts) }); got != want {
							t.Errorf("PSS, %d bits, hash %d, %v: got %v, want %v", bits, h, opts, got, want)
						}
					}
				}
			}
		}
		if err := multibuffer.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, good.digest, good.as(wrong).sig[1:]); err != rsa.ErrVerification {
			t.Errorf("%d bits: %v", bits, err)
		}
	}
	for name, f := range map[string][2]func() any{
		"nil RSA key": {func() any { return rsa.VerifyPKCS1v15(nil, crypto.SHA256, make([]byte, 32), nil) }, func() any { return multibuffer.VerifyPKCS1v15(nil, crypto.SHA256, make([]byte, 32), nil) }},
		"empty RSA key": {func() any { return rsa.VerifyPSS(new(rsa.PublicKey), crypto.SHA256, make([]byte, 32), nil, nil) }, func() any {
			return multibuffer.VerifyPSS(new(rsa.PublicKey), crypto.SHA256, make([]byte, 32), nil, nil)
		}},
		"nil ECDSA key":       {func() any { return ecdsa.VerifyASN1(nil, nil, nil) }, func() any { return multibuffer.VerifyASN1(nil, nil, nil) }},
		"empty ECDSA key":     {func() any { return ecdsa.VerifyASN1(new(ecdsa.PublicKey), nil, nil) }, func() any { return multibuffer.VerifyASN1(new(ecdsa.PublicKey), nil, nil) }},
		"nil Ed25519 key":     {func() any { return ed25519.Verify(nil, nil, nil) }, func() any { return multibuffer.VerifyEd25519(nil, nil, nil) }},
		"short Ed25519 key":   {func() any { return ed25519.Verify(make([]byte, 31), nil, nil) }, func() any { return multibuffer.VerifyEd25519(make([]byte, 31), nil, nil) }},
		"invalid Ed25519 key": {func() any { return ed25519.Verify(bytes.Repeat([]byte{2}, 32), nil, make([]byte, 64)) }, func() any { return multibuffer.VerifyEd25519(bytes.Repeat([]byte{2}, 32), nil, make([]byte, 64)) }},
	} {
		for range 4 {
			if want, got := outcome(f[0]), outcome(f[1]); got != want {
				t.Errorf("%s: got %v, want %v", name, got, want)
			}
		}
	}
}

// A batch of everything at once, in any order, has every answer in its place.
func TestVerifyBatch(t *testing.T) {
	var all []signed
	for _, key := range []crypto.Signer{keys()[2048][0], keys()[3072][0], keys()[4096][0], keys()[2048][2]} {
		for _, opts := range []crypto.SignerOpts{crypto.SHA256, &rsa.PSSOptions{Hash: crypto.SHA512}, crypto.Hash(0)} {
			if opts == crypto.Hash(0) {
				opts = crypto.SHA384
			}
			all = append(all, sign(t, key, opts))
		}
	}
	all = append(all, curveSignatures(t)...)
	// Entries that no lane can compute, and entries that are wrong in themselves.
	all = append(all, signed{}, signed{key: "key"}, signed{key: (*rsa.PublicKey)(nil)}, signed{key: new(ecdsa.PublicKey)},
		signed{key: ed25519.PublicKey{1}, opts: crypto.Hash(0)}, signed{key: &keys()[2048][0].PublicKey},
		signed{key: &keys()[2048][0].PublicKey, opts: crypto.SHA256}, signed{key: &keys()[2048][0].PublicKey, opts: (*rsa.PSSOptions)(nil)})
	for _, size := range []int{0, 1, 2, 7, 8, 9, 17, 300} {
		var batch []multibuffer.Verification
		var want []signed
		for i := range size {
			s := all[(i*7+size)%len(all)]
			if s.sig != nil {
				s = s.as(input(i % 3))
			}
			v := multibuffer.Verification{Key: s.key, Digest: s.digest, Signature: s.sig, Opts: s.opts}
			if verifier, err := multibuffer.Verifier(s.key); err == nil && i%2 == 0 {
				defer verifier.Close()
				v.Key = verifier
			}
			batch, want = append(batch, v), append(want, s)
		}
		errs := multibuffer.VerifyBatch(batch)
		if len(errs) != size {
			t.Fatalf("%d errors for %d signatures", len(errs), size)
		}
		for i, err := range errs {
			if err := want[i].compare(t, err); err != nil {
				t.Error(err)
			}
		}
	}
	v, err := multibuffer.Verifier(all[0].key)
	if err != nil {
		t.Fatal(err)
	}
	v.Close()
	if errs := multibuffer.VerifyBatch([]multibuffer.Verification{{Key: v, Digest: all[0].digest, Signature: all[0].sig, Opts: all[0].opts}}); errs[0] != engine.ErrClosed {
		t.Error(errs[0])
	}
}

// Operations that VerifyBatch computes in lanes are counted by kind, although no engine is given
// them; the others are the engine's.
func TestVerifyBatchIsCounted(t *testing.T) {
	entry := func(key crypto.Signer) multibuffer.Verification {
		s := sign(t, key, crypto.SHA256)
		return multibuffer.Verification{Key: s.key, Digest: s.digest, Signature: s.sig, Opts: s.opts}
	}
	verifier, err := multibuffer.Verifier(newECDSA(t, elliptic.P256()).Public())
	if err != nil {
		t.Fatal(err)
	}
	defer verifier.Close()
	p256 := entry(newECDSA(t, elliptic.P256()))
	p256.Key = verifier // of another key: an invalid signature counts, too
	batch := slices.Repeat([]multibuffer.Verification{p256}, 16)
	batch = append(batch, entry(newECDSA(t, elliptic.P521())))
	kinds := func() map[string]engine.KindStats {
		m := make(map[string]engine.KindStats)
		for _, k := range multibuffer.Default().Stats().Kinds {
			m[k.Name] = k
		}
		return m
	}
	before := kinds()
	errs := multibuffer.VerifyBatch(batch)
	after := kinds()
	for i, err := range errs {
		if (err == nil) != (i == 16) {
			t.Error(i, err)
		}
	}
	if !lanes() {
		return
	}
	got, was := after["p256-verify"], before["p256-verify"]
	if got.Operations-was.Operations != 16 || got.Batches-was.Batches != 2 {
		t.Errorf("%+v, and before %+v: want 16 operations in 2 batches", got, was)
	}
	// The goroutines that help are operations of the engine, too.
	if after["alone"].Operations == before["alone"].Operations {
		t.Error("the operation with a key of P-521 was not counted")
	}
}

// fading is a context that is done when it has been asked a number of times.
type fading struct {
	context.Context
	left atomic.Int64
}

func (c *fading) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// A signature whose context is done when its turn comes is neither valid nor invalid. The others
// of its batch are one or the other.
func TestVerifyBatchEndsWithItsContexts(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for name, key := range map[string]crypto.Signer{
		"in lanes": newECDSA(t, elliptic.P256()), "by the standard library": newECDSA(t, elliptic.P521()),
	} {
		good := sign(t, key, crypto.SHA256)
		v, err := multibuffer.Verifier(good.key)
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		entry := func(ctx context.Context, s signed) multibuffer.Verification {
			return multibuffer.Verification{Key: v.WithContext(ctx), Digest: s.digest, Signature: s.sig, Opts: s.opts}
		}
		bad := good
		bad.digest = digest(crypto.SHA384)
		var batch []multibuffer.Verification
		var want []error
		for i := range 24 {
			switch i % 4 {
			case 0:
				batch, want = append(batch, entry(t.Context(), good)), append(want, nil)
			case 1:
				batch, want = append(batch, entry(t.Context(), bad)), append(want, engine.ErrVerification)
			case 2:
				batch, want = append(batch, entry(over, good)), append(want, context.Canceled)
			case 3:
				batch, want = append(batch, entry(over, bad)), append(want, context.Canceled)
			}
		}
		if got := multibuffer.VerifyBatch(batch); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
		// The context ends while the batch is verified.
		ctx := &fading{Context: t.Context()}
		ctx.left.Store(8)
		verified := 0
		for _, err := range multibuffer.VerifyBatch(slices.Repeat([]multibuffer.Verification{entry(ctx, good)}, 24)) {
			switch err {
			case nil:
				verified++
			case context.Canceled:
			default:
				t.Errorf("%s: %v", name, err)
			}
		}
		if verified != 8 {
			t.Errorf("%s: %d are verified, and the context let 8 begin", name, verified)
		}
	}
}

// Many batches at once, from goroutines and from operations of the default engine itself.
func TestManyVerifyBatches(t *testing.T) {
	all := curveSignatures(t)
	var wg sync.WaitGroup
	check := func() {
		batch := make([]multibuffer.Verification, 40)
		want := make([]signed, len(batch))
		for i := range batch {
			s := all[i%len(all)].as(input(i % 2))
			batch[i], want[i] = multibuffer.Verification{Key: s.key, Digest: s.digest, Signature: s.sig, Opts: s.opts}, s
		}
		for i, err := range multibuffer.VerifyBatch(batch) {
			if err := want[i].compare(t, err); err != nil {
				t.Error(err)
			}
		}
	}
	for i := range 12 {
		wg.Go(func() {
			for range 3 {
				if i%3 == 0 {
					if err := multibuffer.Default().Do(context.Background(), engine.Func(func() error { check(); return nil })); err != nil {
						t.Error(err)
					}
				} else {
					check()
				}
			}
		})
	}
	wg.Wait()
}

// curveSignatures returns signatures of elliptic curves, each by a key of its own, in every form.
func curveSignatures(t testing.TB) (all []signed) {
	for range 3 {
		for _, curve := range []elliptic.Curve{elliptic.P224(), elliptic.P256(), elliptic.P384(), elliptic.P521()} {
			key := newECDSA(t, curve)
			all = append(all, sign(t, key, crypto.SHA384), sign(t, key, &engine.ECDSAOptions{Hash: crypto.SHA256, Raw: true}))
		}
		key := newEd25519(t)
		for _, opts := range []crypto.SignerOpts{crypto.Hash(0), crypto.SHA512, &ed25519.Options{Context: "context"}} {
			all = append(all, sign(t, key, opts))
		}
	}
	return all
}
