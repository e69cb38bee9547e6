package pkcs11_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/pkcs11"
	"asynccrypto/engine/pkcs11/internal/ck"
	"asynccrypto/engine/pkcs11/internal/faketoken"
	"asynccrypto/engine/pkcs11/internal/wire"
	"asynccrypto/internal/publickey"
)

// How a URI leads to a key, and what is said if it does not lead to one.
func TestFindKey(t *testing.T) {
	certified := newKey()
	keys := []*faketoken.Key{
		{Key: newKey(), Label: "site"},
		{Key: newKey(), Label: "twin"},
		{Key: newKey(), Label: "twin"},
		{Key: newKey(), Label: "only the public key", Unlabelled: true},
		{Key: newKey(), Label: "hidden", Hidden: true},
		{Key: testRSAKey(), Label: "both"},
		{Key: testRSAKey(), Label: "decrypts", NoSign: true},
		{Key: newKey(), Label: "barred", NoSign: true},
		{Key: certified, Label: "certified", Unlabelled: true, Certificate: certify(t, certified)},
		{Key: testRSAKey(), Label: "signs", NoDecrypt: true},
	}
	m := newFake(keys...)
	token := openFake(t, m, pkcs11.Options{})
	for uri, want := range map[string]int{
		"pkcs11:object=site":                             0,
		"pkcs11:object=site;type=private":                0,
		"pkcs11:token=fake;object=site":                  0,
		"pkcs11:id=%01":                                  1,
		"pkcs11:object=twin;id=%02":                      2,
		"pkcs11:object=only%20the%20public%20key":        3,
		"pkcs11:object=both":                             5,
		"pkcs11:object=certified":                        8,
		"pkcs11:object=certified?module-path=/other.so":  8,
		"pkcs11:object=signs":                            9,
		"pkcs11:object=only%20the%20public%20key;id=%03": 3,
	} {
		s, err := token.Signer(uri)
		if err != nil {
			t.Errorf("%s: %v", uri, err)
			continue
		}
		if !publickey.Equal(s.Public(), keys[want].Key.Public()) {
			t.Errorf("%s is another key", uri)
		}
		_, decrypts := s.(crypto.Decrypter)
		_, message := s.(crypto.MessageSigner)
		if decrypts != (want == 5) || message {
			t.Errorf("%s: decrypts: %v, signs messages: %v", uri, decrypts, message)
		}
	}
	for uri, parts := range map[string][]string{
		"pkcs11:object=none":             {"no private key has object=none; there are: object=site, "},
		"pkcs11:object=none;id=%00":      {"no private key has object=none; "},
		"pkcs11:object=site;id=%77":      {"no private key has id=%77; "},
		"pkcs11:object=site;id=%07":      {"no private key has object=site and id=%07; "},
		"pkcs11:object=twin":             {"2 private keys match object=twin: id=%", ";object=twin, id=%", "; add id="},
		"":                               {"10 private keys match the URI: object=site, ", "object=barred", "; add object= or id="},
		"pkcs11:object=hidden":           {"public key", "Options.Public"},
		"pkcs11:object=barred":           {"may not sign", "CKA_SIGN"},
		"pkcs11:object=decrypts":         {"may not sign"},
		"pkcs11:token=other;object=site": {"this token has not token=other; it is token=fake;serial=1"},
		"pkcs11:object=site;type=public": {"type=public", "type=private"},
	} {
		_, err := token.Signer(uri)
		wantError(t, err, append(parts, "pkcs11: ")...)
		if errors.Is(err, engine.ErrUnavailable) {
			t.Errorf("%v says that the key is unavailable", err)
		}
	}
	if _, err := token.Decrypter("pkcs11:object=decrypts"); err != nil {
		t.Error(err)
	}
	_, err := token.Decrypter("pkcs11:object=site")
	wantError(t, err, "EC", "only RSA keys decrypt")
	_, err = token.Decrypter("pkcs11:object=signs")
	wantError(t, err, "may not decrypt", "CKA_DECRYPT")

	infos, err := token.Keys(context.Background())
	if err != nil || len(infos) != len(keys) {
		t.Fatal(len(infos), err)
	}
	for i, info := range infos {
		k := keys[i]
		_, isRSA := k.Key.(*rsa.PrivateKey)
		if (info.Public != nil) == k.Hidden || info.Sign == k.NoSign || info.Decrypt != (isRSA && !k.NoDecrypt) || info.Label != k.Label || !bytes.Equal(info.ID, k.ID) {
			t.Errorf("%d: %+v", i, info)
		}
	}
	mechanisms, err := token.Mechanisms(context.Background())
	if err != nil || len(mechanisms) != 5 || mechanisms[0].Name != "CKM_RSA_PKCS" {
		t.Error(mechanisms, err)
	}
}

