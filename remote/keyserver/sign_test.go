package keyserver

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
	"asynccrypto/remote/internal/testkeys"
	"asynccrypto/remote/internal/wire"
)

var (
	message = []byte("a message")
	sum256  = sha256.Sum256(message)
	sum384  = sha512.Sum384(message)
	sum512  = sha512.Sum512(message)
)

// Every form of signature that a request can ask for is valid to the standard library.
func TestSignatures(t *testing.T) {
	sum1 := sha1.Sum(message)
	pkcs1 := func(hash crypto.Hash, digest []byte) func([]byte) error {
		return func(sig []byte) error { return rsa.VerifyPKCS1v15(&rsaKey.PublicKey, hash, digest, sig) }
	}
	pss := func(hash crypto.Hash, digest []byte, salt int) func([]byte) error {
		return func(sig []byte) error {
			return rsa.VerifyPSS(&rsaKey.PublicKey, hash, digest, sig, &rsa.PSSOptions{SaltLength: salt})
		}
	}
	ecdsaValid := func(digest []byte) func([]byte) error {
		return func(sig []byte) error { return verdict(ecdsa.VerifyASN1(&ecdsaKey.PublicKey, digest, sig)) }
	}
	ed := func(message []byte, opts ed25519.Options) func([]byte) error {
		return func(sig []byte) error {
			return ed25519.VerifyWithOptions(ed25519Key.Public().(ed25519.PublicKey), message, sig, &opts)
		}
	}
	const digest, whole = false, true
	for _, test := range []struct {
		name  string
		r     wire.Request
		valid func(sig []byte) error
	}{
		{"rsa", wire.Request{Padding: wire.PKCS1, Hash: wire.SHA256, Data: sum256[:]}, pkcs1(crypto.SHA256, sum256[:])},
		{"rsa", wire.Request{Padding: wire.PKCS1, Hash: wire.SHA1, Data: sum1[:]}, pkcs1(crypto.SHA1, sum1[:])},
		{"rsa", wire.Request{Padding: wire.PKCS1, Hash: wire.SHA384, Data: message, Message: whole}, pkcs1(crypto.SHA384, sum384[:])},
		{"rsa", wire.Request{Padding: wire.PKCS1, Hash: wire.SHA512, Data: message, Message: whole}, pkcs1(crypto.SHA512, sum512[:])},
		{"rsa", wire.Request{Padding: wire.PKCS1, Hash: wire.MD5SHA1, Data: make([]byte, 36)}, pkcs1(crypto.MD5SHA1, make([]byte, 36))},
		{"rsa", wire.Request{Padding: wire.PKCS1, Data: message}, pkcs1(0, message)},
		{"rsa", wire.Request{Padding: wire.PKCS1, Data: make([]byte, 256-11)}, pkcs1(0, make([]byte, 256-11))},
		{"rsa", wire.Request{Padding: wire.PSS, Salt: 32, Hash: wire.SHA256, Data: sum256[:]}, pss(crypto.SHA256, sum256[:], 32)},
		{"rsa", wire.Request{Padding: wire.PSS, Salt: 1, Hash: wire.SHA256, Data: sum256[:]}, pss(crypto.SHA256, sum256[:], 1)},
		{"rsa", wire.Request{Padding: wire.PSS, Salt: 222, Hash: wire.SHA256, Data: sum256[:]}, pss(crypto.SHA256, sum256[:], 222)},
		{"rsa", wire.Request{Padding: wire.PSS, Salt: 48, Hash: wire.SHA384, Data: message, Message: whole}, pss(crypto.SHA384, sum384[:], 48)},
		{"ecdsa", wire.Request{Hash: wire.SHA256, Data: sum256[:]}, ecdsaValid(sum256[:])},
		{"ecdsa", wire.Request{Hash: wire.SHA512, Data: message, Message: whole}, ecdsaValid(sum512[:])},
		{"ed25519", wire.Request{Data: message, Message: whole}, ed(message, ed25519.Options{})},
		{"ed25519", wire.Request{Data: []byte{}, Message: whole}, ed(nil, ed25519.Options{})},
		{"ed25519", wire.Request{Data: message, Message: whole, Context: "c"}, ed(message, ed25519.Options{Context: "c"})},
		{"ed25519", wire.Request{Data: message, Message: whole, Context: "c", Hash: wire.SHA512}, ed(sum512[:], ed25519.Options{Context: "c", Hash: crypto.SHA512})},
		{"ed25519", wire.Request{Data: sum512[:], Message: digest, Hash: wire.SHA512}, ed(sum512[:], ed25519.Options{Hash: crypto.SHA512})},
	} {
		t.Run(fmt.Sprintf("%s %v %v", test.name, test.r.Padding, test.r.Hash), func(t *testing.T) {
			p := connect(t, newServer(t, Config{Keys: testkeys.All(), Allow: []byte(allKeys)}), 1)
			byName, byID := test.r, test.r
			byName.Op, byName.Name = wire.OpSign, test.name
			byID.Op, byID.Key = wire.OpSign, idOf(t, testkeys.All()[test.name].Public())
			for _, r := range []wire.Request{byName, byID} {
				a := p.want(wire.OK, r)
				if err := test.valid(a.Data); err != nil {
					t.Errorf("%+v: %v", r, err)
				}
			}
		})
	}
	for h := wire.SHA1; h <= wire.SHA3_512; h++ {
		hash, _ := h.Crypto()
		if h != wire.MD5SHA1 && !hash.Available() {
			t.Errorf("%v of a message would panic", h)
		}
	}
}

