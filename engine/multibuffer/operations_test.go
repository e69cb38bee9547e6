package multibuffer_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"slices"
	"testing"

	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
)

// operation is one of the operations that the kernels compute.
type operation struct {
	kind string // as multibuffer names it
	name string
	// wrap wraps a new key with e and returns a function that does the operation with it. The
	// function compares the answer with the standard library's, and returns an error that says that
	// there was no answer: of a closed engine or of a context that is done.
	wrap func(t testing.TB, e *engine.Engine) func(context.Context, input) error
}

// input is the quality of an operation's input.
type input int

const (
	good      input = iota
	wrong           // well formed, and wrong, if the operation knows such an input
	malformed       // perhaps even well formed, or good
)

// operations returns all of them.
func operations() (all []operation) {
	add := func(kind, name string, wrap func(testing.TB, *engine.Engine) func(context.Context, input) error) {
		all = append(all, operation{kind, kind + "/" + name, wrap})
	}
	pss := func(salt int) *rsa.PSSOptions { return &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: salt} }
	for _, bits := range bitSizes {
		key := func(testing.TB) crypto.Signer { return keys()[bits][0] }
		for name, opts := range map[string]crypto.SignerOpts{
			"PKCS1v15": crypto.SHA256, "PSS": pss(rsa.PSSSaltLengthEqualsHash), "PSS auto": pss(rsa.PSSSaltLengthAuto), "PSS 20": pss(20),
		} {
			if _, salt := opts.(*rsa.PSSOptions); salt && name != "PSS" && bits > 2048 && !multibuffer.Thorough {
				continue
			}
			add(fmt.Sprintf("rsa%d-sign", bits), name, signing(key, opts, true))
			add(fmt.Sprintf("rsa%d-verify", bits), name, verifying(key, opts))
		}
	}
	for kind, curve := range map[string]elliptic.Curve{"p256": elliptic.P256(), "p384": elliptic.P384()} {
		key := func(t testing.TB) crypto.Signer { return newECDSA(t, curve) }
		for name, opts := range map[string]crypto.SignerOpts{
			"SHA-256": crypto.SHA256, "SHA-512": crypto.SHA512,
			"raw": &engine.ECDSAOptions{Hash: crypto.SHA384, Raw: true}, "ASN.1": &engine.ECDSAOptions{Hash: crypto.SHA256},
		} {
			add(kind+"-sign", name, signing(key, opts, true))
			add(kind+"-sign", name+" RFC 6979", signing(key, opts, false))
			add(kind+"-verify", name, verifying(key, opts))
			add(kind+"-verify-any", name, verifyingAny(key, opts))
		}
	}
	for name, opts := range map[string]crypto.SignerOpts{
		"pure": crypto.Hash(0), "options": &ed25519.Options{}, "context": &ed25519.Options{Context: "context"},
		"prehashed": crypto.SHA512, "prehashed, context": &ed25519.Options{Hash: crypto.SHA512, Context: "context"},
	} {
		add("ed25519-sign", name, signing(newEd25519, opts, true))
		add("ed25519-verify", name, verifying(newEd25519, opts))
		add("ed25519-verify-any", name, verifyingAny(newEd25519, opts))
	}
	add("x25519-secret", "X25519", exchanging)
	add("x25519-generate", "X25519", generating)
	slices.SortFunc(all, func(a, b operation) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	return all
}