// certify returns a certificate of the key in DER.
func certify(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// Options.Public has the public key of a key that shows none.
func TestPublicOption(t *testing.T) {
	hidden := newKey()
	m := newFake(&faketoken.Key{Key: hidden, Label: "hidden", Hidden: true})
	token := openFake(t, m, pkcs11.Options{Public: func(k pkcs11.KeyInfo) (crypto.PublicKey, error) {
		if k.Label != "hidden" {
			t.Errorf("%+v", k)
		}
		return hidden.Public(), nil
	}})
	key, err := token.Signer("")
	if err != nil {
		t.Fatal(err)
	}
	if err := use(key); err != nil {
		t.Error(err)
	}
	infos, err := token.Keys(context.Background())
	if err != nil || infos[0].Public == nil {
		t.Error(infos, err)
	}
}

// Two tokens of one label: the URI has to say which.
func TestTwins(t *testing.T) {
	m := newFake()
	m.Tokens = append(m.Tokens, faketoken.NewToken("fake", "2"))
	_, err := pkcs11.Open(fakeURI, through(m, pkcs11.Options{}))
	wantError(t, err, "2 tokens match", "serial=")
	if errors.Is(err, engine.ErrUnavailable) {
		t.Error(err)
	}
	infos, err := pkcs11.Tokens(context.Background(), fakeURI, through(m, pkcs11.Options{}))
	if err != nil || len(infos) != 2 || m.Calls(wire.Login) != 0 || m.Open() != 0 {
		t.Error(infos, err)
	}
	m = newFake()
	_, err = pkcs11.Open("pkcs11:token=none?module-path=/fake.so", through(m, pkcs11.Options{}))
	wantError(t, err, "open token=none: ", "no token has token=none; there are: token=fake;serial=1")
	if !errors.Is(err, engine.ErrUnavailable) {
		t.Error(err)
	}
	// SoftHSM shows an empty slot as a token.
	m.Tokens[0].Flags = 0
	_, err = pkcs11.Open(fakeURI, through(m, pkcs11.Options{}))
	wantError(t, err, "no token")
}

// A key is looked for once on each connection, and never again for its signatures.
func TestFindOnce(t *testing.T) {
	inBubble(t, pkcs11.Options{Sessions: 1}, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
		finds := m.Calls(wire.FindObjectsInit)
		for range 100 {
			if err := use(key); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if n := m.Calls(wire.FindObjectsInit) - finds; n != 0 {
			t.Errorf("%d searches for 100 signatures", n)
		}
		if n := m.Calls(wire.Initialize); n != 1 {
			t.Errorf("%d connections for one operation after another", n)
		}
	})
}

// After the token was away, another key of the same name is not used: the key is unavailable, so that
// a chain asks its next place.
func TestKeyReplaced(t *testing.T) {
	other := newKey()
	inBubble(t, pkcs11.Options{Sessions: 1}, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
		m.Do(func() { m.Tokens[0].Keys[0].Key = other })
		m.Fail(wire.Sign, 1, ck.RVDeviceRemoved)
		signs := m.Calls(wire.Sign)
		err := use(key)
		wantError(t, err, "another key")
		if !errors.Is(err, engine.ErrUnavailable) || m.Calls(wire.Sign) != signs+1 {
			t.Error(err, m.Calls(wire.Sign)-signs)
		}
	})
}

// The certificate or the public key of an earlier key may be left beside another key of the same name
// and id, which does not show which one it is. Its first signature on each connection tells.
func TestKeyReplacedBesideCertificate(t *testing.T) {
	first, other := newKey(), newKey()
	site := &faketoken.Key{Key: first, Label: "site", Certificate: certify(t, first)}
	synctest.Test(t, func(t *testing.T) {
		m := newFake(site)
		token := openFake(t, m, pkcs11.Options{Sessions: 1})
		key, err := token.Signer("pkcs11:object=site")
		if err != nil {
			t.Fatal(err)
		}
		for _, on := range []*ecdsa.PrivateKey{first, other, first} {
			m.Do(func() { site.Key = on })
			m.Fail(wire.Sign, 1, faketoken.ErrDrop) // so that there is a new connection
			for range 2 {
				switch err := use(key); {
				case on == first && err != nil:
					t.Error(err)
				case on == other:
					wantError(t, err, "the signature of the key object=site is not one of the public key")
					if !errors.Is(err, engine.ErrUnavailable) {
						t.Error(err)
					}
				}
				synctest.Wait()
			}
		}
	})
}