func verdict(valid bool) error {
	if !valid {
		return errors.New("not valid")
	}
	return nil
}

// A request that makes no sense for its key is Bad, with a text that says why.
func TestBadRequests(t *testing.T) {
	for _, test := range []struct {
		name string
		r    wire.Request
		text string
	}{
		{"rsa", wire.Request{Padding: wire.PKCS1, Hash: wire.SHA256, Data: sum256[:31]}, "31 bytes"},
		{"rsa", wire.Request{Padding: wire.PKCS1, Hash: wire.SHA256}, "0 bytes"},
		{"rsa", wire.Request{Padding: wire.PKCS1, Hash: 99, Data: sum256[:]}, "hash"},
		{"rsa", wire.Request{Padding: 9, Hash: wire.SHA256, Data: sum256[:]}, "padding"},
		{"rsa", wire.Request{Hash: wire.SHA256, Data: sum256[:]}, "needs a padding"},
		{"rsa", wire.Request{Padding: wire.PKCS1, Data: make([]byte, 256-10)}, "at most 245"},
		{"rsa", wire.Request{Padding: wire.PKCS1, Data: message, Message: true}, "without a hash"},
		{"rsa", wire.Request{Padding: wire.PKCS1, Hash: wire.MD5SHA1, Data: message, Message: true}, "md5sha1"},
		{"rsa", wire.Request{Padding: wire.PSS, Hash: wire.MD5SHA1, Salt: 36, Data: make([]byte, 36)}, "md5sha1"},
		{"rsa", wire.Request{Padding: wire.PSS, Data: sum256[:]}, "without a hash"},
		{"rsa", wire.Request{Padding: wire.PSS, Hash: wire.SHA256, Data: sum256[:]}, "without a salt"},
		{"rsa", wire.Request{Padding: wire.PSS, Salt: 223, Hash: wire.SHA256, Data: sum256[:]}, "room for 222"},
		{"rsa", wire.Request{Padding: wire.PSS, Salt: 65535, Hash: wire.SHA256, Data: sum256[:]}, "room for 222"},
		{"rsa", wire.Request{Padding: wire.PKCS1, Salt: 32, Hash: wire.SHA256, Data: sum256[:]}, "salt"},
		{"rsa", wire.Request{Padding: wire.PKCS1, Context: "c", Hash: wire.SHA256, Data: sum256[:]}, "context"},
		{"ecdsa", wire.Request{Data: sum256[:]}, "hash"},
		{"ecdsa", wire.Request{Padding: wire.PKCS1, Hash: wire.SHA256, Data: sum256[:]}, "RSA"},
		{"ecdsa", wire.Request{Hash: wire.SHA256, Data: sum384[:]}, "48 bytes"},
		{"ecdsa", wire.Request{Context: "c", Hash: wire.SHA256, Data: sum256[:]}, "context"},
		{"ed25519", wire.Request{Data: message}, "digest"},
		{"ed25519", wire.Request{Hash: wire.SHA256, Data: sum256[:]}, "sha256"},
		{"ed25519", wire.Request{Hash: wire.SHA256, Data: message, Message: true}, "sha256"},
		{"ed25519", wire.Request{Padding: wire.PSS, Hash: wire.SHA512, Salt: 64, Data: sum512[:]}, "RSA"},
	} {
		t.Run(fmt.Sprintf("%s %v %v", test.name, test.r.Padding, test.r.Hash), func(t *testing.T) {
			p := connect(t, newServer(t, Config{Keys: testkeys.All(), Allow: []byte(allKeys)}), 1)
			test.r.Op, test.r.Name = wire.OpSign, test.name
			if a := p.want(wire.Bad, test.r); !strings.Contains(a.Text, test.text) {
				t.Errorf("%+v: %q does not say %q", test.r, a.Text, test.text)
			}
		})
	}
	s := newServer(t, Config{Keys: testkeys.All(), Allow: []byte(allKeys)})
	p := connect(t, s, 1)
	r := digestRequest()
	r.Key = idOf(t, rsaKey.Public())
	p.want(wire.Bad, r) // a name, too
	r = digestRequest()
	r.Op = 99
	p.want(wire.Bad, r)
	r = digestRequest()
	r.Name = "another"
	p.want(wire.NoKey, r)
	if got := s.Stats(); got.Peers[0].Outcomes != (Outcomes{NoKey: 1, Bad: 1}) {
		t.Errorf("%+v", got) // the unknown operation asks for no signature
	}
}

