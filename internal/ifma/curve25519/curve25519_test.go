package curve25519

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/sha512"
	"math/rand/v2"
	"os"
	"testing"

	"asynccrypto/internal/ifma"
)

// everyImpl runs a test with the kernels and with the reference implementation.
func everyImpl(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	if ok, why := ifma.Supported(); ok {
		t.Run("kernels", test)
	} else {
		t.Log("without the kernels:", why)
	}
	t.Run("reference", func(t *testing.T) {
		ifma.AllowReference = true
		defer func() { ifma.AllowReference = false }()
		test(t)
	})
}

// rounds returns n, and fifty times as many where CI=true.
func rounds(n int) int {
	if os.Getenv("CI") == "true" {
		return 50 * n
	}
	return n
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 25519)) }

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func workspace(t testing.TB) *Workspace {
	t.Helper()
	w, err := NewWorkspace()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// signer is one key pair, prepared, beside that of the standard library.
type signer struct {
	std     ed25519.PrivateKey
	pub     ed25519.PublicKey
	private *PrivateKey
	public  *PublicKey
}

func newSigner(t testing.TB, r *rand.Rand, compact bool) signer {
	t.Helper()
	std := ed25519.NewKeyFromSeed(randomBytes(r, SeedSize))
	s := signer{std: std, pub: std.Public().(ed25519.PublicKey)}
	var err error
	if s.private, err = NewPrivateKey(std.Seed(), s.pub, compact); err != nil {
		t.Fatal(err)
	}
	if s.public, err = NewPublicKey(s.pub, compact); err != nil {
		t.Fatal(err)
	}
	return s
}

// variant is Ed25519, Ed25519ctx or Ed25519ph.
func variant(r *rand.Rand, message []byte) (dom, hashed []byte, opts *ed25519.Options) {
	context := string(randomBytes(r, r.IntN(256)))
	dom2 := func(flag byte) []byte {
		return append([]byte("SigEd25519 no Ed25519 collisions"), append([]byte{flag, byte(len(context))}, context...)...)
	}
	switch r.IntN(4) {
	case 0:
		h := sha512.Sum512(message)
		return dom2(1), h[:], &ed25519.Options{Hash: crypto.SHA512, Context: context}
	case 1:
		if context != "" {
			return dom2(0), message, &ed25519.Options{Context: context}
		}
	}
	return nil, message, noOptions
}

// TestSignAndVerify compares with the standard library, with all numbers of live lanes.
func TestSignAndVerify(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		r := newRand(1)
		w := workspace(t)
		var signers [MaxBatch]signer
		for l := range signers {
			signers[l] = newSigner(t, r, l%3 == 2)
		}
		for range rounds(4) {
			var private [MaxBatch]*PrivateKey
			var public [MaxBatch]*PublicKey
			var pubs, dom, messages, sigs [MaxBatch][]byte
			var opts [MaxBatch]*ed25519.Options
			n := 1 + r.IntN(MaxBatch)
			for l := range n {
				s := signers[r.IntN(MaxBatch)]
				private[l], public[l], pubs[l] = s.private, s.public, s.pub
				dom[l], messages[l], opts[l] = variant(r, randomBytes(r, r.IntN(300)))
				sigs[l] = make([]byte, SignatureSize)
				want, err := s.std.Sign(nil, messages[l], opts[l])
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					if !bytes.Equal(sigs[l], want) {
						t.Errorf("lane %d: wrong signature", l)
					}
				}()
			}
			all := uint8(1<<n - 1)
			if ok := w.Sign(&private, &dom, &messages, &sigs, n); ok != all {
				t.Fatalf("Sign: ok = %08b of %d", ok, n)
			}
			spoilt := sigs
			want := uint8(r.Uint32()) & all
			for l := range n {
				if want>>l&1 == 0 {
					spoilt[l] = bytes.Clone(sigs[l])
					spoilt[l][r.IntN(SignatureSize)] ^= 1 << r.IntN(8)
				}
			}
			if valid := w.Verify(&public, &dom, &messages, &spoilt, n); valid != want {
				t.Errorf("Verify: %08b, want %08b", valid, want)
			}
			if valid := w.VerifyAny(&pubs, &dom, &messages, &spoilt, n); valid != want {
				t.Errorf("VerifyAny: %08b, want %08b", valid, want)
			}
		}
	})
}

func TestX25519(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		r := newRand(2)
		w := workspace(t)
		for range rounds(4) {
			var out, public, scalars, points [MaxBatch][]byte
			n := 1 + r.IntN(MaxBatch)
			for l := range n {
				out[l], public[l] = make([]byte, ScalarSize), make([]byte, ScalarSize)
				scalars[l], points[l] = randomBytes(r, ScalarSize), randomBytes(r, ScalarSize)
			}
			all := uint8(1<<n - 1)
			if ok := w.X25519(&out, &scalars, &points, n); ok != all {
				t.Fatalf("X25519: ok = %08b of %d", ok, n)
			}
			if ok := w.BasePoint(&public, &scalars, n); ok != all {
				t.Fatalf("BasePoint: ok = %08b of %d", ok, n)
			}
			for l := range n {
				key, err := ecdh.X25519().NewPrivateKey(scalars[l])
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(public[l], key.PublicKey().Bytes()) {
					t.Errorf("lane %d: wrong public key", l)
				}
				point, err := ecdh.X25519().NewPublicKey(points[l])
				if err != nil {
					t.Fatal(err)
				}
				want, err := key.ECDH(point)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(out[l], want) {
					t.Errorf("lane %d: wrong secret", l)
				}
			}
		}
	})
}

var noOptions = new(ed25519.Options)
