package pkcs11_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"runtime"
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

// What an error of the module means for its operation, for its connection and for the token.
func TestClasses(t *testing.T) {
	for _, tt := range []struct {
		err         error
		times       int   // so many signatures fail
		want        error // of the operation
		connections int   // made because of it
		up          bool  // afterwards
		reconnects  uint64
	}{
		{ck.RVDataLenRange, 1, ck.RVDataLenRange, 0, true, 0},
		{ck.RVMechanismInvalid, 1, ck.RVMechanismInvalid, 0, true, 0},
		{ck.RVKeyFunctionNotPermitted, 1, ck.RVKeyFunctionNotPermitted, 0, true, 0},
		{ck.RVArgumentsBad, 1, ck.RVArgumentsBad, 0, true, 0},
		{ck.RVGeneralError, 1, engine.ErrUnavailable, 0, true, 0},
		{ck.RVTokenResourceExceeded, 1, engine.ErrUnavailable, 0, true, 0},
		{ck.RVVendorDefined + 0x12, 1, engine.ErrUnavailable, 0, true, 0},
		{ck.RVSessionHandleInvalid, 1, nil, 1, true, 0},
		{ck.RVSessionClosed, 1, nil, 1, true, 0},
		{ck.RVObjectHandleInvalid, 1, nil, 1, true, 0},
		{ck.RVKeyHandleInvalid, 1, nil, 1, true, 0},
		{ck.RVUserNotLoggedIn, 1, nil, 1, true, 0},
		{ck.RVNotInitialized, 1, nil, 1, true, 0},
		{ck.RVSessionHandleInvalid, 2, engine.ErrUnavailable, 1, true, 0},
		{ck.RVOperationActive, 1, nil, 0, true, 0},
		{ck.RVOperationNotInitialized, 1, nil, 0, true, 0},
		{faketoken.ErrDrop, 1, nil, 1, true, 0},
		{faketoken.ErrDrop, 2, engine.ErrUnavailable, 1, true, 0},
		{ck.RVDeviceError, 1, nil, 1, true, 1},
		{ck.RVDeviceRemoved, 1, nil, 1, true, 1},
		{ck.RVDeviceMemory, 1, nil, 1, true, 1},
		{ck.RVTokenNotPresent, 1, nil, 1, true, 1},
		{ck.RVTokenNotRecognized, 1, nil, 1, true, 1},
		{ck.RVHostMemory, 1, nil, 1, true, 1},
		{ck.RVSlotIDInvalid, 1, nil, 1, true, 1},
		{ck.RVDeviceError, 2, engine.ErrUnavailable, 1, false, 1},
		{faketoken.ErrHang, 1, engine.ErrUnavailable, 0, true, 0},
	} {
		t.Run(tt.err.Error(), func(t *testing.T) {
			inBubble(t, pkcs11.Options{Sessions: 1}, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
				before := m.Calls(wire.Initialize)
				m.Fail(wire.Sign, tt.times, tt.err)
				if err := use(key); !errors.Is(err, tt.want) || tt.want == engine.ErrUnavailable && !errors.Is(err, seen(tt.err)) {
					t.Errorf("%v, want %v", err, tt.want)
				} else if tt.want != engine.ErrUnavailable && errors.Is(err, engine.ErrUnavailable) {
					t.Errorf("%v says that the key is unavailable", err)
				}
				if n := m.Calls(wire.Initialize) - before; n != tt.connections {
					t.Errorf("%d connections, want %d", n, tt.connections)
				}
				if h := token.Health(); h.Up != tt.up || h.Reconnects != tt.reconnects {
					t.Errorf("%+v", h)
				}
				time.Sleep(time.Second)
				if err := use(key); err != nil {
					t.Error("a second later:", err)
				}
			})
		})
	}
}

