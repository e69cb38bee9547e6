package direct

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"math/big"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/pkcs11/internal/ck"
	"asynccrypto/internal/hsmtest"
	"asynccrypto/internal/testwait"

	"github.com/ebitengine/purego"
)

// proxied makes a token of SoftHSM with a key of P-256 behind a proxy.
func proxied(t *testing.T) (*hsmtest.Module, *hsmtest.Control, *ecdsa.PublicKey) {
	t.Helper()
	m := hsmtest.SoftHSM(t)
	key := hsmtest.NewKey(t, hsmtest.P256)
	m.Import(t, "key", key)
	p, c := hsmtest.Proxy(t, m)
	return p, c, key.Public().(*ecdsa.PublicKey)
}

// mustLoad loads m, and checks at the end of the test that nothing of it is left.
func mustLoad(t *testing.T, m *hsmtest.Module, hang time.Duration) *dialer {
	t.Helper()
	goroutines := runtime.NumGoroutine()
	l, err := Load(m.Path, m.InitArgs, hang)
	if err != nil {
		t.Fatal(err)
	}
	d := l.(*dialer)
	t.Cleanup(func() {
		d.Close()
		testwait.Await(t, "the end of the library's use", func() bool {
			d.lib.mu.Lock()
			defer d.lib.mu.Unlock()
			return d.lib.conns == [states]int{} && !d.lib.initialized
		})
		testwait.Await(t, "the end of goroutines", func() bool { return runtime.NumGoroutine() <= goroutines })
	})
	return d
}

// session is a connection with a session that is logged in, and a key.
type session struct {
	ck.Conn
	handle ck.Session
	key    ck.Object
}

func begin(t *testing.T, d *dialer, m *hsmtest.Module) *session {
	t.Helper()
	c, err := d.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	slots, err := c.Slots()
	if err != nil {
		t.Fatal(err)
	}
	for _, slot := range slots {
		info, err := c.TokenInfo(slot)
		if err != nil {
			t.Fatal(err)
		}
		if info.Label != m.Label {
			continue
		}
		s, err := c.OpenSession(slot)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Login(s, []byte(m.PIN)); err != nil && err != ck.RVUserAlreadyLoggedIn {
			t.Fatal(err)
		}
		keys, err := c.Find(s, []ck.Attribute{
			{Type: ck.AttrClass, Number: ck.ClassPrivateKey},
			{Type: ck.AttrLabel, Bytes: []byte("key")},
			{Type: ck.AttrSign, Bool: true},
		}, 10)
		if err != nil || len(keys) != 1 {
			t.Fatalf("%d keys, %v", len(keys), err)
		}
		return &session{c, s, keys[0]}
	}
	t.Fatalf("no token %q", m.Label)
	return nil
}

var digest = sha256.Sum256([]byte("message"))

func (s *session) sign() ([]byte, error) {
	return s.Sign(s.handle, ck.Mechanism{Type: ck.MechECDSA}, s.key, digest[:], nil)
}

func (s *session) mustSign(t *testing.T, pub *ecdsa.PublicKey) {
	t.Helper()
	sig, err := s.sign()
	if err != nil {
		t.Fatal(err)
	}
	n := len(sig) / 2
	if !ecdsa.Verify(pub, digest[:], new(big.Int).SetBytes(sig[:n]), new(big.Int).SetBytes(sig[n:])) {
		t.Fatal("the signature does not verify")
	}
}

func (l *library) count(s state) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conns[s]
}

func TestInitializedOnce(t *testing.T) {
	m, c, pub := proxied(t)
	d1, d2 := mustLoad(t, m, 0), mustLoad(t, m, 0)
	s1, s2, s3 := begin(t, d1, m), begin(t, d1, m), begin(t, d2, m)
	expect := func(n int) {
		t.Helper()
		if got := c.Calls(hsmtest.Initialize); got != n {
			t.Fatalf("initialized %d times, want %d", got, n)
		}
	}
	expect(1)
	s1.Close()
	begin(t, d1, m).Close()
	s2.Close()
	d1.Close()
	if _, err := d1.Dial(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Dial after Close: %v", err)
	}
	s3.mustSign(t, pub) // neither finalized nor logged out
	expect(1)

	s3.Close()
	begin(t, d2, m).mustSign(t, pub) // nothing was open: initialized anew
	expect(2)
}

func TestOtherInitArgs(t *testing.T) {
	m, _, _ := proxied(t)
	mustLoad(t, m, 0)
	if _, err := Load(m.Path, "other", 0); err == nil {
		t.Error("loaded with other InitArgs while in use")
	}
}

