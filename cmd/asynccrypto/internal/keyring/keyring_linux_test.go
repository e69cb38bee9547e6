package keyring

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/fallback"
	"asynccrypto/internal/hsmtest"
	"asynccrypto/internal/publickey"
	"asynccrypto/internal/testwait"
)

// The keys of one token share it, in whatever words their URIs name it. A key that the ring has is
// not looked for again, unless it is to be another one.
func TestRing(t *testing.T) {
	m, control := hsmtest.Proxy(t, hsmtest.SoftHSM(t))
	first, second := hsmtest.NewKey(t, hsmtest.P256), hsmtest.NewKey(t, hsmtest.P384)
	m.Import(t, "first", first)
	m.Import(t, "second", second)
	r := New(Options{Timeout: time.Minute, Sessions: 1})
	defer r.Close()
	open := func(uri string, want crypto.Signer) *Key {
		t.Helper()
		chain, err := r.OpenChain(want.Public(), nil, Named{"key", uri})
		if err != nil {
			t.Fatal(err)
		}
		k := chain[0]
		if strings.Contains(k.Name, "pin") || k.Place() != m.Label || !publickey.Equal(k.Private.(engine.Signer).Public(), want.Public()) {
			t.Errorf("%s: %s, %s", uri, k.Name, k.Place())
		}
		return k
	}
	k := open(m.URI("first"), first)
	serial := ";serial=" + url.PathEscape(k.Token.Info().Serial)
	other := strings.Replace(m.URI("second"), ";", serial+";", 1)
	if again := open(other, second); again.Token != k.Token || len(r.Tokens()) != 1 {
		t.Errorf("%d tokens", len(r.Tokens()))
	}
	if n := control.Calls(hsmtest.Login); n != 1 {
		t.Errorf("%d logins", n)
	}
	if _, err := r.Open(Named{"fallback-key", m.URI("third")}); err == nil || !strings.HasPrefix(err.Error(), "-fallback-key: pkcs11: no private key has object=third; there are: ") {
		t.Error(err)
	}

	control.Dead(0x32) // CKR_DEVICE_REMOVED
	open(m.URI("first"), first)
	if _, err := r.OpenChain(second.Public(), nil, Named{"key", m.URI("first")}); err == nil {
		t.Error("asked for another key, the ring did not ask the token")
	}
}

// A chain asks the keys in their order. Those on a token share the token's breaker, and their time
// is bounded unless nothing comes after them.
func TestChain(t *testing.T) {
	m, control := hsmtest.Proxy(t, hsmtest.SoftHSM(t))
	key := hsmtest.NewKey(t, hsmtest.P256)
	m.Import(t, "site", key)
	r := New(Options{Timeout: time.Minute, Sessions: 1})
	defer r.Close()
	onToken, err := r.Open(Named{"key", m.URI("site")})
	if err != nil {
		t.Fatal(err)
	}
	file := &Key{Name: "file.pem", Private: key}
	if s, err := r.Signer(nil, []*Key{file}); err != nil || s != crypto.Signer(key) {
		t.Error(s, err)
	}
	if s, err := r.Signer(nil, []*Key{onToken}); err != nil || s != onToken.Private {
		t.Error(s, err)
	}
	s, err := r.Signer(nil, []*Key{onToken, file})
	if err != nil {
		t.Fatal(err)
	}
	chain := s.(fallback.Signer)
	defer chain.Close()
	control.Dead(0x32)
	for range 5 {
		if _, err := chain.Sign(rand.Reader, make([]byte, 32), crypto.SHA256); err != nil {
			t.Fatal(err)
		}
	}
	st := chain.Stats()
	if st[0].Name != m.Label || st[0].Failures == 0 || st[0].Opened != 1 || st[1].Name != "file.pem" || st[1].Operations != 5 {
		t.Errorf("%+v", st)
	}
	for _, k := range []*Key{file, onToken} {
		if _, err := r.Signer(nil, []*Key{k, k}); err == nil || !strings.Contains(err.Error(), "in another place") {
			t.Errorf("a chain of %s and itself: %v", k.Name, err)
		}
	}
}