// seen returns what a Token sees of an error of a hook.
func seen(err error) error {
	switch err {
	case faketoken.ErrDrop:
		return io.ErrUnexpectedEOF
	case faketoken.ErrHang:
		return ck.ErrHung
	}
	return err
}

// Three signatures in a row that fail for no reason mean that the token has gone. The third is made
// again then.
func TestVagueErrors(t *testing.T) {
	inBubble(t, pkcs11.Options{Sessions: 1}, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
		m.Fail(wire.Sign, 3, ck.RVGeneralError)
		for range 2 {
			if err := use(key); !errors.Is(err, ck.RVGeneralError) || !errors.Is(err, engine.ErrUnavailable) {
				t.Error(err)
			}
		}
		if err := use(key); err != nil {
			t.Error(err)
		}
		if n := token.Health().Reconnects; n != 1 {
			t.Errorf("%d reconnects", n)
		}
		// A success between them begins the count anew.
		for range 3 {
			m.Fail(wire.Sign, 2, ck.RVFunctionFailed)
			for range 2 {
				if err := use(key); !errors.Is(err, ck.RVFunctionFailed) {
					t.Error(err)
				}
			}
			if err := use(key); err != nil {
				t.Error(err)
			}
		}
		if n := token.Health().Reconnects; n != 1 {
			t.Errorf("%d reconnects", n)
		}
	})
}

// While the token is away, operations fail at once, and attempts to connect become rarer. When it is
// back, an operation succeeds within a second, though nobody has asked for the token for an hour.
func TestDownAndUp(t *testing.T) {
	for _, away := range []time.Duration{50 * time.Millisecond, time.Second, time.Minute, time.Hour} {
		for _, asked := range []bool{false, true} {
			inBubble(t, pkcs11.Options{}, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
				m.On(func(_ int, call wire.Call) error {
					if call == wire.Sign || call == wire.GetSlotList {
						return ck.RVTokenNotPresent
					}
					return nil
				})
				if err := use(key); !errors.Is(err, engine.ErrUnavailable) || !errors.Is(err, ck.RVTokenNotPresent) {
					t.Fatal(err)
				}
				dials := m.Calls(wire.Initialize)
				for start := time.Now(); time.Since(start) < away; time.Sleep(10 * time.Millisecond) {
					if !asked {
						time.Sleep(away)
						break
					}
					if time.Since(start) > 20*time.Second {
						time.Sleep(away - time.Since(start))
						break
					}
					before := time.Now()
					if err := use(key); !errors.Is(err, engine.ErrUnavailable) || time.Now() != before {
						t.Fatal(err, "after", time.Since(before))
					}
				}
				h := token.Health()
				if h.Up || h.LastError == nil {
					t.Errorf("%+v", h)
				}
				if n := m.Calls(wire.Initialize) - dials; away == time.Hour && n > 3600/6+100 {
					t.Errorf("%d attempts in an hour", n)
				}
				m.Heal()
				back := time.Now()
				for use(key) != nil {
					time.Sleep(10 * time.Millisecond)
				}
				if took := time.Since(back); took > time.Second {
					t.Errorf("away for %v, asked: %v: an operation succeeds %v after the return", away, asked, took)
				}
				if h := token.Health(); !h.Up || h.Reconnects != 1 {
					t.Errorf("%+v", h)
				}
			})
		}
	}
}

// A token that takes logins and does no operation is not asked without end.
func TestFlapping(t *testing.T) {
	for _, ctx := range []context.Context{context.Background(), engine.WithFallback(context.Background())} {
		inBubble(t, pkcs11.Options{}, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
			m.Fail(wire.Sign, -1, ck.RVDeviceError)
			before := m.Calls(wire.Initialize)
			for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(10 * time.Millisecond) {
				if err := use(key.WithContext(ctx)); !errors.Is(err, engine.ErrUnavailable) {
					t.Fatal(err)
				}
			}
			if n := m.Calls(wire.Initialize) - before; n < 60 || n > 90 {
				t.Errorf("%d attempts in a minute", n)
			}
			m.Heal()
			time.Sleep(time.Second)
			if err := use(key.WithContext(ctx)); err != nil {
				t.Error(err)
			}
		})
	}
}

