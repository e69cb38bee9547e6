package pkcs11_test

import (
	"bytes"
	"crypto"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/pkcs11"
	"asynccrypto/engine/pkcs11/internal/ck"
	"asynccrypto/engine/pkcs11/internal/faketoken"
	"asynccrypto/engine/pkcs11/internal/wire"
)

// With Options.AllowDown, a token that is away when it is opened is down, and is connected when it
// is there. A key of SignerOf works from then on.
func TestOpenedWhileAway(t *testing.T) {
	for name, take := range map[string]func(*faketoken.Module){
		"no token":         func(m *faketoken.Module) { m.Fail(wire.GetSlotList, -1, ck.RVTokenNotPresent) },
		"another token":    func(m *faketoken.Module) { m.Tokens[0].Label = "other" },
		"no start":         func(m *faketoken.Module) { m.Fail(wire.Initialize, -1, ck.RVGeneralError) },
		"crash":            func(m *faketoken.Module) { m.Fail(wire.GetSlotList, -1, faketoken.ErrDrop) },
		"no login":         func(m *faketoken.Module) { m.Fail(wire.Login, -1, ck.RVDeviceError) },
		"hang":             func(m *faketoken.Module) { m.Fail(wire.OpenSession, -1, faketoken.ErrHang) },
		"a vendor's error": func(m *faketoken.Module) { m.Fail(wire.OpenSession, -1, ck.RVVendorDefined+7) },
	} {
		t.Run(name, func(t *testing.T) {
			testKey()
			synctest.Test(t, func(t *testing.T) {
				m := newFake(&faketoken.Key{Key: testKey(), Label: "site"})
				take(m)
				if _, err := pkcs11.Open(fakeURI, through(m, pkcs11.Options{})); !errors.Is(err, engine.ErrUnavailable) || errors.Is(err, pkcs11.ErrPIN) {
					t.Error(err)
				}
				var log bytes.Buffer
				o := pkcs11.Options{AllowDown: true, Logger: slog.New(slog.NewTextHandler(&log, nil))}
				token := openFake(t, m, o)
				key, err := token.SignerOf("pkcs11:object=site", testKey().Public())
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				if err := use(key); !errors.Is(err, engine.ErrUnavailable) || time.Now() != start {
					t.Error(time.Since(start), err)
				}
				if h := token.Health(); h.Up || h.LastError == nil || h.Sessions != 0 {
					t.Errorf("%+v", h)
				}
				if info := token.Info(); info.Label != "fake" {
					t.Errorf("%+v", info)
				}
				time.Sleep(time.Hour)
				m.Do(func() { m.Tokens[0].Label = "fake" })
				m.Heal()
				time.Sleep(10*time.Second + 30*time.Second) // the longest pause, and a call that hangs
				if h := token.Health(); !h.Up || h.Reconnects != 0 {
					t.Errorf("%+v", h)
				}
				if err := use(key); err != nil {
					t.Error(err)
				}
				synctest.Wait()
				m.Fail(wire.Sign, 1, ck.RVDeviceRemoved)
				if err := use(key); err != nil || token.Health().Reconnects != 1 {
					t.Error(err, token.Health())
				}
				closeFake(t, m, token)
				text := log.String()
				if strings.Count(text, "the token is down") != 1 || strings.Count(text, "the token is connected\"") != 1 ||
					strings.Count(text, "the token is connected again\"") != 1 || strings.Count(text, " token=fake") < strings.Count(text, "\n") {
					t.Error(text)
				}
			})
		})
	}
}

