package pkcs11_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/pkcs11"
	"asynccrypto/engine/pkcs11/internal/ck"
	"asynccrypto/engine/pkcs11/internal/faketoken"
	"asynccrypto/engine/pkcs11/internal/wire"
)

// A wrong PIN is tried once, when the token is opened.
func TestWrongPIN(t *testing.T) {
	for _, answer := range []ck.Error{ck.RVPINIncorrect, ck.RVPINInvalid, ck.RVPINLenRange, ck.RVPINExpired, ck.RVPINLocked} {
		m := newFake()
		m.Fail(wire.Login, -1, answer)
		_, err := pkcs11.Open(fakeURI, through(m, pkcs11.Options{}))
		if !errors.Is(err, pkcs11.ErrPIN) || !errors.Is(err, answer) || errors.Is(err, engine.ErrUnavailable) {
			t.Errorf("%v: %v", answer, err)
		}
		if strings.Contains(err.Error(), rightPIN) {
			t.Error("the error holds the PIN:", err)
		}
		if n := m.Calls(wire.Login); n != 1 || m.Open() != 0 {
			t.Errorf("%v: %d logins, %d connections are left", answer, n, m.Open())
		}
	}
}

// A PIN that is changed while the token is open is tried once, whatever the number of sessions that
// want to log in, and of attempts to connect again. The token is down for good.
func TestPINChanges(t *testing.T) {
	for _, how := range []string{"new sessions", "connecting again", "connecting in the background"} {
		t.Run(how, func(t *testing.T) {
			var log bytes.Buffer
			o := pkcs11.Options{Sessions: 16, Logger: slog.New(slog.NewTextHandler(&log, nil))}
			inBubble(t, o, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
				logins := m.Calls(wire.Login)
				m.Do(func() { m.Tokens[0].PIN = "another" })
				var away atomic.Bool
				away.Store(how == "connecting in the background")
				m.On(func(_ int, call wire.Call) error {
					switch {
					case call == wire.Login:
						time.Sleep(time.Second)
					case call == wire.Sign && how == "new sessions":
						time.Sleep(10 * time.Second)
					case call == wire.Sign:
						return ck.RVDeviceRemoved
					case call == wire.GetSlotList && away.Swap(false):
						return ck.RVTokenNotPresent
					}
					return nil
				})
				var all sync.WaitGroup
				for range 50 {
					all.Go(func() { use(key) })
				}
				all.Wait()
				time.Sleep(time.Hour)
				for range 50 {
					if err := use(key); !errors.Is(err, pkcs11.ErrPIN) || !errors.Is(err, engine.ErrUnavailable) {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Hour)
				if n := m.Calls(wire.Login) - logins; n != 1 {
					t.Errorf("%d logins with a wrong PIN", n)
				}
				if h := token.Health(); h.Up || !errors.Is(h.Refused, pkcs11.ErrPIN) || h.PINsRefused != 1 || h.Sessions != 0 {
					t.Errorf("%+v", h)
				}
			})
			if s := log.String(); !strings.Contains(s, "PIN") || strings.Contains(s, rightPIN) || strings.Contains(s, "another") {
				t.Errorf("the log is %q", s)
			}
		})
	}
}

// A PIN is not tried if the token is locked, nor, without LastTry, if a wrong one would lock it.
func TestLastTry(t *testing.T) {
	for _, tt := range []struct {
		tries   int
		lastTry bool
		logins  int
	}{
		{1, false, 0},
		{1, true, 1},
		{0, false, 0},
		{0, true, 0},
		{2, false, 1},
	} {
		m := newFake()
		m.Tokens[0].Tries = tt.tries
		token, err := pkcs11.Open(fakeURI, through(m, pkcs11.Options{LastTry: tt.lastTry}))
		if err == nil {
			closeFake(t, m, token)
		} else if !errors.Is(err, pkcs11.ErrPIN) {
			t.Error(err)
		}
		if n := m.Calls(wire.Login); n != tt.logins || (err == nil) != (n == 1) {
			t.Errorf("%+v: %d logins, %v", tt, n, err)
		}
	}
}