// slow returns a hook that makes each connection take a second, and otherwise does as hook does.
func slow(hook faketoken.Hook) faketoken.Hook {
	return func(conn int, call wire.Call) error {
		if call == wire.Initialize {
			time.Sleep(time.Second)
		}
		return hook(conn, call)
	}
}

// An operation that has a fallback does not wait for a new connection, whatever has ended the old one.
// That is made at once, in the background.
func TestHasFallback(t *testing.T) {
	for err, gone := range map[error]bool{ck.RVDeviceRemoved: true, ck.RVSessionHandleInvalid: false, faketoken.ErrDrop: false} {
		t.Run(err.Error(), func(t *testing.T) {
			inBubble(t, pkcs11.Options{Sessions: 1}, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
				bound := key.WithContext(engine.WithFallback(t.Context()))
				before, start := m.Calls(wire.Initialize), time.Now()
				m.On(slow(func(conn int, call wire.Call) error {
					if conn == 1 && call == wire.Sign {
						return err
					}
					return nil
				}))
				if got := use(bound); !errors.Is(got, engine.ErrUnavailable) || !errors.Is(got, seen(err)) {
					t.Error(got)
				}
				synctest.Wait()
				if n := m.Calls(wire.Initialize) - before; n != 1 {
					t.Errorf("%d connections begin at once", n)
				}
				for range 3 {
					if err := use(bound); !errors.Is(err, engine.ErrUnavailable) {
						t.Error(err)
					}
				}
				if took := time.Since(start); took != 0 {
					t.Error("the operations waited for", took)
				}
				if h := token.Health(); h.InFlight != 0 || h.Up == gone {
					t.Errorf("%+v", h)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if err := use(bound); err != nil {
					t.Error(err)
				}
				if n := m.Calls(wire.Initialize) - before; n != 1 {
					t.Errorf("%d connections", n)
				}
			})
		})
	}
}

// An operation that has a fallback does not wait while another one connects the token again.
func TestFallbackWhileMending(t *testing.T) {
	inBubble(t, pkcs11.Options{Sessions: 1}, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
		m.On(slow(func(conn int, call wire.Call) error {
			if conn == 1 && call == wire.Sign {
				return ck.RVDeviceRemoved
			}
			return nil
		}))
		start := time.Now()
		mended := make(chan error, 1)
		go func() { mended <- use(key) }()
		synctest.Wait()
		err := use(key.WithContext(engine.WithFallback(t.Context())))
		if !errors.Is(err, engine.ErrUnavailable) || !errors.Is(err, ck.RVDeviceRemoved) || time.Now() != start {
			t.Error(err, "after", time.Since(start))
		}
		if err := <-mended; err != nil || time.Since(start) != time.Second {
			t.Error(err, "after", time.Since(start))
		}
	})
}

// Operations without a fallback wait for the token, whichever operation has lost it.
func TestFallbackLosesToken(t *testing.T) {
	inBubble(t, pkcs11.Options{Sessions: 1}, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
		m.On(slow(func(conn int, call wire.Call) error {
			if conn == 1 && call == wire.Sign {
				return ck.RVDeviceRemoved
			}
			return nil
		}))
		start := time.Now()
		if err := use(key.WithContext(engine.WithFallback(t.Context()))); !errors.Is(err, engine.ErrUnavailable) || time.Now() != start {
			t.Error(err, "after", time.Since(start))
		}
		useMany(t, key, 20)
		if took := time.Since(start); took != time.Second {
			t.Error("the others waited for", took)
		}
		if h := token.Health(); !h.Up || h.Reconnects != 1 {
			t.Errorf("%+v", h)
		}
	})
}