// A key that is not on its token any more is unavailable. The token's other keys work on, and so
// does the key when it is back. Only a module in this process is begun anew for it, once: modules
// do not see a token again that was away.
func TestKeyDeleted(t *testing.T) {
	for _, inProcess := range []bool{false, true} {
		gone, other := &faketoken.Key{Key: newKey(), Label: "gone"}, &faketoken.Key{Key: newKey(), Label: "other"}
		synctest.Test(t, func(t *testing.T) {
			m := newFake(gone, other)
			o := pkcs11.Options{Sessions: 2}
			if inProcess {
				o.Load = loadFake(m)
			}
			token := openFake(t, m, o)
			first, err := token.Signer("pkcs11:object=gone")
			if err != nil {
				t.Fatal(err)
			}
			second, err := token.Signer("pkcs11:object=other")
			if err != nil {
				t.Fatal(err)
			}
			if err := use(first); err != nil {
				t.Error(err)
			}
			m.Do(func() { m.Tokens[0].Keys[0] = nil })
			for range 3 {
				if err := use(first); !errors.Is(err, engine.ErrUnavailable) {
					t.Error(err)
				}
				time.Sleep(time.Second)
				if err := use(second); err != nil {
					t.Error(err)
				}
			}
			if n := token.Health().Reconnects; n != 1 && inProcess || n != 0 && !inProcess {
				t.Errorf("in this process: %v, %d reconnects", inProcess, n)
			}
			m.Do(func() { m.Tokens[0].Keys[0] = gone })
			if err := use(first); err != nil {
				t.Error(err)
			}
		})
	}
}

// The token bounds the sessions: by the number that it tells, or when it refuses one more. The
// operations are done by the sessions that there are.
func TestSessionLimits(t *testing.T) {
	for _, tt := range []struct{ sessions, told, capacity, want int }{
		{8, 0, 0, 8},
		{8, 3, 0, 3},
		{8, 0, 3, 3},
		{1, 0, 0, 1},
		{8, 1, 0, 1},
		{8, 0, 1, 1},
	} {
		inBubbleWith(t, pkcs11.Options{Sessions: tt.sessions}, func(m *faketoken.Module) {
			m.Tokens[0].MaxSessions = uint64(tt.told)
			m.Tokens[0].Capacity = tt.capacity
		}, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
			m.Delay(wire.Sign, 100*time.Millisecond)
			start := time.Now()
			useMany(t, key, 240)
			if h := token.Health(); h.Sessions != tt.want || !h.Up || h.Reconnects != 0 {
				t.Errorf("%+v: %+v", tt, h)
			}
			if took, want := time.Since(start), 240/time.Duration(tt.want)*100*time.Millisecond; took > want+want/5 {
				t.Errorf("%+v took %v", tt, took)
			}
		})
	}
}

// Keys on every curve sign.
func TestCurves(t *testing.T) {
	_, ed25519Key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := []*faketoken.Key{{Key: ed25519Key, Label: "ed25519"}}
	for _, curve := range []elliptic.Curve{elliptic.P224(), elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		keys = append(keys, &faketoken.Key{Key: generate(ecdsa.GenerateKey(curve, rand.Reader)), Label: curve.Params().Name})
	}
	token := openFake(t, newFake(keys...), pkcs11.Options{})
	for _, k := range keys {
		key, err := token.Signer("pkcs11:object=" + k.Label)
		if err != nil {
			t.Error(err)
			continue
		}
		if pub, ok := key.Public().(ed25519.PublicKey); ok {
			sig, err := key.Sign(nil, digest, crypto.Hash(0))
			if err != nil || !ed25519.Verify(pub, digest, sig) {
				t.Errorf("%x, %v", sig, err)
			}
		} else if err := use(key); err != nil {
			t.Errorf("%s: %v", k.Label, err)
		}
	}
}