// A wrong PIN costs the token one of its tries, and a last try is left alone.
func TestTries(t *testing.T) {
	m := newFake()
	for _, left := range []int{2, 1, 1} {
		_, err := pkcs11.Open("pkcs11:token=fake?pin-value=4321", through(m, pkcs11.Options{}))
		if !errors.Is(err, pkcs11.ErrPIN) || errors.Is(err, engine.ErrUnavailable) || m.Tokens[0].Tries != left {
			t.Errorf("%v; %d tries are left", err, m.Tokens[0].Tries)
		}
	}
}

// Options.PIN is called for each login, one call at a time, and its PIN is wiped.
func TestPINFunction(t *testing.T) {
	testKey()
	synctest.Test(t, func(t *testing.T) {
		m := newFake(&faketoken.Key{Key: testKey(), Label: "site"})
		m.Delay(wire.Sign, 10*time.Second)
		var pins [][]byte
		inside := false
		token := openFake(t, m, pkcs11.Options{Sessions: 4, PIN: func(_ context.Context, info pkcs11.TokenInfo) ([]byte, error) {
			if inside || info.Label != "fake" || !info.LoginRequired {
				t.Errorf("%v, %+v", inside, info)
			}
			inside = true
			time.Sleep(time.Second)
			inside = false
			pin := []byte(rightPIN)
			pins = append(pins, pin)
			return pin, nil
		}})
		key, err := token.Signer("pkcs11:object=site")
		if err != nil {
			t.Fatal(err)
		}
		useMany(t, key, 8)
		if len(pins) != 4 {
			t.Errorf("%d calls for 4 sessions", len(pins))
		}
		for _, pin := range pins {
			if !bytes.Equal(pin, make([]byte, len(pin))) {
				t.Errorf("a PIN is not wiped: %q", pin)
			}
		}
	})
}

// An error of Options.PIN, a panic, and no PIN at all: no login.
func TestNoPIN(t *testing.T) {
	failed := errors.New("no key ring")
	for name, pin := range map[string]func(context.Context, pkcs11.TokenInfo) ([]byte, error){
		"error": func(context.Context, pkcs11.TokenInfo) ([]byte, error) { return nil, failed },
		"panic": func(context.Context, pkcs11.TokenInfo) ([]byte, error) { panic(failed) },
		"none":  func(context.Context, pkcs11.TokenInfo) ([]byte, error) { return nil, nil },
		"empty": func(context.Context, pkcs11.TokenInfo) ([]byte, error) { return []byte{}, nil },
		"unset": nil,
	} {
		m := newFake()
		_, err := pkcs11.Open("pkcs11:token=fake?module-path=/fake.so", through(m, pkcs11.Options{PIN: pin}))
		if err == nil || errors.Is(err, pkcs11.ErrPIN) || (name == "error" || name == "panic") != errors.Is(err, failed) {
			t.Errorf("%s: %v", name, err)
		}
		if n := m.Calls(wire.Login); n != 0 || m.Open() != 0 {
			t.Errorf("%s: %d logins, %d connections are left", name, n, m.Open())
		}
	}
	// A token that wants no login, and one whose PIN is typed at the token.
	for flags, logins := range map[uint64]int{ck.FlagTokenInitialized: 0, ck.FlagTokenInitialized | ck.FlagLoginRequired | ck.FlagProtectedAuthPath: 1} {
		m := newFake()
		m.Tokens[0].Flags = flags
		token, err := pkcs11.Open("pkcs11:token=fake?module-path=/fake.so", through(m, pkcs11.Options{}))
		if err != nil {
			t.Error(err)
			continue
		}
		if n := m.Calls(wire.Login); n != logins {
			t.Errorf("flags %#x: %d logins", flags, n)
		}
		closeFake(t, m, token)
	}
}

// Without a login, the keys that the token shows all the same are there.
func TestNoLogin(t *testing.T) {
	m := newFake(&faketoken.Key{Key: testKey(), Label: "private"}, &faketoken.Key{Key: testKey(), Label: "shown", NoLogin: true})
	token := openFake(t, m, pkcs11.Options{NoLogin: true})
	if keys, err := token.Keys(t.Context()); err != nil || len(keys) != 1 || keys[0].Label != "shown" {
		t.Error(keys, err)
	}
	_, err := token.Signer("pkcs11:object=private")
	wantError(t, err, "no private key has object=", "object=shown", "until a login", "pin-source=file:PATH")
	if n := m.Calls(wire.Login); n != 0 {
		t.Errorf("%d logins", n)
	}
}

