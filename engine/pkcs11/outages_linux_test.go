package pkcs11_test

import (
	"crypto"
	"errors"
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/pkcs11"
	"asynccrypto/engine/pkcs11/internal/moduletest"
	"asynccrypto/internal/hsmtest"
	"asynccrypto/internal/testwait"
)

// Answers of a token (CK_RV).
const (
	rvGeneralError         = 0x05
	rvDeviceError          = 0x30
	rvDeviceRemoved        = 0x32
	rvKeyHandleInvalid     = 0x60
	rvOperationActive      = 0x90
	rvPINIncorrect         = 0xa0
	rvSessionHandleInvalid = 0xb3
	rvUserNotLoggedIn      = 0x101
)

// quick connects again soon.
var quick = pkcs11.Options{Sessions: 4, Retry: 10 * time.Millisecond}

// impatient does so too, and soon gives up a call that hangs.
var impatient = pkcs11.Options{Sessions: quick.Sessions, Retry: quick.Retry, Hang: time.Second}

// load signs on several goroutines, over and over. Each operation has to end in a valid signature or
// in ErrUnavailable.
type load struct {
	t                        *testing.T
	tok                      *pkcs11.Token
	started, signed, refused atomic.Int64
	stop                     func()
}

func newLoad(t *testing.T, tok *pkcs11.Token, key crypto.Signer) *load {
	l := &load{t: t, tok: tok}
	stopped := make(chan struct{})
	var signers sync.WaitGroup
	l.stop = sync.OnceFunc(func() {
		close(stopped)
		signers.Wait()
	})
	t.Cleanup(l.stop)
	for range 6 {
		signers.Go(func() {
			for {
				select {
				case <-stopped:
					return
				default:
				}
				l.started.Add(1)
				switch err := moduletest.Sign(key); {
				case err == nil:
					l.signed.Add(1)
				case errors.Is(err, pkcs11.ErrPIN): // for good: there is nothing to wait for
					t.Error(err)
					return
				case errors.Is(err, engine.ErrUnavailable):
					l.refused.Add(1)
					time.Sleep(time.Millisecond)
				default:
					t.Errorf("an operation ended in neither a signature nor ErrUnavailable: %v", err)
					return
				}
			}
		})
	}
	return l
}

// awaitSigned waits until n operations more have ended in a signature.
func (l *load) awaitSigned(n int64) {
	l.t.Helper()
	n += l.signed.Load()
	l.await("signatures", func() bool { return l.signed.Load() >= n })
}

// awaitRefused waits until n operations more have ended in an error.
func (l *load) awaitRefused(n int64) {
	l.t.Helper()
	n += l.refused.Load()
	l.await("operations that fail", func() bool { return l.refused.Load() >= n })
}

// await is [testwait.Await]. If it waits in vain, it logs what the token says.
func (l *load) await(what string, ok func() bool) {
	l.t.Helper()
	ended := false
	defer func() {
		if !ended {
			l.t.Logf("%d operations were started, %d have a signature, %d an error; the token's health is %+v",
				l.started.Load(), l.signed.Load(), l.refused.Load(), l.tok.Health())
		}
	}()
	testwait.Await(l.t, what, func() bool { return ok() || l.t.Failed() })
	ended = true
}

// end stops the load, and checks that every operation has ended.
func (l *load) end() {
	l.t.Helper()
	l.stop()
	if started, ended := l.started.Load(), l.signed.Load()+l.refused.Load(); started != ended && !l.t.Failed() {
		l.t.Errorf("%d operations were started, %d have ended", started, ended)
	}
}

// endure signs with m's key before, during and after an outage, which begin and end bring about,
// twice.
func endure(t *testing.T, m *hsmtest.Module, o pkcs11.Options, begin, end func()) {
	t.Helper()
	tok, key := moduletest.OpenKey(t, m, o)
	l := newLoad(t, tok, key)
	for range 2 {
		l.awaitSigned(10)
		begin()
		l.awaitRefused(int64(o.Sessions))
		end()
		l.awaitSigned(10)
	}
	l.end()
	if h := tok.Health(); !h.Up || h.PINsRefused != 0 {
		t.Errorf("the token's health after two outages is %+v", h)
	}
}

