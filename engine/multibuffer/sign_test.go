package multibuffer_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/fips140"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
)

// lastHash is the last that package crypto has.
const lastHash = crypto.BLAKE2b_512

// few reports whether one hash function is enough for key number i of a size. Two keys of each
// size get all of them in CI, by default one of 2048 bits.
func few(i, bits int) bool { return i > 1 || !multibuffer.Thorough && (i > 0 || bits > 2048) }

func TestPKCS1v15(t *testing.T) {
	e := newEngine(t, multibuffer.Options{})
	n := 0
	for _, bits := range bitSizes {
		for i, key := range keys()[bits] {
			s := wrap(t, e, key)
			for h := crypto.Hash(0); h <= lastHash; h++ {
				if few(i, bits) && h != crypto.SHA256 {
					continue
				}
				d := digest(h)
				want, wantErr := key.Sign(nil, d, h)
				got, err := s.Sign(nil, d, h)
				if !bytes.Equal(got, want) || fmt.Sprint(err) != fmt.Sprint(wantErr) {
					t.Errorf("%d bits, %v: got %x, %v; want %x, %v", bits, h, got, err, want, wantErr)
				}
				if wantErr == nil {
					n++
				}
			}
		}
	}
	want := 15 + 5
	if multibuffer.Thorough {
		want = 6 * 15
	}
	if n < want {
		t.Errorf("only %d signatures", n)
	}
	wantVectorized(t, e, n)
}

// With hash 0 the input is signed as it is, of any length that fits.
func TestPKCS1v15Unhashed(t *testing.T) {
	e := newEngine(t, multibuffer.Options{})
	key := keys()[2048][0]
	s := wrap(t, e, key)
	for _, n := range []int{0, 1, 100, 245, 246, 256, 1000} {
		d := bytes.Repeat([]byte{0xff}, n)
		want, wantErr := key.Sign(nil, d, crypto.Hash(0))
		got, err := s.Sign(nil, d, crypto.Hash(0))
		if !bytes.Equal(got, want) || err != wantErr {
			t.Errorf("%d bytes: got %x, %v; want %x, %v", n, got, err, want, wantErr)
		}
	}
	wantVectorized(t, e, 4)
}

func TestPSS(t *testing.T) {
	e := newEngine(t, multibuffer.Options{})
	n := 0
	for _, bits := range bitSizes {
		for i, key := range keys()[bits] {
			s := wrap(t, e, key)
			for h := crypto.Hash(1); h <= lastHash; h++ {
				if !h.Available() || few(i, bits) && h != crypto.SHA256 {
					continue
				}
				longest := bits/8 - h.Size() - 2
				auto := longest
				if fips140.Enabled() {
					auto = min(longest, h.Size()) // FIPS 186-5, section 5.4
				}
				for salt, length := range map[int]int{
					rsa.PSSSaltLengthAuto:       auto,
					rsa.PSSSaltLengthEqualsHash: h.Size(),
					1:                           1,
					17:                          17,
					longest - 1:                 longest - 1,
					longest:                     longest,
				} {
					opts := &rsa.PSSOptions{SaltLength: salt, Hash: h}
					d := digest(h)
					sig, err := s.Sign(rand.Reader, d, opts)
					if err == nil {
						err = rsa.VerifyPSS(&key.PublicKey, h, d, sig, &rsa.PSSOptions{SaltLength: length})
					}
					if err != nil {
						t.Errorf("%d bits, %v, salt length %d: %v", bits, h, salt, err)
					}
					n++
					if again, _ := s.Sign(rand.Reader, d, opts); length > 16 && bytes.Equal(again, sig) {
						t.Errorf("%d bits, %v, salt length %d: the salt was used twice", bits, h, salt)
					}
					n++
				}
			}
		}
	}
	wantVectorized(t, e, n)
}