// When one helper of several crashes, an operation that has a fallback is tried on another one.
func TestFallbackTriesOtherSession(t *testing.T) {
	inBubble(t, pkcs11.Options{}, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
		m.Delay(wire.Sign, time.Second)
		useMany(t, key, 2)
		synctest.Wait()
		var crashed atomic.Bool
		m.On(slow(func(_ int, call wire.Call) error {
			if call == wire.Sign && !crashed.Swap(true) {
				return faketoken.ErrDrop
			}
			return nil
		}))
		start := time.Now()
		if err := use(key.WithContext(engine.WithFallback(t.Context()))); err != nil || time.Now() != start {
			t.Error(err, "after", time.Since(start))
		}
		if !crashed.Load() {
			t.Error("no helper has crashed")
		}
	})
}

// An operation that has a fallback does not wait behind one that has none and that waits for the only
// session, whether the token has gone or only the connection. One that is not wanted any more makes
// room.
func TestFallbackBehindOther(t *testing.T) {
	for _, lost := range []error{ck.RVDeviceRemoved, faketoken.ErrDrop} {
		inBubble(t, pkcs11.Options{Sessions: 1, Depth: 3}, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
			m.On(slow(func(conn int, call wire.Call) error {
				if conn == 1 && call == wire.Sign {
					time.Sleep(time.Second)
					return lost
				}
				return nil
			}))
			start := time.Now()
			done := make(chan error, 2)
			for range 2 { // the second one begins to wait when the session is busy
				go func() { done <- use(key) }()
				synctest.Wait()
			}
			time.Sleep(1100 * time.Millisecond)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if err := use(key.WithContext(ctx)); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			synctest.Wait()
			before := time.Now()
			if err := use(key.WithContext(engine.WithFallback(t.Context()))); !errors.Is(err, engine.ErrUnavailable) || time.Now() != before {
				t.Errorf("%v: %v after %v", lost, err, time.Since(before))
			}
			for range 2 {
				if err := <-done; err != nil || time.Since(start) != 2*time.Second {
					t.Errorf("%v: %v after %v", lost, err, time.Since(start))
				}
			}
		})
	}
}

// While further sessions of a token are killed as they start, another one is connected, and the token
// stays up.
func TestKilledTogether(t *testing.T) {
	for name, tt := range map[string]struct {
		sessions int // connected before
		jobs     int
		dies     func(conn int, call wire.Call) (after time.Duration, dies bool)
		ended    uint64
	}{
		"a helper that signs and one that starts": {1, 2, func(conn int, call wire.Call) (time.Duration, bool) {
			switch {
			case conn == 1 && call == wire.Sign:
				return time.Second, true
			case conn == 2 && call == wire.Initialize:
				return 1100 * time.Millisecond, true
			case conn == 4 && call == wire.Initialize: // in place of 2, while 3 starts in place of 1
				return 0, true
			case conn == 3 && call == wire.Initialize:
				return time.Second, false
			}
			return 0, false
		}, 3},
		"a helper, and the one that takes its place": {2, 1, func(conn int, call wire.Call) (time.Duration, bool) {
			return 0, conn <= 2 && call == wire.Sign || conn == 3 && call == wire.Initialize
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, pkcs11.Options{Sessions: 2}, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
				m.Delay(wire.Sign, time.Second)
				useMany(t, key, tt.sessions)
				synctest.Wait()
				if n := token.Health().Sessions; n != tt.sessions {
					t.Fatalf("%d sessions", n)
				}
				m.On(func(conn int, call wire.Call) error {
					after, dies := tt.dies(conn, call)
					time.Sleep(after)
					if dies {
						return faketoken.ErrDrop
					}
					return nil
				})
				since := token.Health().Since
				useMany(t, key, tt.jobs)
				if h := token.Health(); !h.Up || h.Since != since || h.Reconnects != 0 || h.LastError != nil || h.Ended != tt.ended {
					t.Errorf("%+v", h)
				}
			})
		})
	}
}