// A login that another session of the process has made counts.
func TestAlreadyLoggedIn(t *testing.T) {
	m := newFake()
	m.Fail(wire.Login, -1, ck.RVUserAlreadyLoggedIn)
	openFake(t, m, pkcs11.Options{})
}

// A key that asks for the PIN each time is given it, and a wrong one is tried once.
func TestAlwaysAuthenticate(t *testing.T) {
	testKey()
	synctest.Test(t, func(t *testing.T) {
		m := newFake(&faketoken.Key{Key: testKey(), Label: "site", AlwaysAuthenticate: true})
		token := openFake(t, m, pkcs11.Options{Sessions: 4})
		key, err := token.Signer("pkcs11:object=site")
		if err != nil {
			t.Fatal(err)
		}
		useMany(t, key, 8)
		logins := m.Calls(wire.Login)
		m.Do(func() { m.Tokens[0].PIN = "another" })
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := use(key); !errors.Is(err, pkcs11.ErrPIN) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := m.Calls(wire.Login) - logins; n != 1 {
			t.Errorf("%d logins with a wrong PIN", n)
		}
	})
}

// The PIN for a key that asks for it each time may be typed at the token, too.
func TestPINPadForEachSignature(t *testing.T) {
	m := newFake(&faketoken.Key{Key: testKey(), Label: "site", AlwaysAuthenticate: true})
	m.Tokens[0].Flags |= ck.FlagProtectedAuthPath
	token, err := pkcs11.Open("pkcs11:token=fake", through(m, pkcs11.Options{Sessions: 1}))
	if err != nil {
		t.Fatal(err)
	}
	defer closeFake(t, m, token)
	key, err := token.Signer("pkcs11:object=site")
	if err != nil {
		t.Fatal(err)
	}
	if err := use(key); err != nil {
		t.Error(err)
	}
	if n := m.Calls(wire.Login); n != 2 {
		t.Errorf("%d logins", n)
	}
}

// The PIN is not tried for an operation that has not begun.
func TestNoPINWithoutOperation(t *testing.T) {
	m := newFake(&faketoken.Key{Key: testKey(), Label: "site", AlwaysAuthenticate: true})
	token := openFake(t, m, pkcs11.Options{Sessions: 1})
	key, err := token.Signer("pkcs11:object=site")
	if err != nil {
		t.Fatal(err)
	}
	logins := m.Calls(wire.Login)
	m.Fail(wire.SignInit, -1, ck.RVKeyFunctionNotPermitted)
	if err := use(key); !errors.Is(err, ck.RVKeyFunctionNotPermitted) {
		t.Error(err)
	}
	if n := m.Calls(wire.Login) - logins; n != 0 {
		t.Errorf("%d logins", n)
	}
}

// A module that ends or hangs when a PIN is wrong costs one try too: the token tells that the login
// without an answer was refused. A right PIN is tried until there is an answer.
func TestAnswerLost(t *testing.T) {
	for _, tt := range []struct {
		lost  error
		wrong bool
	}{{faketoken.ErrDrop, true}, {faketoken.ErrHang, true}, {faketoken.ErrDrop, false}} {
		synctest.Test(t, func(t *testing.T) {
			m := newFake()
			m.On(func(_ int, call wire.Call) error {
				if call != wire.Login {
					return nil
				}
				if tt.wrong {
					m.Do(func() { m.Tokens[0].Tries-- })
				}
				return tt.lost
			})
			token, err := pkcs11.Open(fakeURI, through(m, pkcs11.Options{AllowDown: true}))
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			if refused := token.Health().Refused; errors.Is(refused, pkcs11.ErrPIN) != tt.wrong || (m.Calls(wire.Login) == 1) != tt.wrong {
				t.Errorf("%v, %d logins: %v", tt.lost, m.Calls(wire.Login), refused)
			}
			m.Heal()
			time.Sleep(10 * time.Second)
			if up := token.Health().Up; up == tt.wrong {
				t.Errorf("%v: up is %t", tt.lost, up)
			}
			closeFake(t, m, token)
		})
	}
}