// TestOutages takes tokens away while they sign and brings them back, in every way that a token goes.
func TestOutages(t *testing.T) {
	soft := func(t *testing.T) *hsmtest.Module {
		m := hsmtest.SoftHSM(t)
		m.Import(t, "key", hsmtest.NewKey(t, hsmtest.P256))
		return m
	}
	for name, knob := range map[string]func(server *hsmtest.Daemon) (begin, end func()){
		"server killed":  func(s *hsmtest.Daemon) (begin, end func()) { return s.Kill, s.Start },
		"server stopped": func(s *hsmtest.Daemon) (begin, end func()) { return s.Pause, s.Resume },
	} {
		t.Run(name, func(t *testing.T) {
			m := soft(t)
			socket, server := hsmtest.Server(t, m)
			o := impatient
			o.Connect = pkcs11.Socket(socket)
			begin, end := knob(server)
			endure(t, m, o, begin, end)
		})
	}
	t.Run("files moved", func(t *testing.T) {
		m := soft(t)
		away, back := moving(t, m)
		endure(t, m, quick, away, back)
	})
	t.Run("broker killed", func(t *testing.T) {
		m, broker := hsmtest.TPM2(t)
		m.Import(t, "key", hsmtest.NewKey(t, hsmtest.P256))
		// If the broker dies during a login, tpm2-pkcs11 says that the PIN is wrong, and the token is not
		// used any more. A single session does not log in while it signs.
		o := quick
		o.Sessions = 1
		endure(t, m, o, broker.Kill, broker.Start)
	})
	for name, knob := range map[string]func(c *hsmtest.Control, on bool){
		"crash": (*hsmtest.Control).Crash,
		"hang":  (*hsmtest.Control).Hang,
		"dead":  dead,
	} {
		t.Run(name, func(t *testing.T) {
			m, c := hsmtest.Proxy(t, soft(t))
			endure(t, m, impatient, func() { knob(c, true) }, func() { knob(c, false) })
		})
	}
}

func dead(c *hsmtest.Control, on bool) {
	rv := uint32(rvDeviceRemoved)
	if !on {
		rv = 0
	}
	c.Dead(rv)
}

// moving returns functions that move the files of m's token away and back.
func moving(t *testing.T, m *hsmtest.Module) (away, back func()) {
	rename := func(from, to string) {
		if err := os.Rename(from, to); err != nil {
			t.Error(err)
		}
	}
	return func() { rename(m.Files, m.Files+".away") }, func() { rename(m.Files+".away", m.Files) }
}

// TestAnswers has single calls of a real token fail.
func TestAnswers(t *testing.T) {
	soft := hsmtest.SoftHSM(t)
	soft.Import(t, "key", hsmtest.NewKey(t, hsmtest.P256))
	m, c := hsmtest.Proxy(t, soft)
	o := quick
	o.Sessions = 1
	_, key := moduletest.OpenKey(t, m, o)
	for _, a := range []struct {
		fn    hsmtest.Function
		rv    uint32
		count int
		want  error
	}{
		{hsmtest.Sign, rvSessionHandleInvalid, 1, nil},
		{hsmtest.SignInit, rvUserNotLoggedIn, 1, nil},
		{hsmtest.SignInit, rvKeyHandleInvalid, 1, nil},
		{hsmtest.SignInit, rvOperationActive, 1, nil},
		{hsmtest.Sign, rvDeviceRemoved, 1, nil},
		{hsmtest.Sign, rvDeviceError, 2, engine.ErrUnavailable},
		{hsmtest.Sign, rvGeneralError, 1, engine.ErrUnavailable},
	} {
		t.Run(fmt.Sprintf("%v %v", a.fn, pkcs11.Error(a.rv)), func(t *testing.T) {
			c.Fail(a.fn, a.rv, 0, a.count)
			err := moduletest.Sign(key)
			if !errors.Is(err, a.want) || err != nil && !errors.Is(err, pkcs11.Error(a.rv)) {
				t.Errorf("%v, want %v", err, a.want)
			}
			testwait.Await(t, "a signature", func() bool { return moduletest.Sign(key) == nil })
		})
	}
}