// An RSA key that is too small for a PSS signature says so.
func TestSmallKey(t *testing.T) {
	k := &key{name: "small", bits: 512}
	for _, salt := range []int{1, 32, 65535} {
		if _, err := k.optionsPSS(crypto.SHA512, salt); err == nil || !strings.Contains(err.Error(), "room for 0") {
			t.Errorf("salt %d: %v", salt, err)
		}
	}
}

// What a key's error becomes, and what of it the client, the log and the statistics learn.
func TestErrorsOfKeys(t *testing.T) {
	const secret = "/etc/keys/secret.pem"
	for _, test := range []struct {
		name   string
		sign   func() ([]byte, error)
		status wire.Status
		want   Outcomes
	}{
		{"error", func() ([]byte, error) { return nil, errors.New(secret) }, wire.Failed, Outcomes{Failed: 1}},
		{"panic", func() ([]byte, error) { panic(secret) }, wire.Failed, Outcomes{Failed: 1}},
		{"unavailable", func() ([]byte, error) { return nil, fmt.Errorf("%s: %w", secret, engine.ErrUnavailable) }, wire.Unavailable, Outcomes{Unavailable: 1}},
		{"closed", func() ([]byte, error) { return nil, fmt.Errorf("%s: %w", secret, engine.ErrClosed) }, wire.Unavailable, Outcomes{Unavailable: 1}},
		{"deadline of its own", func() ([]byte, error) { return nil, fmt.Errorf("%s: %w", secret, context.DeadlineExceeded) }, wire.Failed, Outcomes{Failed: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log record
			s := newServer(t, Config{
				Keys:   map[string]crypto.Signer{"rsa": failingKey{rsaKey, test.sign}},
				Allow:  []byte("allow uid:1 sign rsa"),
				Logger: log.Logger(),
			})
			a := connect(t, s, 1).want(test.status, digestRequest())
			if strings.Contains(a.Text, secret) || !strings.Contains(log.String(), secret) {
				t.Errorf("the client learns %q, the log %q", a.Text, log.String())
			}
			got := s.Stats()
			if len(got.Keys) != 1 || got.Keys[0] != (KeyStats{"rsa", test.want}) || got.Peers[0].Outcomes != test.want {
				t.Errorf("%+v", got)
			}
		})
	}
}

// A panic of a key that is bound to contexts does not end the server.
func TestPanicOfBoundKey(t *testing.T) {
	var log record
	key := boundKey{rsaKey, func(context.Context) ([]byte, error) { panic("broken") }}
	s := newServer(t, Config{Keys: map[string]crypto.Signer{"rsa": key}, Allow: []byte("allow uid:1 sign rsa"), Logger: log.Logger()})
	p := connect(t, s, 1)
	p.want(wire.Failed, digestRequest())
	p.want(wire.Failed, digestRequest())
	if !strings.Contains(log.String(), "broken") {
		t.Errorf("the log has %q", log.String())
	}
	if got := s.Stats(); got.Keys[0].Outcomes.Failed != 2 || got.InFlight != 0 {
		t.Errorf("%+v", got)
	}
}