// What the signer takes, and what it says to the rest.
func TestSignOptions(t *testing.T) {
	m := newFake(&faketoken.Key{Key: testKey(), Label: "ec"}, &faketoken.Key{Key: testRSAKey(), Label: "rsa"})
	token := openFake(t, m, pkcs11.Options{})
	ec, err := token.Signer("pkcs11:object=ec")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 20, 32, 48, 64} {
		digest := bytes.Repeat([]byte{0xa5}, n)
		sig, err := ec.Sign(nil, digest, nil)
		if err != nil || !ecdsa.VerifyASN1(&testKey().PublicKey, digest, sig) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	_, err = ec.Sign(nil, nil, crypto.SHA256)
	wantError(t, err, "the digest is empty")
	raw, err := ec.Sign(nil, digest, &engine.ECDSAOptions{Hash: crypto.SHA256, Raw: true})
	if err != nil || len(raw) != 64 {
		t.Errorf("%x, %v", raw, err)
	}
	key, err := token.Signer("pkcs11:object=rsa")
	if err != nil {
		t.Fatal(err)
	}
	for _, hash := range []crypto.Hash{0, crypto.SHA256} {
		sig, err := key.Sign(nil, digest, hash)
		if err != nil || rsa.VerifyPKCS1v15(&testRSAKey().PublicKey, hash, digest, sig) != nil {
			t.Error(hash, err)
		}
	}
	for _, opts := range []crypto.SignerOpts{nil, (*rsa.PSSOptions)(nil), (*ed25519.Options)(nil)} {
		_, err = key.Sign(nil, digest, opts)
		wantError(t, err, "opts are nil")
	}
	_, err = key.Sign(nil, digest[:20], crypto.SHA256)
	wantError(t, err, "20 bytes", "32")
	_, err = key.Sign(nil, digest, &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: 300})
	if !errors.Is(err, rsa.ErrMessageTooLong) {
		t.Error(err)
	}
	pss := &rsa.PSSOptions{Hash: crypto.SHA256}
	sig, err := key.Sign(nil, digest, pss)
	if err != nil || rsa.VerifyPSS(&testRSAKey().PublicKey, crypto.SHA256, digest, sig, nil) != nil {
		t.Error(err)
	}
	m.Fail(wire.SignInit, 1, ck.RVMechanismInvalid)
	_, err = key.Sign(nil, digest, pss)
	wantError(t, err, "CKM_RSA_PKCS_PSS", "CKR_MECHANISM_INVALID")
	_, err = key.Sign(nil, make([]byte, 300), crypto.Hash(0))
	if !errors.Is(err, rsa.ErrMessageTooLong) {
		t.Error(err)
	}
	_, err = key.Sign(nil, digest, panics{})
	var p *engine.PanicError
	if !errors.As(err, &p) {
		t.Error(err)
	}
	if err := use(ec); err != nil {
		t.Error("after a panic:", err)
	}
}

type panics struct{}

func (panics) HashFunc() crypto.Hash { panic("HashFunc") }

// Decryption: one error for every ciphertext that is not valid, and random session keys.
func TestDecrypt(t *testing.T) {
	m := newFake(&faketoken.Key{Key: testRSAKey(), Label: "rsa"})
	token := openFake(t, m, pkcs11.Options{})
	key, err := token.Decrypter("")
	if err != nil {
		t.Fatal(err)
	}
	secret := sha256.Sum256([]byte("session key"))
	//lint:ignore SA1019 tokens decrypt it
	ciphertext, err := rsa.EncryptPKCS1v15(rand.Reader, &testRSAKey().PublicKey, secret[:])
	if err != nil {
		t.Fatal(err)
	}
	//lint:ignore SA1019 crypto/rsa's keys take them
	plain, session, short := &rsa.PKCS1v15DecryptOptions{}, &rsa.PKCS1v15DecryptOptions{SessionKeyLen: 32}, &rsa.PKCS1v15DecryptOptions{SessionKeyLen: 16}
	for _, opts := range []crypto.DecrypterOpts{nil, plain, session} {
		if got, err := key.Decrypt(nil, ciphertext, opts); err != nil || !bytes.Equal(got, secret[:]) {
			t.Errorf("%x, %v", got, err)
		}
	}
	broken := bytes.Clone(ciphertext)
	broken[100] ^= 1
	m.Fail(wire.Decrypt, 5, ck.RVGeneralError)
	for range 6 { // more than the vague signatures that make a token go down
		if got, err := key.Decrypt(nil, broken, nil); err != rsa.ErrDecryption || got != nil {
			t.Errorf("%x, %v", got, err)
		}
	}
	first, err := key.Decrypt(nil, broken, session)
	second, err2 := key.Decrypt(nil, broken, session)
	if err != nil || err2 != nil || len(first) != 32 || len(second) != 32 || bytes.Equal(first, second) || bytes.Equal(first, secret[:]) {
		t.Errorf("%x, %v, %x, %v", first, err, second, err2)
	}
	wrong, err := key.Decrypt(nil, ciphertext, short)
	if err != nil || len(wrong) != 16 || bytes.Equal(wrong, secret[:16]) {
		t.Errorf("%x, %v", wrong, err)
	}
	if _, err := key.Decrypt(nil, ciphertext[1:], nil); err != rsa.ErrDecryption {
		t.Error(err)
	}
	m.Fail(wire.Decrypt, 1, ck.RVMechanismInvalid)
	_, err = key.Decrypt(nil, ciphertext, session)
	wantError(t, err, "CKR_MECHANISM_INVALID")
	_, err = key.Decrypt(nil, ciphertext, &rsa.OAEPOptions{Hash: crypto.MD5})
	wantError(t, err, "OAEP with MD5")
	if h := token.Health(); !h.Up || h.Reconnects != 0 {
		t.Errorf("%+v", h)
	}
}