// A token that is away is no error if the key is in another place. The key is used when its token is
// there, if it is the key, and otherwise not.
func TestAway(t *testing.T) {
	m, control := hsmtest.Proxy(t, hsmtest.SoftHSM(t))
	key, other := hsmtest.NewKey(t, hsmtest.P256), hsmtest.NewKey(t, hsmtest.P256)
	m.Import(t, "site", key)
	m.Import(t, "other", other)
	file := &Key{Name: "file.pem", Private: key}
	log := new(testwait.Log)
	r := New(Options{Timeout: time.Minute, Sessions: 1, Logger: slog.New(slog.NewTextHandler(log, nil))})
	defer r.Close()
	control.Dead(0x32) // CKR_DEVICE_REMOVED
	if _, err := r.OpenChain(key.Public(), nil, Named{"key", m.URI("site")}); !IsAway(err) {
		t.Error(err)
	}
	if _, err := r.OpenChain(key.Public(), nil, Named{"key", m.URI("site")}, Named{"fallback-key", m.URI("site")}); !IsAway(err) {
		t.Error(err)
	}
	var chains []fallback.Signer
	for _, label := range []string{"site", "other"} {
		keys, err := r.OpenChain(key.Public(), []*Key{file}, Named{"fallback-key", m.URI(label)})
		if err != nil || len(keys) != 2 || keys[0] != file || keys[1].Away == nil || keys[1].Place() != m.Label {
			t.Fatalf("%+v, %v", keys, err)
		}
		s, err := r.Signer(nil, []*Key{keys[1], file})
		if err != nil {
			t.Fatal(err)
		}
		defer s.(fallback.Signer).Close()
		chains = append(chains, s.(fallback.Signer))
	}
	if n := len(r.Tokens()); n != 1 {
		t.Errorf("%d tokens", n)
	}
	sign := func() {
		t.Helper()
		for _, chain := range chains {
			digest := make([]byte, 32)
			signature, err := chain.Sign(rand.Reader, digest, crypto.SHA256)
			if err != nil || !ecdsa.VerifyASN1(key.Public().(*ecdsa.PublicKey), digest, signature) {
				t.Error(err)
			}
		}
	}
	sign()
	control.Dead(0)
	ended := make(chan struct{})
	log.Find(t, `level=INFO msg="the key is used from now on: its place is there" key=\S+object=site`, ended)
	log.Find(t, `level=ERROR msg="the key is not used" key=\S+object=other"? error=".*the key object=other is another key`, ended)
	sign()
	testwait.Await(t, "a signature by the token", func() bool {
		sign()
		st := chains[0].Stats()[0]
		return st.Operations > st.Failures+st.Timeouts
	})
	if st := chains[1].Stats(); st[0].Operations != st[0].Failures+st[0].Timeouts {
		t.Errorf("%+v", st)
	}
	if strings.Contains(log.String(), "pin-value") {
		t.Error(log)
	}
}

// A token that is away and that two URIs name in two ways is one token, so its PIN is tried once. It is
// also found while it is there and the ring does not know it yet.
func TestAwayOnce(t *testing.T) {
	m, control := hsmtest.Proxy(t, hsmtest.SoftHSM(t))
	key := hsmtest.NewKey(t, hsmtest.P256)
	m.Import(t, "site", key)
	file := &Key{Name: "file.pem", Private: key}
	wrong := *m
	wrong.PIN = "98760"
	uri := wrong.URI("site")
	r := New(Options{Timeout: time.Minute, Sessions: 1})
	defer r.Close()
	control.Dead(0x32) // CKR_DEVICE_REMOVED
	open := func(uri string) *Token {
		t.Helper()
		keys, err := r.OpenChain(key.Public(), []*Key{file}, Named{"fallback-key", uri})
		if err != nil {
			t.Fatal(err)
		}
		return keys[1].Token
	}
	first := open(uri)
	if open(strings.Replace(uri, "token=", "manufacturer=SoftHSM%20project;token=", 1)) != first || open(strings.Replace(uri, "token=hsm%20test;", "", 1)) != first {
		t.Error("one token twice")
	}
	if open(strings.Replace(uri, "hsm%20test", "other", 1)) == first {
		t.Error("two tokens once")
	}
	control.Dead(0)
	testwait.Await(t, "the refusal of the PIN", func() bool { return first.Health().Refused != nil })
	if n := control.Calls(hsmtest.Login); n != 1 {
		t.Errorf("%d logins", n)
	}
}

// A text of -key-init-args is for all modules, or for the one that it names.
func TestInitArgs(t *testing.T) {
	for given, want := range map[string]string{
		"":             "",
		"a='b' c=d":    "a='b' c=d",
		"/m.so=a='b'":  "a='b'",
		"/n.so=a":      "",
		"b,/m.so=a=/c": "a=/c",
		"/m.so=a,b":    "a",
		"/m.so=,b":     "",
	} {
		o := Options{initArgs: strings.Split(given, ",")}
		if got := o.For("pkcs11:token=t?pin-source=/p&module-path=%2fm.so").InitArgs; got != want {
			t.Errorf("%q: %q, not %q", given, got, want)
		}
	}
}