// A failing key does not fill the log.
func TestLogOfErrorsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log record
		key := boundKey{rsaKey, func(context.Context) ([]byte, error) { return nil, errors.New("broken") }}
		s := newServer(t, Config{Keys: map[string]crypto.Signer{"rsa": key}, Allow: []byte("allow uid:1 sign rsa"), Logger: log.Logger()})
		p := connect(t, s, 1)
		for range 10 {
			p.want(wire.Failed, digestRequest())
		}
		time.Sleep(time.Second)
		p.want(wire.Failed, digestRequest())
		if n := strings.Count(log.String(), "broken"); n != 2 {
			t.Errorf("%d lines:\n%s", n, log.String())
		}
		_ = p.conn.Close()
		_ = s.Close()
	})
}

// A request has its answer at its deadline, also if the key knows no contexts and hangs.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := newGatedKey(rsaKey)
		bound := boundKey{ecdsaKey, func(ctx context.Context) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		s := newServer(t, Config{
			Keys:  map[string]crypto.Signer{"rsa": hangs, "ecdsa": bound},
			Allow: []byte("allow uid:1 sign rsa ecdsa"),
		})
		p := connect(t, s, 1)
		for _, r := range []wire.Request{digestRequest(), {Op: wire.OpSign, Name: "ecdsa", Hash: wire.SHA256, Data: sum256[:]}} {
			start := time.Now()
			r.Timeout = 3 * time.Second
			p.want(wire.Expired, r)
			if took := time.Since(start); took != 3*time.Second {
				t.Errorf("%s: answered after %v", r.Name, took)
			}
		}
		hangs.gate <- nil
		_ = p.conn.Close()
		_ = s.Close()
	})
}

// A request whose connection ends with the client's certificate is not late: it may be asked again. Its
// answer may still be sent.
func TestConnectionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bound := boundKey{rsaKey, func(ctx context.Context) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		s := newServer(t, Config{Keys: map[string]crypto.Signer{"rsa": bound}, Allow: []byte(allowApp)})
		conn, cancel := context.WithDeadlineCause(t.Context(), time.Now().Add(time.Second), errNotAfter)
		defer cancel()
		for _, timeout := range []time.Duration{0, time.Hour} {
			r := digestRequest()
			o := s.signBy(conn, s.currentKeys().find(&r), timeout, r.Data, crypto.SHA256)
			if o.status != wire.Unavailable || o.signature != nil {
				t.Errorf("timeout %v: %v, %q", timeout, o.status, o.text)
			}
		}
		_ = s.Close()
	})
}

// Keys of engines are bound to the request's context, and sign in batches.
func TestMultibuffer(t *testing.T) {
	eng, err := multibuffer.New(multibuffer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer eng.Close()
	signer, err := eng.Signer(rsaKey)
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, Config{Keys: map[string]crypto.Signer{"rsa": signer}, Allow: []byte("allow uid:1 sign rsa")})
	p := connect(t, s, 1)
	digests := map[uint64][]byte{}
	go func() {
		for i := range 64 {
			digest := sha256.Sum256([]byte{byte(i)})
			r := digestRequest()
			r.ID, r.Data = uint64(i+1), digest[:]
			b, err := wire.AppendRequest(nil, &r)
			if err == nil {
				_, err = p.conn.Write(b)
			}
			if err != nil {
				t.Error(err)
			}
		}
	}()
	for i := range 64 {
		digest := sha256.Sum256([]byte{byte(i)})
		digests[uint64(i+1)] = digest[:]
	}
	for range 64 {
		a := p.receive()
		if err := rsa.VerifyPKCS1v15(&rsaKey.PublicKey, crypto.SHA256, digests[a.ID], a.Data); err != nil {
			t.Errorf("%d: %v %v", a.ID, a.Status, err)
		}
		delete(digests, a.ID)
	}
	if len(digests) != 0 {
		t.Errorf("%d requests were not answered", len(digests))
	}
	if st := eng.Stats(); st.Completed != 64 {
		t.Errorf("%+v", st)
	}
}

// The random bytes of signatures are the server's: two signatures of one digest differ.
func TestRandomSignatures(t *testing.T) {
	p := connect(t, newServer(t, Config{Keys: testkeys.All(), Allow: []byte(allKeys)}), 1)
	r := digestRequest()
	r.Padding, r.Salt = wire.PSS, 32
	if a, b := p.want(wire.OK, r), p.want(wire.OK, r); string(a.Data) == string(b.Data) {
		t.Error("two signatures of PSS are the same")
	}
}