// Operations that are not the token's run, and one that waits for the token's own worker is refused.
func TestOtherOperations(t *testing.T) {
	m := newFake(&faketoken.Key{Key: testKey(), Label: "site"})
	token := openFake(t, m, pkcs11.Options{})
	key, err := token.Signer("")
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	var inner error
	err = token.Engine().Do(ctx, engine.Func(func() error {
		inner = use(key)
		return nil
	}))
	wantError(t, inner, "own engine")
	if err != nil {
		t.Error(err)
	}
	soft := newKey()
	other, err := token.Engine().Signer(soft)
	if err != nil {
		t.Fatal(err)
	}
	if err := use(other); err != nil {
		t.Error(err)
	}
}

// Bad options and bad URIs are refused before anything is connected.
func TestBadOptions(t *testing.T) {
	m := newFake()
	for _, o := range []pkcs11.Options{{Sessions: -1}, {Depth: -1}, {Hang: -1}, {Retry: -1}} {
		if _, err := pkcs11.Open(fakeURI, through(m, o)); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
	if _, err := pkcs11.Open("/etc/key.pem", through(m, pkcs11.Options{})); err == nil {
		t.Error("a file was taken")
	}
	_, err := pkcs11.Open("pkcs11:token=fake", pkcs11.Options{})
	wantError(t, err, "module-path")
	if m.Calls(wire.Initialize) != 0 {
		t.Error("connected")
	}
	for s, want := range map[string]bool{"pkcs11:": true, "PKCS11:token=a": true, "pkcs11.pem": false, "": false} {
		if pkcs11.IsURI(s) != want {
			t.Error(s)
		}
	}
}

// A module that returns what cannot be a signature is at fault, and not the caller.
func TestMalformedSignatures(t *testing.T) {
	order := testKey().Params().N.Bytes()
	_, edwards, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		key        crypto.Signer
		opts       crypto.Hash
		signatures [][]byte
	}{
		{testKey(), crypto.SHA256, [][]byte{{}, {1}, {1, 1, 1}, {0, 1}, {1, 0}, slices.Concat(order, order), make([]byte, 64)}},
		{testRSAKey(), crypto.SHA256, [][]byte{{}, make([]byte, 255), make([]byte, 257)}},
		{edwards, 0, [][]byte{{}, make([]byte, 63)}},
	} {
		for _, sig := range tt.signatures {
			m := newFake(&faketoken.Key{Key: tt.key, Signature: sig})
			key, err := openFake(t, m, pkcs11.Options{}).Signer("pkcs11:")
			if err != nil {
				t.Fatal(err)
			}
			if got, err := key.Sign(nil, digest, tt.opts); !errors.Is(err, engine.ErrUnavailable) || !strings.Contains(err.Error(), "malformed signature") {
				t.Errorf("%T: %x: %x, %v", tt.key, sig, got, err)
			}
		}
	}
}

// An error for a URI names ten keys or tokens that are there, and asks the token for no more.
func TestManyThere(t *testing.T) {
	keys := make([]*faketoken.Key, 30)
	for i := range keys {
		keys[i] = &faketoken.Key{Key: testKey(), Label: "site", Hidden: true}
	}
	m := newFake(keys...)
	token := openFake(t, m, pkcs11.Options{})
	reads := m.Calls(wire.GetAttributeValue)
	_, err := token.Signer("pkcs11:object=none")
	wantError(t, err, "there are: id=%00;object=site, ", ", id=%09;object=site, and 20 more")
	if n := m.Calls(wire.GetAttributeValue) - reads; n != 10 {
		t.Errorf("%d objects were read", n)
	}
	for i := range 29 {
		m.Tokens = append(m.Tokens, faketoken.NewToken(fmt.Sprint("other", i), "1"))
	}
	_, err = pkcs11.Open("pkcs11:token=none", through(m, pkcs11.Options{}))
	wantError(t, err, "there are: token=fake;serial=1, token=other0;serial=1", "other8;serial=1, and 20 more")
}