// While a further session is being connected, an operation goes to the session that is free first.
func TestFirstFree(t *testing.T) {
	inBubble(t, pkcs11.Options{}, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
		m.On(slow(func(_ int, call wire.Call) error {
			if call == wire.Sign {
				time.Sleep(100 * time.Millisecond)
			}
			return nil
		}))
		start, n := time.Now(), token.Health().Sessions
		go func() {
			time.Sleep(50 * time.Millisecond)
			if h := token.Health(); h.Sessions != n+1 || h.InFlight != n {
				t.Errorf("%+v", h)
			}
		}()
		useMany(t, key, 5*n)
		if took := time.Since(start); took != 500*time.Millisecond {
			t.Errorf("%d sessions did five operations each in %v", n, took)
		}
		time.Sleep(time.Second)
		start = time.Now()
		useMany(t, key, 2*(n+1))
		if took := time.Since(start); took != 200*time.Millisecond {
			t.Errorf("%d sessions did two operations each in %v", n+1, took)
		}
	})
}

// A session that is being connected when the token goes, or that ends its goroutine, loses no
// operation.
func TestGrowthFails(t *testing.T) {
	for name, end := range map[string]func(){
		"the token goes": func() { time.Sleep(time.Second) },
		"Goexit":         runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			var ends atomic.Bool
			o := pkcs11.Options{PIN: func(context.Context, pkcs11.TokenInfo) ([]byte, error) {
				if ends.Load() {
					end()
				}
				return []byte(rightPIN), nil
			}}
			inBubble(t, o, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
				ends.Store(true)
				var signs atomic.Int64
				m.On(func(_ int, call wire.Call) error {
					if call == wire.Sign {
						time.Sleep(100 * time.Millisecond)
						if name == "the token goes" && signs.Add(1) == 3 {
							return ck.RVDeviceRemoved
						}
					}
					return nil
				})
				useMany(t, key, 20)
				synctest.Wait()
				if h := token.Health(); !h.Up || h.InFlight != 0 {
					t.Errorf("%+v", h)
				}
			})
		})
	}
}

// Operations that run when the token goes all get their signature, or an error that another place may
// do them. The token is connected once for all of them.
func TestManyLoseTheToken(t *testing.T) {
	inBubble(t, pkcs11.Options{Sessions: 8}, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
		m.On(func(conn int, call wire.Call) error {
			if call != wire.Sign {
				return nil
			}
			time.Sleep(time.Duration(conn) * time.Millisecond)
			if conn <= 8 { // made before the token went, which they notice one after another
				return ck.RVDeviceRemoved
			}
			return nil
		})
		var all sync.WaitGroup
		for range 30 {
			all.Go(func() {
				if err := use(key); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if h := token.Health(); h.Reconnects != 1 || h.Sessions > 8 {
			t.Errorf("%+v", h)
		}
	})
}

// A call that hangs ends after Options.Hang, alone: its session is replaced, the others go on.
func TestHang(t *testing.T) {
	inBubble(t, pkcs11.Options{Sessions: 2}, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
		m.Fail(wire.Sign, 1, faketoken.ErrHang)
		start := time.Now()
		hung := make(chan error, 1)
		go func() { hung <- use(key) }()
		synctest.Wait()
		for range 5 {
			if err := use(key); err != nil || time.Now() != start {
				t.Error(err, time.Since(start))
			}
		}
		if err := <-hung; !errors.Is(err, engine.ErrUnavailable) || !errors.Is(err, ck.ErrHung) || time.Since(start) != 30*time.Second {
			t.Error(err, time.Since(start))
		}
		synctest.Wait()
		if h := token.Health(); !h.Up || h.Hung != 1 || h.Sessions != 1 {
			t.Errorf("%+v", h)
		}
	})
}

// A request whose deadline passes leaves, wherever it is: in a call, or in line.
func TestDeadlines(t *testing.T) {
	inBubble(t, pkcs11.Options{Sessions: 1}, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
		m.Delay(wire.Sign, 10*time.Second)
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		bound := key.WithContext(ctx)
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				if err := use(bound); !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if took := time.Since(start); took != time.Second {
			t.Error("they left after", took)
		}
		signs := m.Calls(wire.Sign)
		m.Heal()
		if err := use(key); err != nil {
			t.Error(err)
		}
		if n := m.Calls(wire.Sign) - signs; n != 1 {
			t.Errorf("%d signatures that nobody waits for", n-1)
		}
	})
}