// TestForeign has other code in the process initialize the module.
func TestForeign(t *testing.T) {
	m, _, pub := proxied(t)
	d := mustLoad(t, m, 0)
	if err := d.lib.initialize(""); err != nil {
		t.Fatal(err)
	}
	s := begin(t, d, m)
	s.mustSign(t, pub)
	s.Close()
	begin(t, d, m).Close()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.lib.call(finalize, 0); err != nil {
		t.Errorf("finalized though others use it: %v", err)
	}
	d.lib.setInitialized(false, false)
}

// TestHang has calls hang. They cost a connection each, at most maxStuck of them, and nothing is
// finalized meanwhile.
func TestHang(t *testing.T) {
	m, c, pub := proxied(t)
	d := mustLoad(t, m, 0)
	var sessions []*session
	for range maxStuck {
		sessions = append(sessions, begin(t, d, m))
	}
	sessions[0].mustSign(t, pub)
	c.Hang(true)
	t.Cleanup(func() { c.Hang(false) })
	var signers sync.WaitGroup
	for _, s := range sessions {
		signers.Go(func() {
			if _, err := s.sign(); err != ck.ErrHung {
				t.Errorf("%v, want ErrHung", err)
			}
			if _, err := s.Slots(); err != ck.ErrHung {
				t.Errorf("on a connection that hung: %v, want ErrHung", err)
			}
			s.Close()
		})
	}
	testwait.Await(t, "all calls in the module", func() bool { return c.Inside() == maxStuck })
	for _, s := range sessions {
		s.Conn.(*conn).timer.Reset(0) // as if the time were over
	}
	signers.Wait()
	if n := d.lib.count(stuck); n != maxStuck {
		t.Fatalf("%d connections are stuck, want %d", n, maxStuck)
	}
	if _, err := d.Dial(t.Context()); !errors.Is(err, engine.ErrUnavailable) {
		t.Errorf("Dial: %v, want ErrUnavailable", err)
	}
	if n := c.Calls(hsmtest.Initialize); n != 1 {
		t.Errorf("initialized %d times", n)
	}
	c.Hang(false)
	testwait.Await(t, "the end of stuck calls", func() bool { return d.lib.count(stuck) == 0 })
	begin(t, d, m).mustSign(t, pub)
}

// TestCloseInCall closes a connection, and all else, while a call is under way.
func TestCloseInCall(t *testing.T) {
	m, c, _ := proxied(t)
	d := mustLoad(t, m, time.Hour)
	s := begin(t, d, m)
	c.Hang(true)
	t.Cleanup(func() { c.Hang(false) })
	signed := make(chan error, 1)
	go func() {
		_, err := s.sign()
		signed <- err
	}()
	testwait.Await(t, "a call in the module", func() bool { return c.Inside() == 1 })
	s.Close()
	if err := testwait.Receive(t, "the call's end", signed); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v, want net.ErrClosed", err)
	}
	d2 := mustLoad(t, m, time.Hour)
	s2 := begin(t, d2, m) // beside the call that is stuck
	if n := c.Calls(hsmtest.Initialize); n != 1 {
		t.Errorf("initialized %d times", n)
	}
	s2.Close()
	d2.Close()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if d.lib.mu.Lock(); !d.lib.initialized {
		t.Error("finalized during a call")
	}
	d.lib.mu.Unlock()
	c.Hang(false) // mustLoad waits for C_Finalize
}

// TestGivenUp closes a connection between two calls of one method. The second one is not made.
func TestGivenUp(t *testing.T) {
	m, _, _ := proxied(t)
	c := begin(t, mustLoad(t, m, 0), m).Conn.(*conn)
	if err := c.begin(); err != nil {
		t.Fatal(err)
	}
	second := make(chan error, 1)
	if err := c.run(func() error {
		c.Close()
		second <- c.call(getSlotInfo, 0, address(c.mem.room(infoSize)))
		return nil
	}); err != errClosed {
		t.Errorf("%v, want %v", err, errClosed)
	}
	if err := testwait.Receive(t, "the second call", second); err != errClosed {
		t.Errorf("the second call: %v, want %v", err, errClosed)
	}
}

