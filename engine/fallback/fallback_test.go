package fallback_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"io"
	"strings"
	"testing"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/fallback"
)

// Keys of every kind, by their methods.
type (
	signerOnly  struct{ crypto.Signer }
	messageKey  struct{ crypto.Signer }
	everything  struct{ *rsa.PrivateKey }
	decryptOnly struct{ key *rsa.PrivateKey }
	strangeKey  struct{ crypto.Signer }
)

func (k messageKey) SignMessage(_ io.Reader, msg []byte, _ crypto.SignerOpts) ([]byte, error) {
	return append([]byte("signed "), msg...), nil
}
func (k everything) SignMessage(_ io.Reader, msg []byte, _ crypto.SignerOpts) ([]byte, error) {
	return append([]byte("signed "), msg...), nil
}
func (k decryptOnly) Public() crypto.PublicKey { return k.key.Public() }
func (k decryptOnly) Decrypt(r io.Reader, msg []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	return k.key.Decrypt(r, msg, opts)
}
func (k strangeKey) Public() crypto.PublicKey { return "a key" }

// A chain that cannot work is refused at once, by an error that names the member.
func TestNewRefuses(t *testing.T) {
	p := newPlace(t)
	good := p.member(t, "hsm", time.Second)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for want, members := range map[string][]fallback.Member{
		"no member": nil,
		`member 0 is named ""; give each member a name of its own`:         {{Signer: ecKey()}},
		`member 0 is named "\xff"`:                                         {{Name: "\xff", Signer: ecKey()}},
		`member 1 is named "hsm"`:                                          {good, good},
		`"file": its Signer is nil`:                                        {good, {Name: "file"}},
		`"nil": its Signer is nil`:                                         {{Name: "nil", Signer: (*ecdsa.PrivateKey)(nil)}},
		`"b": its Decrypter is set; New takes a Signer`:                    {{Name: "b", Signer: rsaKey(), Decrypter: rsaKey()}},
		`the public keys of "hsm" and "other" differ`:                      {good, {Name: "other", Signer: other}},
		`the public keys of "hsm" and "rsa" differ`:                        {good, {Name: "rsa", Signer: rsaKey()}},
		`"odd": its public key is of type string`:                          {{Name: "odd", Signer: strangeKey{ecKey()}}},
		`"hsm": its Timeout is -1ns`:                                       {p.member(t, "hsm", -1)},
		`"file": its Timeout is 1s, but its key has no method WithContext`: {good, {Name: "file", Signer: ecKey(), Timeout: time.Second}},
		`"hsm": its Breaker has Failures -1 and Cooldown 0s`:               {{Name: "hsm", Signer: ecKey(), Breaker: &fallback.Breaker{Failures: -1}}},
		`"hsm": its Breaker has Failures 0 and Cooldown -1s; both must be`: {{Name: "hsm", Signer: ecKey(), Breaker: &fallback.Breaker{Cooldown: -time.Second}}},
	} {
		s, err := fallback.New(fallback.Options{}, members...)
		if s != nil || err == nil || !strings.HasPrefix(err.Error(), "fallback: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	for want, m := range map[string]fallback.Member{
		"Decrypter is nil": {Name: "hsm"},
		"Signer is set; NewDecrypter takes a Decrypter": {Name: "hsm", Signer: rsaKey()},
		"no method WithContext":                         {Name: "hsm", Decrypter: rsaKey(), Timeout: time.Second},
	} {
		d, err := fallback.NewDecrypter(fallback.Options{}, m)
		if d != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A chain has exactly the methods that all its keys have, bound to a context too.
func TestSignerKinds(t *testing.T) {
	p := newPlace(t)
	for name, c := range map[string]struct {
		keys              []crypto.Signer
		message, decrypts bool
	}{
		"signers":                  {[]crypto.Signer{signerOnly{rsaKey()}, signerOnly{rsaKey()}}, false, false},
		"message signers":          {[]crypto.Signer{messageKey{rsaKey()}, messageKey{rsaKey()}}, true, false},
		"decrypters":               {[]crypto.Signer{rsaKey(), p.signer(t, rsaKey())}, false, true},
		"both":                     {[]crypto.Signer{everything{rsaKey()}, p.signer(t, everything{rsaKey()})}, true, true},
		"the first has more":       {[]crypto.Signer{p.signer(t, everything{rsaKey()}), signerOnly{rsaKey()}}, true, false},
		"the last has more":        {[]crypto.Signer{messageKey{rsaKey()}, everything{rsaKey()}}, true, false},
		"nothing in common but it": {[]crypto.Signer{messageKey{rsaKey()}, rsaKey()}, true, false},
	} {
		s := newChain(t, fallback.Member{Name: "a", Signer: c.keys[0]}, fallback.Member{Name: "b", Signer: c.keys[1]})
		for _, s := range []crypto.Signer{s, s.WithContext(t.Context())} {
			m, message := s.(crypto.MessageSigner)
			d, decrypts := s.(crypto.Decrypter)
			if message != c.message || decrypts != c.decrypts {
				t.Errorf("%s: signs messages: %v, decrypts: %v", name, message, decrypts)
			}
			if !rsaKey().PublicKey.Equal(s.Public()) {
				t.Errorf("%s: another public key", name)
			}
			sig, err := s.Sign(rand.Reader, digest[:], crypto.SHA256)
			if err == nil {
				err = rsa.VerifyPKCS1v15(&rsaKey().PublicKey, crypto.SHA256, digest[:], sig)
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if message {
				if sig, err := m.SignMessage(nil, []byte("msg"), crypto.Hash(0)); err != nil || string(sig) != "signed msg" {
					t.Errorf("%s: %q, %v", name, sig, err)
				}
			}
			if decrypts {
				wantDecrypts(t, d)
			}
		}
	}
}

// TestSignMessageOfDigests has a chain whose first place takes messages, and is down, sign a message with a
// place that takes digests.
func TestSignMessageOfDigests(t *testing.T) {
	s := newChain(t,
		fallback.Member{Name: "down", Signer: failing{messageKey{rsaKey()}}},
		fallback.Member{Name: "file", Signer: rsaKey()})
	m := s.(crypto.MessageSigner)
	sig, err := m.SignMessage(rand.Reader, []byte("msg"), crypto.SHA256)
	digest := sha256.Sum256([]byte("msg"))
	if err == nil {
		err = rsa.VerifyPKCS1v15(&rsaKey().PublicKey, crypto.SHA256, digest[:], sig)
	}
	if err != nil {
		t.Error(err)
	}
	if _, err := m.SignMessage(rand.Reader, []byte("msg"), crypto.MD4); err == nil || !strings.Contains(err.Error(), "MD4 is not in this program") {
		t.Error(err)
	}
	if _, err := m.SignMessage(rand.Reader, []byte("msg"), nil); err == nil {
		t.Error("no error without options")
	}
}

// failing is a key whose place is away.
type failing struct{ messageKey }

func (failing) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, engine.ErrUnavailable
}

func (failing) SignMessage(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, engine.ErrUnavailable
}

var oaep = &rsa.OAEPOptions{Hash: crypto.SHA256}

func encrypt(t *testing.T) []byte {
	t.Helper()
	box, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &rsaKey().PublicKey, []byte("hello"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func wantDecrypts(t *testing.T, d crypto.Decrypter) {
	t.Helper()
	if text, err := d.Decrypt(nil, encrypt(t), oaep); err != nil || string(text) != "hello" {
		t.Errorf("decrypted %q, %v", text, err)
	}
}

func TestDecrypter(t *testing.T) {
	p := newPlace(t)
	first, err := p.Decrypter(decryptOnly{rsaKey()})
	if err != nil {
		t.Fatal(err)
	}
	d, err := fallback.NewDecrypter(fallback.Options{}, fallback.Member{Name: "hsm", Decrypter: first, Timeout: time.Minute},
		fallback.Member{Name: "file", Decrypter: decryptOnly{rsaKey()}})
	if err != nil {
		t.Fatal(err)
	}
	if !rsaKey().PublicKey.Equal(d.Public()) || len(d.Unwrap()) != 2 {
		t.Error("another key")
	}
	for _, place := range []state{works, dead} {
		p.set(place)
		wantDecrypts(t, d)
		wantDecrypts(t, d.WithContext(t.Context()))
	}
	wantStats(t, d, fallback.MemberStats{Name: "hsm", Operations: 4, Failures: 2}, fallback.MemberStats{Name: "file", Operations: 2})
	if d.Close(); true {
		if _, err := d.WithContext(t.Context()).Decrypt(nil, nil, nil); err != engine.ErrClosed {
			t.Error(err)
		}
	}
}

// A chain is a member as any other signer: what its members do within its Timeout is its own affair.
func TestChainInChain(t *testing.T) {
	a, b := newPlace(t), newPlace(t)
	inner := newChain(t, a.member(t, "a", 0), b.member(t, "b", 0))
	outer := newChain(t, fallback.Member{Name: "hsms", Signer: inner, Timeout: time.Minute}, fallback.Member{Name: "file", Signer: ecKey()})
	for _, s := range []crypto.Signer{outer, outer.WithContext(t.Context())} {
		if err := sign(s); err != nil {
			t.Error(err)
		}
	}
	a.set(dead)
	if err := sign(outer); err != nil {
		t.Error(err)
	}
	b.set(dead)
	if err := sign(outer); err != nil {
		t.Error(err)
	}
	wantStats(t, inner, fallback.MemberStats{Name: "a", Operations: 4, Failures: 2}, fallback.MemberStats{Name: "b", Operations: 2, Failures: 1})
	wantStats(t, outer, fallback.MemberStats{Name: "hsms", Operations: 4, Failures: 1}, fallback.MemberStats{Name: "file", Operations: 1})
	if _, err := a.Signer(outer); err == nil {
		t.Error("an engine wraps a chain that has a chain that has a signer of the engine")
	}
	if _, err := a.Signer(outer.WithContext(context.Background())); err == nil {
		t.Error("an engine wraps it when it is bound")
	}
}

// A bound chain allocates little beside what its members do.
func TestAllocations(t *testing.T) {
	hsm, file := fallback.Member{Name: "hsm", Signer: constKey{ecKey()}}, fallback.Member{Name: "file", Signer: constKey{ecKey()}}
	ctx := t.Context()
	for _, tt := range []struct {
		members []fallback.Member
		most    float64
	}{{[]fallback.Member{file}, 2}, {[]fallback.Member{hsm, file}, 3}} {
		s := newChain(t, tt.members...)
		if n := testing.AllocsPerRun(100, func() { s.WithContext(ctx).Sign(rand.Reader, digest[:], crypto.SHA256) }); n > tt.most {
			t.Errorf("%d members: %v allocations for a signature", len(tt.members), n)
		}
	}
}

type constKey struct{ crypto.Signer }

func (constKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, nil }