// Close at any moment ends what is under way.
func TestCloseDuring(t *testing.T) {
	for _, call := range []wire.Call{wire.Initialize, wire.GetSlotList, wire.OpenSession, wire.Login, wire.FindObjectsInit, wire.Sign} {
		t.Run(call.String(), func(t *testing.T) {
			inBubble(t, pkcs11.Options{Sessions: 3}, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
				m.On(func(_ int, c wire.Call) error {
					switch {
					case c == call:
						return faketoken.ErrHang
					case c == wire.Sign && call == wire.FindObjectsInit:
						return ck.RVSessionClosed // finds again
					case c == wire.Sign:
						return ck.RVDeviceError // connects again
					}
					return nil
				})
				var all sync.WaitGroup
				for range 10 {
					all.Go(func() {
						if err := use(key); !errors.Is(err, engine.ErrClosed) {
							t.Error(err)
						}
					})
				}
				synctest.Wait()
				start := time.Now()
				closeFake(t, m, token)
				all.Wait()
				if took := time.Since(start); took != 0 {
					t.Error("Close took", took)
				}
				if err := use(key); !errors.Is(err, engine.ErrClosed) {
					t.Error(err)
				}
			})
		})
	}
}

// A connection that was lost and cannot be made again means that the token is down, though other
// sessions have not noticed yet. A further session that cannot be connected does not.
func TestCannotConnect(t *testing.T) {
	for _, lost := range []bool{false, true} {
		inBubble(t, pkcs11.Options{Sessions: 4}, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
			m.Delay(wire.Sign, time.Second)
			useMany(t, key, 2)
			m.On(func(_ int, call wire.Call) error {
				switch {
				case call == wire.Initialize || call == wire.Sign && lost:
					return faketoken.ErrDrop
				case call == wire.Sign:
					time.Sleep(time.Second)
				}
				return nil
			})
			if lost {
				if err := use(key); !errors.Is(err, engine.ErrUnavailable) || !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Error(err)
				}
			} else {
				useMany(t, key, 20)
			}
			if h := token.Health(); h.Up == lost || !lost && h.Sessions != 2 {
				t.Errorf("%+v", h)
			}
			m.Heal()
			time.Sleep(time.Second)
			if err := use(key); err != nil {
				t.Error(err)
			}
		})
	}
}

// The error says that a module did not start, in place of the bare code that modules have for it, and
// that no server listens.
func TestModuleDoesNotStart(t *testing.T) {
	m := newFake()
	m.Fail(wire.Initialize, -1, ck.RVGeneralError)
	_, err := pkcs11.Open(fakeURI, through(m, pkcs11.Options{}))
	wantError(t, err, "the module does not start: CKR_GENERAL_ERROR")
	_, err = pkcs11.Tokens(context.Background(), fakeURI, through(m, pkcs11.Options{}))
	wantError(t, err, "the module does not start: CKR_GENERAL_ERROR")
	_, err = pkcs11.Open(fakeURI, pkcs11.Options{Connect: pkcs11.Socket(filepath.Join(t.TempDir(), "none"))})
	wantError(t, err, "is the p11-kit server running?")
	if !errors.Is(err, engine.ErrUnavailable) {
		t.Error(err)
	}
}