func newECDSA(t testing.TB, curve elliptic.Curve) crypto.Signer {
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newEd25519(t testing.TB) crypto.Signer {
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// noAnswer returns err if it says that the operation was not done.
func noAnswer(err error) error {
	if errors.Is(err, engine.ErrClosed) || errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// inputFor returns a digest for opts, or a message if there is no hash.
func inputFor(opts crypto.SignerOpts) []byte {
	n := mrand.IntN(200)
	if h := opts.HashFunc(); h != 0 {
		n = h.Size()
	}
	d := make([]byte, n)
	rand.Read(d)
	return d
}

// signing signs with crypto/rand's reader or with none.
func signing(newKey func(testing.TB) crypto.Signer, opts crypto.SignerOpts, random bool) func(testing.TB, *engine.Engine) func(context.Context, input) error {
	return func(t testing.TB, e *engine.Engine) func(context.Context, input) error {
		key := newKey(t)
		s := wrap(t, e, key)
		reader := rand.Reader
		if !random {
			reader = nil
		}
		return func(ctx context.Context, in input) error {
			d := inputFor(opts)
			if in == malformed {
				d = d[:mrand.IntN(len(d)+1)]
			}
			std := &engine.SignOp{Key: key, Rand: reader, Digest: d, Opts: opts}
			wantErr := std.Run()
			sig, err := s.WithContext(ctx).Sign(reader, d, opts)
			if noAnswer(err) != nil {
				return err
			}
			if fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Errorf("got error %v, want %v", err, wantErr)
				return nil
			}
			_, pss := opts.(*rsa.PSSOptions)
			_, ec := key.(*ecdsa.PrivateKey)
			if random && (pss || ec) {
				if err := (&engine.VerifyOp{Key: key.Public(), Digest: d, Signature: sig, Opts: opts}).Run(); wantErr == nil && err != nil {
					t.Errorf("%x: %v", sig, err)
				}
				if bytes.Equal(sig, std.Signature) && wantErr == nil {
					t.Error("a signature that is not random")
				}
			} else if !bytes.Equal(sig, std.Signature) {
				t.Errorf("got %x, want %x", sig, std.Signature)
			}
			return nil
		}
	}
}

// signed is a signature with the digest or message that it signs.
type signed struct {
	key         crypto.PublicKey
	digest, sig []byte
	opts        crypto.SignerOpts
}

func sign(t testing.TB, key crypto.Signer, opts crypto.SignerOpts) (s signed) {
	s = signed{key: key.Public(), digest: inputFor(opts), opts: opts}
	op := &engine.SignOp{Key: key, Rand: rand.Reader, Digest: s.digest, Opts: opts}
	if err := op.Run(); err != nil {
		t.Fatal(err)
	}
	s.sig = op.Signature
	return s
}

// as returns s, or something like it.
func (s signed) as(in input) signed {
	s.digest, s.sig = slices.Clone(s.digest), slices.Clone(s.sig)
	flip := func(b []byte) {
		if len(b) > 0 {
			b[mrand.IntN(len(b))] ^= 1 << mrand.IntN(8)
		}
	}
	switch in {
	case wrong:
		if _, ed := s.key.(ed25519.PublicKey); ed {
			s.sig[mrand.IntN(32)] ^= 1 // the message may be empty
		} else {
			s.digest[mrand.IntN(min(32, len(s.digest)))] ^= 1 << mrand.IntN(8)
		}
	case malformed:
		switch mrand.IntN(8) {
		case 0:
			flip(s.digest)
		case 1:
			s.sig = s.sig[:mrand.IntN(len(s.sig))]
		case 2:
			s.sig = append(s.sig, byte(mrand.IntN(3)))
		case 3:
			clear(s.sig[mrand.IntN(len(s.sig)):])
		case 4:
			for i := range s.sig {
				s.sig[i] = 0xff
			}
		case 5:
			s.sig[mrand.IntN(min(6, len(s.sig)))]++
		case 6:
			s.digest = append(s.digest, 1)
		default:
			flip(s.sig)
		}
	}
	return s
}

// compare compares an error with the standard library's. It returns an error if there was no
// answer.
func (s signed) compare(t testing.TB, err error) error {
	if noAnswer(err) != nil {
		return err
	}
	want := (&engine.VerifyOp{Key: s.key, Digest: s.digest, Signature: s.sig, Opts: s.opts}).Run()
	if fmt.Sprint(err) != fmt.Sprint(want) || errors.Is(err, engine.ErrVerification) != errors.Is(want, engine.ErrVerification) ||
		errors.Is(err, rsa.ErrVerification) != errors.Is(want, rsa.ErrVerification) {
		t.Errorf("%T, %v: %x over %x: got %v, want %v", s.key, s.opts, s.sig, s.digest, err, want)
	}
	return nil
}

func verifying(newKey func(testing.TB) crypto.Signer, opts crypto.SignerOpts) func(testing.TB, *engine.Engine) func(context.Context, input) error {
	return func(t testing.TB, e *engine.Engine) func(context.Context, input) error {
		original := sign(t, newKey(t), opts)
		v, err := e.Verifier(original.key)
		if err != nil {
			t.Fatal(err)
		}
		return func(ctx context.Context, in input) error {
			s := original.as(in)
			return s.compare(t, v.WithContext(ctx).Verify(s.digest, s.sig, s.opts))
		}
	}
}

func verifyingAny(newKey func(testing.TB) crypto.Signer, opts crypto.SignerOpts) func(testing.TB, *engine.Engine) func(context.Context, input) error {
	return func(t testing.TB, e *engine.Engine) func(context.Context, input) error {
		original := sign(t, newKey(t), opts)
		return func(ctx context.Context, in input) error {
			s := original.as(in)
			op := &engine.VerifyOp{Key: s.key, Digest: s.digest, Signature: s.sig, Opts: s.opts}
			if lanes() {
				op.Prepared = multibuffer.AnyKey(s.key)
			}
			return s.compare(t, e.Do(ctx, op))
		}
	}
}

func newX25519(t testing.TB) *ecdh.PrivateKey {
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func exchanging(t testing.TB, e *engine.Engine) func(context.Context, input) error {
	key, peer := newX25519(t), newX25519(t).PublicKey()
	x, err := e.KeyExchanger(key)
	if err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context, in input) error {
		peer := peer
		if in != good {
			low := make([]byte, 32) // 0, 1 and p are points of low order
			switch mrand.IntN(3) {
			case 1:
				low[0] = 1
			case 2:
				low[0], low[31] = 0xed, 0x7f
				for i := range 30 {
					low[1+i] = 0xff
				}
			}
			if peer, err = ecdh.X25519().NewPublicKey(low); err != nil {
				t.Error(err)
			}
		}
		want, wantErr := key.ECDH(peer)
		got, err := x.WithContext(ctx).ECDH(peer)
		if noAnswer(err) != nil {
			return err
		}
		if !bytes.Equal(got, want) || fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Errorf("got %x, %v; want %x, %v", got, err, want, wantErr)
		}
		return nil
	}
}

// generating generates keys. TestGeneratedKeys uses them.
func generating(t testing.TB, e *engine.Engine) func(context.Context, input) error {
	return func(ctx context.Context, _ input) error {
		x, err := e.GenerateKey(ctx, ecdh.X25519())
		if noAnswer(err) != nil {
			return err
		}
		if err != nil || x.Curve() != ecdh.X25519() || len(x.PublicKey().Bytes()) != 32 {
			t.Error(x, err)
		}
		return nil
	}
}