// Options.AllowDown excuses no mistake. Nor does it try a wrong PIN again, whenever that is found.
func TestMistakesAreNotAway(t *testing.T) {
	allow := pkcs11.Options{AllowDown: true}
	for uri, prepare := range map[string]func(*faketoken.Module){
		"pkcs11:token=fake?pin-value=4321":               nil,
		"pkcs11:token=fake?pin-source=/none":             nil,
		"pkcs11:token=fake":                              nil, // it wants a PIN
		"pkcs11:token=fake?pin=1234":                     nil,
		"pkcs11:token=fake;serial=1?pin-value=":          nil,
		"pkcs11:?pin-value=" + rightPIN:                  func(m *faketoken.Module) { m.Tokens = append(m.Tokens, faketoken.NewToken("fake", "2")) },
		"pkcs11:token=fake;model=fake?pin-value=1234":    func(m *faketoken.Module) { m.Fail(wire.Initialize, -1, ck.RVArgumentsBad) },
		"pkcs11:token=fake;serial=1?pin-value=" + "1234": func(m *faketoken.Module) { m.Tokens[0].Tries = 0 },
	} {
		m := newFake()
		if prepare != nil {
			prepare(m)
		}
		token, err := pkcs11.Open(uri, through(m, allow))
		if err == nil {
			token.Close()
			t.Errorf("%s is open", uri)
		}
		if errors.Is(err, engine.ErrUnavailable) || m.Calls(wire.Login) > 1 || m.Open() != 0 {
			t.Errorf("%d logins, %d connections: %v", m.Calls(wire.Login), m.Open(), err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		m := newFake()
		m.Fail(wire.GetSlotList, -1, ck.RVTokenNotPresent)
		token, err := pkcs11.Open("pkcs11:token=fake?pin-value=4321", through(m, allow))
		if err != nil {
			t.Fatal(err)
		}
		m.Heal()
		time.Sleep(time.Hour)
		if h := token.Health(); h.Up || !errors.Is(h.Refused, pkcs11.ErrPIN) || m.Calls(wire.Login) != 1 {
			t.Errorf("%d logins, %+v", m.Calls(wire.Login), h)
		}
		closeFake(t, m, token)
	})
}

// A token that is away can be closed at any moment.
func TestCloseWhileAway(t *testing.T) {
	for wait := range 20 {
		synctest.Test(t, func(t *testing.T) {
			m := newFake()
			m.On(func(_ int, call wire.Call) error {
				if call == wire.GetSlotList {
					time.Sleep(30 * time.Millisecond)
					return ck.RVTokenNotPresent
				}
				return nil
			})
			token := openFake(t, m, pkcs11.Options{AllowDown: true})
			time.Sleep(time.Duration(wait) * 20 * time.Millisecond)
			closeFake(t, m, token)
		})
	}
}

// A key of SignerOf that is not what it should be is unavailable, and works as soon as it is.
func TestSignerOf(t *testing.T) {
	testKey()
	synctest.Test(t, func(t *testing.T) {
		other := newKey()
		site := &faketoken.Key{Key: testKey(), Label: "site"}
		m := newFake(site, &faketoken.Key{Key: other, Label: "hidden", Hidden: true}, &faketoken.Key{Key: testKey(), Label: "barred", NoSign: true},
			&faketoken.Key{Key: testKey(), Label: "twin"}, &faketoken.Key{Key: testKey(), Label: "twin"})
		token := openFake(t, m, pkcs11.Options{Sessions: 1})
		of := func(uri string, public crypto.PublicKey) engine.Signer {
			t.Helper()
			s, err := token.SignerOf(uri, public)
			if err != nil {
				t.Fatal(err)
			}
			if _, decrypts := s.(crypto.Decrypter); decrypts || !s.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(public) {
				t.Errorf("%T", s)
			}
			return s
		}
		if n := m.Calls(wire.FindObjectsInit); n != 0 {
			t.Errorf("%d searches", n)
		}
		for _, tt := range []struct {
			uri    string
			public crypto.PublicKey
			want   string
		}{
			{"pkcs11:object=site", other.Public(), "the key object=site is another key than the one that was opened"},
			{"pkcs11:object=site", testRSAKey().Public(), "the key object=site is of type EC, and its public key is a *rsa.PublicKey"},
			{"pkcs11:object=none", testKey().Public(), "no private key has object=none; there are: object=site, "},
			{"pkcs11:object=twin", testKey().Public(), "2 private keys match object=twin"},
			{"pkcs11:object=barred", testKey().Public(), "may not sign"},
			{"pkcs11:object=hidden", testKey().Public(), "the signature of the key object=hidden is not one of the public key"},
		} {
			_, err := of(tt.uri, tt.public).Sign(nil, digest, crypto.SHA256)
			wantError(t, err, tt.want)
			if !errors.Is(err, engine.ErrUnavailable) {
				t.Error(err)
			}
		}
		// A key that the token does not show is proved by its signatures.
		if err := use(of("pkcs11:object=hidden", other.Public())); err != nil {
			t.Error(err)
		}
		late := of("pkcs11:object=late", testKey().Public())
		if err := use(late); !errors.Is(err, engine.ErrUnavailable) {
			t.Error(err)
		}
		m.Do(func() { site.Label = "late" })
		for range 2 {
			if err := use(late); err != nil {
				t.Error(err)
			}
			m.Fail(wire.Sign, 1, ck.RVKeyHandleInvalid) // it is found anew
		}
		for _, uri := range []string{"pkcs11:token=other;object=site", "pkcs11:object=site;type=cert", "pkcs11:objekt=site"} {
			if _, err := token.SignerOf(uri, testKey().Public()); err == nil || errors.Is(err, engine.ErrUnavailable) {
				t.Error(uri, err)
			}
		}
		if _, err := token.SignerOf("", nil); err == nil {
			t.Error("a key without a public key")
		}
		closeFake(t, m, token)
	})
}
