package curve25519

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"math/rand/v2"
	"testing"

	"asynccrypto/internal/ifma"
)

// fuzzBatch makes a batch of signatures from bytes: most begin as right ones, and some are spoilt
// in ways that matter. Bytes choose the ways, and what is written where.
type fuzzBatch struct {
	r                         *rand.Rand
	n                         int
	keys                      [MaxBatch]*PublicKey
	pubs, dom, messages, sigs [MaxBatch][]byte
	want                      uint8
}

func newFuzzBatch(b []byte) *fuzzBatch {
	var seed [32]byte
	copy(seed[:], b)
	r := rand.New(rand.NewChaCha8(seed))
	next := func() byte {
		c := byte(r.Uint32())
		if len(b) > 0 {
			c, b = b[0], b[1:]
		}
		return c
	}
	f := &fuzzBatch{r: r, n: 1 + int(next()%MaxBatch)}
	points := torsion()
	for l := range f.n {
		std := ed25519.NewKeyFromSeed(randomBytes(r, SeedSize))
		message := randomBytes(r, r.IntN(200))
		var opts *ed25519.Options
		f.dom[l], message, opts = variant(r, message)
		pub := bytes.Clone(std[32:])
		sig, err := std.Sign(nil, message, opts)
		if err != nil {
			panic(err)
		}
		switch next() % 8 {
		case 0:
			sig[next()%64] ^= 1 << (next() % 8)
		case 1:
			pub[next()%32] ^= 1 << (next() % 8)
		case 2:
			copy(pub, points[int(next())%len(points)])
		case 3:
			copy(pub, points[int(next())%len(points)])
			copy(sig, points[int(next())%len(points)])
			clear(sig[32:])
			sig[32] = next() % 3
		case 4: // S + k·order
			s := wordsOf(sig[32:])
			for range next()%15 + 1 {
				var minus words
				minus.subtract(&minus, &order)
				s.subtract(&s, &minus)
			}
			s.put(sig[32:])
		case 5:
			sig = sig[:next()%64]
		}
		f.pubs[l], f.messages[l], f.sigs[l] = pub, message, sig
		f.keys[l], _ = NewPublicKey(pub, next()%2 == 0)
		if ed25519.VerifyWithOptions(pub, message, sig, opts) == nil {
			f.want |= 1 << l
		}
	}
	return f
}

// FuzzVerify compares with crypto/ed25519.
func FuzzVerify(f *testing.F) {
	if ok, why := ifma.Supported(); !ok {
		f.Skip(why)
	}
	for i := range byte(8) {
		f.Add([]byte{7, i, 1, 2, 3, i, 4, 5, 6, i, 7, 8, 9})
	}
	w := workspace(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		x := newFuzzBatch(b)
		if valid := w.Verify(&x.keys, &x.dom, &x.messages, &x.sigs, x.n); valid != x.want {
			t.Errorf("Verify: %08b, want %08b", valid, x.want)
		}
		if valid := w.VerifyAny(&x.pubs, &x.dom, &x.messages, &x.sigs, x.n); valid != x.want {
			t.Errorf("VerifyAny: %08b, want %08b", valid, x.want)
		}
	})
}

// FuzzX25519 compares with crypto/ecdh.
func FuzzX25519(f *testing.F) {
	if ok, why := ifma.Supported(); !ok {
		f.Skip(why)
	}
	for _, s := range smallOrder {
		f.Add(unhex(f, s+s))
	}
	w := workspace(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var seed [32]byte
		copy(seed[:], b)
		r := rand.New(rand.NewChaCha8(seed))
		var out, public, scalars, points [MaxBatch][]byte
		n := 1 + r.IntN(MaxBatch)
		for l := range n {
			out[l], public[l] = make([]byte, ScalarSize), make([]byte, ScalarSize)
			scalars[l], points[l] = randomBytes(r, ScalarSize), randomBytes(r, ScalarSize)
			if len(b) >= 32 {
				copy(points[l], b)
				b = b[32:]
			}
			b = b[min(len(b), copy(scalars[l], b)):]
		}
		nonzero := w.X25519(&out, &scalars, &points, n)
		w.BasePoint(&public, &scalars, n)
		for l := range n {
			key, err := ecdh.X25519().NewPrivateKey(scalars[l])
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(public[l], key.PublicKey().Bytes()) {
				t.Errorf("public key of %x: %x", scalars[l], public[l])
			}
			point, err := ecdh.X25519().NewPublicKey(points[l])
			if err != nil {
				t.Fatal(err)
			}
			want, err := key.ECDH(point)
			if (err == nil) != (nonzero>>l&1 == 1) {
				t.Errorf("%x: nonzero = %08b, the standard library says %v", points[l], nonzero, err)
			}
			if err == nil && !bytes.Equal(out[l], want) {
				t.Errorf("secret of %x and %x: %x", scalars[l], points[l], out[l])
			}
		}
	})
}
