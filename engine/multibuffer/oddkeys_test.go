//lint:file-ignore SA1019 programs can make such keys and points

package multibuffer

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"math/big"
	"testing"

	"asynccrypto/engine"
	"asynccrypto/internal/ifma"
)

func ecPublic(c elliptic.Curve, x, y *big.Int) *ecdsa.PublicKey {
	return &ecdsa.PublicKey{Curve: c, X: x, Y: y}
}

// otherCurve is a curve of a program's own, with the parameters of one of the standard library's.
type otherCurve struct{ elliptic.Curve }

// A private key of a shape that crypto/* takes signs as it does there. lanes says whether the
// kernels take it, too.
func TestPrivateKeysInOddShapes(t *testing.T) {
	e, h, err := newEngine(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	a, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec := func(change func(k *ecdsa.PrivateKey)) *ecdsa.PrivateKey {
		k := &ecdsa.PrivateKey{PublicKey: *ecPublic(a.Curve, new(big.Int).Set(a.X), new(big.Int).Set(a.Y)), D: new(big.Int).Set(a.D)}
		change(k)
		return k
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed2, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	order := a.Curve.Params().N
	for name, c := range map[string]struct {
		key   crypto.Signer
		lanes bool
	}{
		"P-256":                   {a, true},
		"P-256 by its parameters": {ec(func(k *ecdsa.PrivateKey) { k.Curve = k.Curve.Params() }), false},
		"P-256 by another type":   {ec(func(k *ecdsa.PrivateKey) { k.Curve = otherCurve{k.Curve} }), false},
		"point of another scalar": {ec(func(k *ecdsa.PrivateKey) { k.X, k.Y = b.X, b.Y }), false},
		"opposite point":          {ec(func(k *ecdsa.PrivateKey) { k.Y.Sub(k.Curve.Params().P, k.Y) }), false},
		"no point of the curve":   {ec(func(k *ecdsa.PrivateKey) { k.Y.Add(k.Y, big.NewInt(1)) }), false},
		"scalar 0":                {ec(func(k *ecdsa.PrivateKey) { k.D.SetInt64(0) }), false},
		"negative scalar":         {ec(func(k *ecdsa.PrivateKey) { k.D.Neg(k.D) }), false},
		"scalar above the order":  {ec(func(k *ecdsa.PrivateKey) { k.D.Add(k.D, order) }), false},
		"scalar of 257 bits":      {ec(func(k *ecdsa.PrivateKey) { k.D.SetBit(k.D, 256, 1) }), false},
		"negative coordinate":     {ec(func(k *ecdsa.PrivateKey) { k.X.Neg(k.X) }), false},
		"P-521":                   {p521, false},
		"Ed25519":                 {ed, true},
		"Ed25519, another's half": {ed25519.PrivateKey(append(bytes.Clone(ed[:32]), ed2[32:]...)), false},
		"Ed25519 of another type": {wrappedKey{ed}, false},
	} {
		ok := ifma.Usable() // Supported is false under FIPS 140, and a handler works there all the same
		digest := sha256.Sum256([]byte(name))
		opts := optsFor(c.key)
		if _, isEd := c.key.Public().(ed25519.PublicKey); isEd {
			opts = crypto.Hash(0)
		}
		prepared, _, err := h.prepare(c.key)
		if err != nil || (prepared != nil) != (c.lanes && ok) {
			t.Errorf("%s: prepared %v, %v", name, prepared, err)
		}
		s, err := e.Signer(c.key)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, wantErr := c.key.Sign(nil, digest[:], opts)
		got, err := s.Sign(nil, digest[:], opts)
		if !bytes.Equal(got, want) || (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
			t.Errorf("%s: got %x, %v; want %x, %v", name, got, err, want, wantErr)
		}
	}
	if s := e.Stats(); s.Recomputed != 0 {
		t.Errorf("%d signatures were recomputed", s.Recomputed)
	}
}

// wrappedKey is a private key of a type of a program's own.
type wrappedKey struct{ crypto.Signer }

// A public key of a shape that crypto/* takes, or refuses, verifies as it does there, prepared and
// not.
func TestPublicKeysInOddShapes(t *testing.T) {
	h := new(handler)
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		digest := sha256.Sum256(nil)
		sig, err := ecdsa.SignASN1(rand.Reader, k, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		p := curve.Params()
		one := big.NewInt(1)
		for name, c := range map[string]struct {
			pub        *ecdsa.PublicKey
			lanes, any bool // whether the kernels take it, prepared and not
		}{
			"as it is":          {&k.PublicKey, true, true},
			"by its parameters": {ecPublic(p, k.X, k.Y), true, true},
			"by another type":   {ecPublic(otherCurve{curve}, k.X, k.Y), true, true},
			"opposite":          {ecPublic(curve, k.X, new(big.Int).Sub(p.P, k.Y)), true, true},
			"off the curve":     {ecPublic(curve, k.X, new(big.Int).Add(k.Y, one)), false, true},
			"x not reduced":     {ecPublic(curve, new(big.Int).Add(k.X, p.P), k.Y), false, false},
			"x = p":             {ecPublic(curve, p.P, k.Y), false, true},
			"x = 2^size - 1":    {ecPublic(curve, new(big.Int).Sub(new(big.Int).Lsh(one, uint(p.BitSize)), one), k.Y), false, true},
			"infinity":          {ecPublic(curve, new(big.Int), new(big.Int)), false, true},
			"negative":          {ecPublic(curve, new(big.Int).Neg(k.X), k.Y), false, false},
		} {
			ok := ifma.Usable() // Supported is false under FIPS 140, and a handler works there all the same
			fits := c.pub.X.BitLen() <= p.BitSize
			if got := h.public(c.pub); (got != nil) != (c.lanes && ok) {
				t.Errorf("%s, %s: prepared %v", p.Name, name, got)
			}
			if got := anyKey(appendID(nil, c.pub)); fits && (got != nil) != c.any {
				t.Errorf("%s, %s: %v for any key", p.Name, name, got)
			}
			want := ecdsa.VerifyASN1(c.pub, digest[:], sig)
			for range 4 {
				if got := VerifyASN1(c.pub, digest[:], sig); got != want {
					t.Errorf("%s, %s: %v, want %v", p.Name, name, got, want)
				}
			}
			batch := make([]Verification, 8)
			for i := range batch {
				batch[i] = Verification{Key: c.pub, Digest: digest[:], Signature: sig}
			}
			for _, err := range VerifyBatch(batch) {
				if (err == nil) != want || err != nil && !errors.Is(err, engine.ErrVerification) {
					t.Errorf("%s, %s in a batch: %v, want %v", p.Name, name, err, want)
				}
			}
		}
	}
}

// panickingCurve is a curve of a program's own whose parameters cannot be had.
type panickingCurve struct{ elliptic.Curve }

func (panickingCurve) Params() *elliptic.CurveParams { panic("no parameters") }

// A curve that panics costs its own verification, not its batch.
func TestCurveThatPanics(t *testing.T) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(nil)
	sig, err := ecdsa.SignASN1(rand.Reader, k, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	good := Verification{Key: &k.PublicKey, Digest: digest[:], Signature: sig}
	for _, curve := range []elliptic.Curve{panickingCurve{k.Curve}, otherCurve{}} {
		bad := good
		bad.Key = ecPublic(curve, k.X, k.Y)
		errs := VerifyBatch([]Verification{good, bad, good})
		var p *engine.PanicError
		if errs[0] != nil || !errors.As(errs[1], &p) || errs[2] != nil {
			t.Errorf("%T: %v", curve, errs)
		}
		v, err := Verifier(bad.Key)
		if err == nil { // crypto/ecdsa does not look at the parameters to check a point
			err = v.Verify(digest[:], sig, nil)
		}
		if err == nil || errors.Is(err, engine.ErrVerification) {
			t.Errorf("%T, wrapped: %v", curve, err)
		}
	}
}

// A batch of eight different unprepared keys, of which each in turn is not on the curve.
func TestAnyKeyOffTheCurve(t *testing.T) {
	if ok, why := Supported(); !ok {
		t.Skip(why)
	}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		for bad := range 8 {
			kind := anyKey(appendID(nil, ecPublic(curve, new(big.Int), new(big.Int)))).kind
			p := getPass(kind)
			for lane := range 8 {
				k, err := ecdsa.GenerateKey(curve, rand.Reader)
				if err != nil {
					t.Fatal(err)
				}
				digest := sha256.Sum256([]byte{byte(lane)})
				sig, err := ecdsa.SignASN1(rand.Reader, k, digest[:])
				if err != nil {
					t.Fatal(err)
				}
				if lane == bad {
					k.Y.Add(k.Y, big.NewInt(1))
				}
				if !p.add(lane, &engine.VerifyOp{Key: &k.PublicKey, Digest: digest[:], Signature: sig, Prepared: anyKey(appendID(nil, &k.PublicKey))}) {
					t.Fatal("not added")
				}
			}
			done := p.compute(8)
			for lane := range 8 {
				if done>>lane&1 == 1 && (p.finish(lane) == nil) != (lane != bad) {
					t.Errorf("%s: lane %d of a batch whose key %d is not on the curve: %v", curve.Params().Name, lane, bad, p.finish(lane))
				}
			}
			putPass(kind, p)
		}
	}
}

// Signatures that were made to meet exceptions of the addition formulas get the standard library's
// answer, and are no fault of the machine. For a key with the scalar 1, a digest of r makes both
// halves of the sum the same point, and one of -r makes them opposite points.
func TestExceptionalSums(t *testing.T) {
	e, err := New(Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		p := curve.Params()
		pub := ecPublic(curve, p.Gx, p.Gy)
		v, err := e.Verifier(pub)
		if err != nil {
			t.Fatal(err)
		}
		size := p.BitSize / 8
		for _, nonce := range []int64{1, 2, 3, 4, 1 << 40} {
			k := big.NewInt(nonce)
			r, _ := curve.ScalarBaseMult(k.Bytes())
			r.Mod(r, p.N)
			s := new(big.Int).ModInverse(k, p.N)
			s.Mul(s, r).Lsh(s, 1).Mod(s, p.N)
			for _, c := range []struct {
				digest *big.Int
				valid  bool
			}{{r, true}, {new(big.Int).Sub(p.N, r), false}, {new(big.Int), false}} {
				digest := c.digest.FillBytes(make([]byte, size))
				sig := appendSignature(nil, r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size)))
				if want := ecdsa.VerifyASN1(pub, digest, sig); want != c.valid {
					t.Fatalf("%s, nonce %d: the standard library says %v", p.Name, nonce, want)
				}
				if err := v.Verify(digest, sig, nil); (err == nil) != c.valid {
					t.Errorf("%s, nonce %d: %v", p.Name, nonce, err)
				}
				batch := make([]Verification, 8)
				for i := range batch {
					batch[i] = Verification{Key: pub, Digest: digest, Signature: sig}
				}
				for _, err := range VerifyBatch(batch) {
					if (err == nil) != c.valid {
						t.Errorf("%s, nonce %d, in a batch: %v", p.Name, nonce, err)
					}
				}
			}
		}
	}
	if n := e.Stats().Recomputed + Default().Stats().Recomputed; n != 0 {
		t.Errorf("%d signatures count as faults of the machine", n)
	}
}