// TestDialEnds has Dial give up waiting for another's C_Initialize.
func TestDialEnds(t *testing.T) {
	m, _, pub := proxied(t)
	d := mustLoad(t, m, 0)
	d.lib.turn <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Dial(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
	quick := &dialer{lib: d.lib, hang: time.Millisecond}
	if _, err := quick.Dial(t.Context()); err != ck.ErrHung {
		t.Errorf("%v, want ErrHung", err)
	}
	<-d.lib.turn
	begin(t, d, m).mustSign(t, pub)
}

// TestDialAfterClose checks that Dial does not initialize the module for a Dialer that is closed.
func TestDialAfterClose(t *testing.T) {
	m, c, _ := proxied(t)
	d := mustLoad(t, m, 0)
	d.Close()
	if _, err := d.Dial(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v, want net.ErrClosed", err)
	}
	if n := c.Calls(hsmtest.Initialize); n != 0 {
		t.Errorf("initialized %d times", n)
	}
}

// TestCloseInInitialize gives up Dial and Close while C_Initialize hangs. The module is finalized when
// C_Initialize has returned: mustLoad checks that.
func TestCloseInInitialize(t *testing.T) {
	m, _, _ := proxied(t)
	d := mustLoad(t, m, 0)
	d.hang = time.Millisecond
	entered, release := make(chan struct{}), make(chan struct{})
	real := d.lib.fn[initialize]
	d.lib.fn[initialize] = purego.NewCallback(func(args uintptr) uintptr {
		close(entered)
		<-release
		rv, _, _ := purego.SyscallN(real, args)
		return rv
	})
	if _, err := d.Dial(t.Context()); err != ck.ErrHung {
		t.Errorf("Dial: %v, want ErrHung", err)
	}
	testwait.Receive(t, "C_Initialize", entered)
	if err := d.Close(); err != ck.ErrHung {
		t.Errorf("Close: %v, want ErrHung", err)
	}
	close(release)
	d.lib.turn <- struct{}{} // Dial's turn is over
	<-d.lib.turn
}

// TestCloseBeforeCloseSession closes a connection when CloseSession has begun and not yet called the
// module. The session is closed all the same.
func TestCloseBeforeCloseSession(t *testing.T) {
	m, _, _ := proxied(t)
	d := mustLoad(t, m, 0)
	other := begin(t, d, m)
	s := begin(t, d, m)
	c := s.Conn.(*conn)
	if err := c.begin(); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := c.closeSession(s.handle); err != errClosed {
		t.Errorf("%v, want %v", err, errClosed)
	}
	testwait.Await(t, "the connection's end", func() bool { return d.lib.count(stuck) == 0 })
	if err := other.CloseSession(s.handle); err != ck.RVSessionHandleInvalid {
		t.Errorf("closing the session again: %v, want CKR_SESSION_HANDLE_INVALID", err)
	}
}

// TestCloseAnyTime closes connections and Dialers at random moments, for the race detector.
func TestCloseAnyTime(t *testing.T) {
	m, _, _ := proxied(t)
	d := mustLoad(t, m, 0)
	for i := range 20 {
		s := begin(t, d, m)
		var users sync.WaitGroup
		users.Go(func() {
			for {
				if _, err := s.sign(); err != nil {
					if !errors.Is(err, net.ErrClosed) {
						t.Error(err)
					}
					return
				}
			}
		})
		for range 2 {
			users.Go(func() {
				time.Sleep(time.Duration(i) * 100 * time.Microsecond)
				s.Close()
			})
		}
		users.Wait()
	}
}

func TestAnswersOfAModule(t *testing.T) {
	m, _, _ := proxied(t)
	s := begin(t, mustLoad(t, m, 0), m)
	slots, err := s.Slots()
	if err != nil || len(slots) == 0 {
		t.Fatalf("%v, %v", slots, err)
	}
	if slot, err := s.SlotInfo(slots[0]); err != nil || slot.Description == "" {
		t.Errorf("%+v, %v", slot, err)
	}
	if mechanisms, err := s.Mechanisms(slots[0]); err != nil || len(mechanisms) < 10 {
		t.Errorf("%v, %v", mechanisms, err)
	}
	as, err := s.Attributes(s.handle, s.key, []uint64{ck.AttrKeyType, ck.AttrValue, ck.AttrModulus, ck.AttrLabel, ck.AttrSign})
	if err != nil || len(as) != 3 || as[0].Number != ck.KeyEC || string(as[1].Bytes) != "key" || !as[2].Bool {
		t.Errorf("of type, secret, another key's, label and use: %+v, %v", as, err)
	}
	if _, err := s.Attributes(s.handle, 1<<20, []uint64{ck.AttrLabel}); err != ck.RVObjectHandleInvalid {
		t.Errorf("%v, want CKR_OBJECT_HANDLE_INVALID", err)
	}
	if found, err := s.Find(s.handle, nil, 1); err != nil || len(found) != 1 {
		t.Errorf("%v, %v", found, err)
	}
	if err := s.CloseSession(s.handle); err != nil {
		t.Error(err)
	}
	if _, err := s.sign(); err != ck.RVSessionHandleInvalid {
		t.Errorf("%v, want CKR_SESSION_HANDLE_INVALID", err)
	}
}

func TestNoModule(t *testing.T) {
	for _, path := range []string{"", "/nonexistent/module.so", "libc.so.6"} {
		if _, err := Load(path, "", 0); err == nil {
			t.Errorf("%q was loaded", path)
		} else {
			t.Log(err)
		}
	}
}