// Input that crypto/rsa refuses is refused with its error.
func TestErrorsOfCryptoRSA(t *testing.T) {
	e := newEngine(t, multibuffer.Options{})
	pss := func(h crypto.Hash, salt int) crypto.SignerOpts { return &rsa.PSSOptions{Hash: h, SaltLength: salt} }
	for _, bits := range bitSizes {
		key := keys()[bits][0]
		s := wrap(t, e, key)
		for name, c := range map[string]struct {
			digest []byte
			opts   crypto.SignerOpts
		}{
			"short digest":            {make([]byte, 31), crypto.SHA256},
			"long digest":             {make([]byte, 33), crypto.SHA256},
			"no digest":               {nil, crypto.SHA256},
			"unsupported hash":        {make([]byte, 32), crypto.BLAKE2b_256},
			"message too long":        {make([]byte, bits/8-10), crypto.Hash(0)},
			"PSS, short digest":       {make([]byte, 31), pss(crypto.SHA256, 0)},
			"PSS, long digest":        {make([]byte, 33), pss(crypto.SHA256, -1)},
			"PSS, salt too long":      {make([]byte, 32), pss(crypto.SHA256, bits/8-33)},
			"PSS, salt much too long": {make([]byte, 32), pss(crypto.SHA256, 1<<20)},
			"PSS, negative salt":      {make([]byte, 32), pss(crypto.SHA256, -2)},
		} {
			want, wantErr := key.Sign(rand.Reader, c.digest, c.opts)
			got, err := s.Sign(rand.Reader, c.digest, c.opts)
			if err == nil || err.Error() != wantErr.Error() || got != nil || want != nil {
				t.Errorf("%d bits, %s: got %x, %v; want %v", bits, name, got, err, wantErr)
			}
			if errors.Is(wantErr, rsa.ErrMessageTooLong) && !errors.Is(err, rsa.ErrMessageTooLong) {
				t.Errorf("%d bits, %s: the error is another %v", bits, name, err)
			}
		}
		// Where crypto/rsa panics, the engine goes on. Go 1.27 turned some of its panics into
		// errors.
		for name, opts := range map[string]crypto.SignerOpts{
			"no such hash":         crypto.Hash(99),
			"PSS, no hash":         pss(0, 0),
			"PSS, no such hash":    pss(99, 0),
			"PSS, hash not linked": pss(crypto.BLAKE2b_256, 0),
		} {
			panicked, want := signOrPanic(key, opts)
			_, err := s.Sign(rand.Reader, make([]byte, 32), opts)
			p, ok := err.(*engine.PanicError)
			if ok != (panicked != nil) || ok && fmt.Sprint(p.Value) != fmt.Sprint(panicked) {
				t.Errorf("%d bits, %s: %v, want a panic: %v", bits, name, err, panicked)
			} else if !ok && (err == nil || want == nil || err.Error() != want.Error()) {
				t.Errorf("%d bits, %s: %v, want %v", bits, name, err, want)
			}
		}
		// It panics for nil options, too. There the engine has an error of its own.
		for _, opts := range []crypto.SignerOpts{nil, (*rsa.PSSOptions)(nil), (*ed25519.Options)(nil)} {
			var p *engine.PanicError
			if _, err := s.Sign(rand.Reader, make([]byte, 32), opts); err == nil || errors.As(err, &p) || !strings.Contains(err.Error(), "nil; use") {
				t.Errorf("%d bits, %T: %v", bits, opts, err)
			}
		}
	}
	wantVectorized(t, e, 0)
}

// signOrPanic signs with crypto/rsa, and returns the value that it panics with or its error.
func signOrPanic(key *rsa.PrivateKey, opts crypto.SignerOpts) (panicked any, err error) {
	defer func() { panicked = recover() }()
	_, err = key.Sign(rand.Reader, make([]byte, 32), opts)
	return nil, err
}

// A public exponent is as short as 3 or as long as crypto/rsa takes; they share batches.
func TestExponents(t *testing.T) {
	e := newEngine(t, multibuffer.Options{Workers: 1})
	d := digest(crypto.SHA256)
	var all []func()
	exponents := []int{3, 65537, 1<<31 - 1}
	if multibuffer.Thorough {
		exponents = append(exponents, 5, 17, 257)
	}
	for _, exponent := range exponents {
		key := newKey(t, 1024, 1024, exponent)
		s := wrap(t, e, key)
		all = append(all, func() {
			if got, err := s.Sign(nil, d, crypto.SHA256); err != nil || rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, d, got) != nil {
				t.Errorf("e = %d: %x, %v", exponent, got, err)
			}
		})
		all[len(all)-1]()
	}
	inOneBatch(t, e, map[string]int{signRSA(2048): len(all)}, all...)
	wantVectorized(t, e, 2*len(all))
}

// Keys in odd shapes that crypto/rsa accepts go through the lanes all the same.
func TestKeysInOddShapes(t *testing.T) {
	e := newEngine(t, multibuffer.Options{})
	key := keys()[2048][0]
	one := big.NewInt(1)
	p1, q1 := new(big.Int).Sub(key.Primes[0], one), new(big.Int).Sub(key.Primes[1], one)
	lambda := p1.Mul(p1, q1)
	lambda.Rsh(lambda, 1) // a multiple of lcm(p-1, q-1), which is even
	small := new(big.Int).Mod(key.D, lambda)
	d := digest(crypto.SHA256)
	want, err := key.Sign(nil, d, crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	shapes := map[string]*rsa.PrivateKey{
		"nothing precomputed": {PublicKey: key.PublicKey, D: key.D, Primes: key.Primes},
		"d reduced":           {PublicKey: key.PublicKey, D: small, Primes: key.Primes},
		"d not reduced":       {PublicKey: key.PublicKey, D: new(big.Int).Add(small, lambda), Primes: key.Primes},
	}
	for name, k := range shapes {
		if got, err := wrap(t, e, k).Sign(nil, d, crypto.SHA256); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %x, %v; want %x", name, got, err, want)
		}
		if k.Precomputed.Dp != nil {
			t.Errorf("%s: wrapping has changed the key", name)
		}
	}
	wantVectorized(t, e, len(shapes))
}

func TestSignerOfTheDefaultEngine(t *testing.T) {
	s, err := multibuffer.Signer(keys()[2048][0])
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	d := digest(crypto.SHA256)
	sig, err := s.Sign(nil, d, crypto.SHA256)
	if err == nil {
		err = rsa.VerifyPKCS1v15(s.Public().(*rsa.PublicKey), crypto.SHA256, d, sig)
	}
	if err != nil {
		t.Error(err)
	}
	if e, again := multibuffer.Default(), multibuffer.Default(); e != again || e.Name() != "multibuffer" {
		t.Error("there is more than one default engine")
	}
	if _, err := multibuffer.Signer(nil); err == nil {
		t.Error("no key was no error")
	}
}