// A connection that is made when the token is closed already is closed too.
func TestCloseBeforeDialEnds(t *testing.T) {
	testKey()
	synctest.Test(t, func(t *testing.T) {
		m := newFake(&faketoken.Key{Key: testKey(), Label: "site"})
		token := openFake(t, m, pkcs11.Options{Load: loadFake(m)})
		key, err := token.Signer("")
		if err != nil {
			t.Fatal(err)
		}
		m.On(func(_ int, call wire.Call) error {
			switch call {
			case wire.Sign:
				return ck.RVDeviceError
			case wire.Initialize:
				time.Sleep(time.Second)
			case wire.GetSlotList:
				return faketoken.ErrHang
			}
			return nil
		})
		go use(key)
		synctest.Wait()
		start := time.Now()
		closeFake(t, m, token)
		if took := time.Since(start); took != time.Second {
			t.Error("Close took", took)
		}
	})
}

// Only signatures that fail for no known reason make the token suspicious.
func TestVagueQueries(t *testing.T) {
	inBubble(t, pkcs11.Options{}, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
		m.Fail(wire.FindObjectsInit, 5, ck.RVGeneralError)
		for range 5 {
			if _, err := token.Keys(t.Context()); !errors.Is(err, ck.RVGeneralError) {
				t.Error(err)
			}
		}
		if h := token.Health(); !h.Up || h.Reconnects != 0 {
			t.Errorf("%+v", h)
		}
	})
}

// A function of the user's that ends its goroutine ends the operation, and nothing else.
func TestGoexit(t *testing.T) {
	var exits atomic.Bool
	o := pkcs11.Options{Sessions: 1, PIN: func(context.Context, pkcs11.TokenInfo) ([]byte, error) {
		if exits.Load() {
			runtime.Goexit()
		}
		return []byte(rightPIN), nil
	}}
	for _, rv := range []error{ck.RVSessionClosed, ck.RVDeviceError} { // both connect once more
		inBubble(t, o, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
			m.Fail(wire.Sign, 1, rv)
			exits.Store(true)
			defer exits.Store(false)
			var e *engine.PanicError
			if err := use(key); !errors.As(err, &e) {
				t.Error(rv, err)
			}
			exits.Store(false)
			time.Sleep(time.Second)
			if err := use(key); err != nil {
				t.Error(rv, err)
			}
		})
	}
}

// An operation whose caller leaves while its session is connected is not done.
func TestLeftWhileConnecting(t *testing.T) {
	inBubble(t, pkcs11.Options{Sessions: 1}, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
		var lost atomic.Bool
		m.On(func(_ int, call wire.Call) error {
			switch {
			case call == wire.Login:
				time.Sleep(10 * time.Second)
			case call == wire.Sign && !lost.Swap(true):
				return ck.RVSessionClosed
			}
			return nil
		})
		signs := m.Calls(wire.Sign)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := use(key.WithContext(ctx)); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if n := m.Calls(wire.Sign) - signs; n != 1 {
			t.Errorf("%d signatures", n)
		}
		if err := use(key); err != nil {
			t.Error(err)
		}
	})
}

// Questions that the token answers do not hide that it does not sign.
func TestQueriesProveNothing(t *testing.T) {
	inBubble(t, pkcs11.Options{}, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
		m.Fail(wire.Sign, 3, ck.RVGeneralError)
		for i := range 3 {
			if err := use(key); (err == nil) != (i == 2) {
				t.Error(i, err)
			}
			if _, err := token.Keys(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if n := token.Health().Reconnects; n != 1 {
			t.Errorf("%d reconnects", n)
		}
	})
}

// A connection that is not made in time is a hang, and not the end of a context of the caller's.
func TestConnectHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := pkcs11.Open(fakeURI, pkcs11.Options{Connect: func(ctx context.Context, _ string) (io.ReadWriteCloser, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		if !errors.Is(err, engine.ErrUnavailable) || !errors.Is(err, ck.ErrHung) || errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