// Keys and points as some modules have them: no label at all, and no OCTET STRING around a point,
// which may look like one all the same.
func TestOddAttributes(t *testing.T) {
	seed := make([]byte, ed25519.SeedSize)
	binary.BigEndian.PutUint32(seed, 61619) // the public key begins with 04 1e: an OCTET STRING of 30 bytes
	m := newFake(
		&faketoken.Key{Key: newKey(), Label: "unlabelled", Unlabelled: true},
		&faketoken.Key{Key: newKey(), Label: "bare", Bare: true},
		&faketoken.Key{Key: ed25519.NewKeyFromSeed(seed), Label: "ed25519", Bare: true},
	)
	token := openFake(t, m, pkcs11.Options{})
	for _, label := range []string{"unlabelled", "bare"} {
		key, err := token.Signer("pkcs11:object=" + label)
		if err != nil {
			t.Error(err)
		} else if err := use(key); err != nil {
			t.Error(label, err)
		}
	}
	if _, err := token.Signer("pkcs11:object=ed25519"); err != nil {
		t.Error(err)
	}
}

// Tokens ends with its context, or after Options.Hang.
func TestTokensHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newFake()
		m.Fail(wire.GetSlotInfo, -1, faketoken.ErrHang)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for _, tt := range []struct {
			ctx  context.Context
			want error
			took time.Duration
		}{{ctx, context.DeadlineExceeded, time.Second}, {t.Context(), ck.ErrHung, 30 * time.Second}} {
			start := time.Now()
			if _, err := pkcs11.Tokens(tt.ctx, fakeURI, through(m, pkcs11.Options{})); !errors.Is(err, tt.want) || time.Since(start) != tt.took {
				t.Error(err, time.Since(start))
			}
		}
		m.Wait()
	})
}

// A session key that no ciphertext can hold is refused as crypto/rsa refuses it.
func TestLongSessionKey(t *testing.T) {
	m := newFake(&faketoken.Key{Key: testRSAKey(), Label: "rsa"})
	key, err := openFake(t, m, pkcs11.Options{}).Decrypter("pkcs11:")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{246, math.MaxInt} {
		//lint:ignore SA1019 keys accept it
		if _, err := key.Decrypt(nil, make([]byte, 256), &rsa.PKCS1v15DecryptOptions{SessionKeyLen: n}); err != rsa.ErrDecryption {
			t.Error(n, err)
		}
	}
}

// A public key that the token does not show is checked with each signature, before and after the
// token is connected again.
func TestHiddenKeyIsAnother(t *testing.T) {
	var public crypto.PublicKey
	o := pkcs11.Options{Sessions: 1, Public: func(pkcs11.KeyInfo) (crypto.PublicKey, error) { return public, nil }}
	for _, keys := range [][2]crypto.Signer{{newKey(), newKey()}, {testRSAKey(), generate(rsa.GenerateKey(rand.Reader, 2048))}} {
		m := newFake(&faketoken.Key{Key: keys[0], Hidden: true})
		token := openFake(t, m, o)
		public = keys[1].Public()
		wrong, err := token.Signer("")
		if err != nil {
			t.Fatal(err)
		}
		_, err = wrong.Sign(nil, digest, crypto.SHA256)
		wantError(t, err, "not one of the public key")
		public = keys[0].Public()
		key, err := token.Signer("")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := key.Sign(nil, digest, crypto.SHA256); err != nil {
			t.Error(err)
		}
		m.Do(func() { m.Tokens[0].Keys[0].Key = keys[1] })
		m.Fail(wire.Sign, 1, ck.RVDeviceRemoved)
		_, err = key.Sign(nil, digest, crypto.SHA256)
		wantError(t, err, "not one of the public key")
		if !errors.Is(err, engine.ErrUnavailable) { // the next member of a chain may have the key
			t.Error(err)
		}
		public = ed25519.PublicKey(make([]byte, ed25519.PublicKeySize))
		_, err = token.Signer("")
		wantError(t, err, "Options.Public", "ed25519.PublicKey")
	}
}