// TestPINRefused checks at a real token that a PIN is tried once, also while many operations wait.
func TestPINRefused(t *testing.T) {
	soft := hsmtest.SoftHSM(t)
	soft.Import(t, "key", hsmtest.NewKey(t, hsmtest.P256))
	m, c := hsmtest.Proxy(t, soft)
	tok, key := moduletest.OpenKey(t, m, quick)
	if err := moduletest.Sign(key); err != nil {
		t.Fatal(err)
	}
	c.Fail(hsmtest.Login, rvPINIncorrect, 0, 1000)
	before := c.Calls(hsmtest.Login)
	c.Dead(rvDeviceRemoved)
	testwait.Await(t, "an error", func() bool { return moduletest.Sign(key) != nil })
	c.Dead(0)
	testwait.Await(t, "the refusal", func() bool { return errors.Is(moduletest.Sign(key), pkcs11.ErrPIN) })
	var signers sync.WaitGroup
	for range 20 {
		signers.Go(func() {
			if err := moduletest.Sign(key); !errors.Is(err, pkcs11.ErrPIN) {
				t.Error(err)
			}
		})
	}
	signers.Wait()
	if n := c.Calls(hsmtest.Login) - before; n != 1 {
		t.Errorf("the PIN was tried %d times", n)
	}
	if h := tok.Health(); h.Up || !errors.Is(h.Refused, pkcs11.ErrPIN) || h.PINsRefused != 1 {
		t.Errorf("the token's health is %+v", h)
	}
	if _, err := pkcs11.Open(m.URI(""), quick); !errors.Is(err, pkcs11.ErrPIN) {
		t.Error(err)
	}
}

var soakFor = flag.Duration("soak", 0, "how long TestSoakOutages runs, with an outage every second, instead of a few seconds with more")

// TestSoakOutages has two tokens sign, over helpers and over a server, while something breaks all the
// time. No helper is left at the end, and no zombie of one.
func TestSoakOutages(t *testing.T) {
	t.Cleanup(func() { // after the tokens are closed
		if pids := hsmtest.Helpers(t, os.Getpid()); len(pids) > 0 {
			t.Errorf("helpers %v are left", pids)
		}
	})
	soft := hsmtest.SoftHSM(t)
	soft.Import(t, "key", hsmtest.NewKey(t, hsmtest.P256))
	m, c := hsmtest.Proxy(t, soft)
	socket, server := hsmtest.Server(t, m)
	away, back := moving(t, m)
	length, every := 3*time.Second, 150*time.Millisecond
	helped := quick // no outage is so long that a call has to be given up
	if *soakFor > 0 {
		length, every = *soakFor, time.Second
		helped = impatient // some are
	}
	served := helped
	served.Connect = pkcs11.Socket(socket)

	var loads []*load
	for _, o := range []pkcs11.Options{helped, served} {
		tok, key := moduletest.OpenKey(t, m, o)
		loads = append(loads, newLoad(t, tok, key))
	}
	outages := []struct {
		name       string
		begin, end func()
	}{
		{"helper killed", func() { killHelper(t) }, func() {}},
		{"server killed", server.Kill, server.Start},
		{"server stopped", server.Pause, server.Resume},
		{"files moved", away, back},
		{"crash", func() { c.Crash(true) }, func() { c.Crash(false) }},
		{"hang", func() { c.Hang(true) }, func() { c.Hang(false) }},
		{"dead", func() { dead(c, true) }, func() { dead(c, false) }},
		{"session lost", func() { c.Fail(hsmtest.Sign, rvSessionHandleInvalid, 3, 5) }, func() {}},
		{"device error", func() { c.Fail(hsmtest.SignInit, rvDeviceError, 3, 5) }, func() {}},
	}
	var past []string
	defer func() { t.Logf("outages: %q", past) }()
	for end := time.Now().Add(length); time.Now().Before(end) && !t.Failed(); time.Sleep(every / 2) {
		o := outages[mathrand.N(len(outages))]
		past = append(past, o.name)
		o.begin()
		time.Sleep(mathrand.N(2 * every))
		o.end()
	}
	for _, l := range loads {
		l.awaitSigned(20)
		l.end()
		t.Logf("%d signatures, %d operations that failed", l.signed.Load(), l.refused.Load())
	}
}

// killHelper kills one of this process's helpers, if there is one.
func killHelper(t *testing.T) {
	if pids := hsmtest.Helpers(t, os.Getpid()); len(pids) > 0 {
		syscall.Kill(pids[mathrand.N(len(pids))], syscall.SIGKILL)
	}
}
