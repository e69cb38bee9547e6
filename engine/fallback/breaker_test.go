package fallback_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine"
	"asynccrypto/engine/fallback"
)

// A probe in each Cooldown asks the place, and no caller does, until the place works.
func TestProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := newPlace(t)
		m := first.member(t, "first", timeout)
		m.Breaker = &fallback.Breaker{Failures: 2, Cooldown: 5 * time.Second}
		s := newChain(t, m, fallback.Member{Name: "file", Signer: ecKey()})
		first.set(dead)
		sign(s)
		sign(s)
		for i := range 3 {
			time.Sleep(5*time.Second - 1)
			wantSign(t, s, 0)
			synctest.Wait()
			if n := first.count(); n != 2+i {
				t.Fatalf("round %d: the place was asked %d times", i, n)
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			if n := first.count(); n != 3+i {
				t.Fatalf("round %d: the place was asked %d times", i, n)
			}
		}
		first.delay = timeout / 2
		first.set(works)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if st := s.Stats()[0]; st.State != fallback.HalfOpen {
			t.Errorf("%+v", st)
		}
		wantSign(t, s, 0) // while the probe is under way
		time.Sleep(timeout / 2)
		synctest.Wait()
		wantSign(t, s, timeout/2)
		wantStats(t, s, fallback.MemberStats{Name: "first", Operations: 3, Failures: 2, Skipped: 4, Opened: 1},
			fallback.MemberStats{Name: "file", Operations: 6})
	})
}

// A probe of a place that hangs ends with the member's Timeout, or after ten seconds if it has
// none.
func TestProbeHangs(t *testing.T) {
	for timeout, probeTimeout := range map[time.Duration]time.Duration{timeout: timeout, 0: 10 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			first := newPlace(t)
			s := newChain(t, first.member(t, "first", timeout), fallback.Member{Name: "file", Signer: ecKey()})
			first.set(dead)
			for range 3 {
				sign(s)
			}
			first.set(hangs)
			for range 3 {
				time.Sleep(time.Second)
				synctest.Wait()
				if st := s.Stats()[0]; st.State != fallback.HalfOpen {
					t.Errorf("%+v", st)
				}
				time.Sleep(probeTimeout - 1)
				synctest.Wait()
				if st := s.Stats()[0]; st.State != fallback.HalfOpen {
					t.Errorf("%+v", st)
				}
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				if st := s.Stats()[0]; st.State != fallback.Open || st.Operations != 3 {
					t.Errorf("%+v", st)
				}
			}
			if n := first.count(); n != 6 {
				t.Error("the place was asked", n, "times")
			}
		})
	}
}

// A place that signs wrongly does not come back.
func TestWrongProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		first := newPlace(t)
		s, err := fallback.New(fallback.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))},
			first.member(t, "first", timeout), fallback.Member{Name: "file", Signer: ecKey()})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		first.set(dead)
		for range 3 {
			sign(s)
		}
		first.set(lies)
		time.Sleep(10*time.Second + 1)
		synctest.Wait()
		if st := s.Stats()[0]; st.State != fallback.Open || first.count() != 13 {
			t.Errorf("%+v, asked %d times", st, first.count())
		}
		wantSign(t, s, 0)
		first.set(works)
		time.Sleep(time.Second)
		synctest.Wait()
		if st := s.Stats()[0]; st.State != fallback.Closed {
			t.Errorf("%+v", st)
		}
		for want, n := range map[string]int{
			`level=WARN msg="the key is passed over: its breaker has opened" member=first error="the key is unavailable: it is unplugged"`:                     1,
			`level=WARN msg="the key is still passed over: it signs wrongly" member=first error="the key is unavailable: the signature of its probe is wrong"`: 10,
			`level=INFO msg="the key is available again: its breaker has closed" member=first`:                                                                 1,
			"\n": 12,
		} {
			if got := strings.Count(log.String(), want); got != n {
				t.Errorf("%d times, not %d: %s", got, n, want)
			}
		}
	})
}

// One breaker for several keys of one place: what one key meets keeps the others from waiting, and
// one probe in each Cooldown serves all.
func TestSharedBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hsm := newPlace(t)
		b := new(fallback.Breaker)
		ec := newChain(t, fallback.Member{Name: "hsm", Signer: hsm.signer(t, ecKey()), Timeout: timeout, Breaker: b},
			fallback.Member{Name: "file", Signer: ecKey()})
		rsa := newChain(t, fallback.Member{Name: "hsm", Signer: hsm.signer(t, rsaKey()), Timeout: timeout, Breaker: b},
			fallback.Member{Name: "file", Signer: rsaKey()})
		hsm.set(dead)
		for range 2 {
			sign(ec)
		}
		rsa.Sign(rand.Reader, digest[:], crypto.SHA256)
		wantSign(t, ec, 0)
		if n := hsm.count(); n != 3 {
			t.Error("the place was asked", n, "times")
		}
		for _, s := range []fallback.Signer{ec, rsa} {
			if st := s.Stats()[0]; st.State != fallback.Open || st.Opened != 1 {
				t.Errorf("%+v", st)
			}
		}
		time.Sleep(4*time.Second + 1)
		synctest.Wait()
		if n := hsm.count(); n != 7 {
			t.Error("the place was asked", n, "times")
		}
		// The keys take turns, so that one key that has been deleted does not speak for the place.
		kinds := map[crypto.Signer]int{}
		for _, op := range hsm.ops[3:] {
			kinds[op.(*engine.SignOp).Key]++
		}
		if kinds[ecKey()] != 2 || kinds[rsaKey()] != 2 {
			t.Error(kinds)
		}
		// The last chain goes on alone, and without any nobody asks.
		ec.Close()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := hsm.count(); n != 9 || hsm.ops[8].(*engine.SignOp).Key != crypto.Signer(rsaKey()) {
			t.Error("the place was asked", n, "times")
		}
		rsa.Close()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := hsm.count(); n != 9 {
			t.Error("the place was asked", n, "times")
		}
		// A new chain finds the breaker open, and its probe closes it.
		ec = newChain(t, fallback.Member{Name: "hsm", Signer: hsm.signer(t, ecKey()), Timeout: timeout, Breaker: b},
			fallback.Member{Name: "file", Signer: ecKey()})
		wantSign(t, ec, 0)
		if st := ec.Stats()[0]; st.State != fallback.Open || st.Skipped != 1 {
			t.Errorf("%+v", st)
		}
		hsm.set(works)
		time.Sleep(time.Second)
		synctest.Wait()
		wantSign(t, ec, 0)
		wantStats(t, ec, fallback.MemberStats{Name: "hsm", Operations: 1, Skipped: 1, Opened: 1}, fallback.MemberStats{Name: "file", Operations: 1})
	})
}

// Close ends a probe that hangs, at once. If another chain shares the breaker, that chain makes the
// next probe.
func TestCloseEndsProbe(t *testing.T) {
	for _, shared := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			hsm := newPlace(t)
			m := hsm.member(t, "hsm", time.Hour)
			m.Breaker = new(fallback.Breaker)
			file := fallback.Member{Name: "file", Signer: ecKey()}
			s := newChain(t, m, file)
			hsm.set(dead)
			for range 3 {
				sign(s)
			}
			hsm.set(hangs)
			time.Sleep(time.Second)
			synctest.Wait()
			r := hsm.hung[0]
			if r.Abandoned() {
				t.Error("the probe has ended before Close")
			}
			var other fallback.Signer
			if shared {
				other = newChain(t, m, file)
			}
			s.Close()
			synctest.Wait()
			if !r.Abandoned() {
				t.Error("the probe has not ended with Close")
			}
			if err := sign(s); err != engine.ErrClosed {
				t.Error(err)
			}
			if err := sign(s.WithContext(t.Context())); err != engine.ErrClosed {
				t.Error(err)
			}
			if st := s.Stats()[0]; st.State != fallback.Open {
				t.Errorf("%+v", st)
			}
			hsm.set(works)
			time.Sleep(time.Second)
			synctest.Wait()
			if shared {
				if st := other.Stats()[0]; st.State != fallback.Closed {
					t.Errorf("%+v", st)
				}
			} else if n := hsm.count(); n != 4 {
				t.Error("the place was asked", n, "times")
			}
			if s.Close() != nil {
				t.Error("closed again")
			}
		})
	}
}

// Close lets operations under way go on to the next member, and starts no probe for them.
func TestCloseDuringOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hsm := newPlace(t)
		s := newChain(t, hsm.member(t, "hsm", timeout), fallback.Member{Name: "file", Signer: ecKey()})
		hsm.set(hangs)
		for range 5 {
			go wantSign(t, s, timeout)
		}
		synctest.Wait()
		s.Close()
		time.Sleep(time.Minute)
		if n := hsm.count(); n != 5 {
			t.Error("the place was asked", n, "times")
		}
	})
}

// A chain that is dropped without Close, while its breaker is open, is garbage, and its probes end.
func TestGarbage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hsm := newPlace(t)
		m := hsm.member(t, "hsm", timeout)
		m.Breaker = new(fallback.Breaker)
		hsm.set(dead)
		var dropped atomic.Bool
		func() {
			s, err := fallback.New(fallback.Options{}, m, fallback.Member{Name: "file", Signer: garbage{ecKey(), new([16]byte)}})
			if err != nil {
				t.Fatal(err)
			}
			runtime.AddCleanup(s.Unwrap()[1].(garbage).it, func(int) { dropped.Store(true) }, 0)
			for range 3 {
				s.Sign(rand.Reader, digest[:], crypto.SHA256)
			}
		}()
		time.Sleep(2*time.Second + 1)
		synctest.Wait()
		if n := hsm.count(); n != 5 {
			t.Error("the place was asked", n, "times")
		}
		for !dropped.Load() { // if something holds the chain, until go test's own timeout
			runtime.GC()
			runtime.Gosched()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := hsm.count(); n != 5 {
			t.Error("the place was asked", n, "times")
		}
		runtime.KeepAlive(m.Breaker)
	})
}

// garbage is a key that shows when it is garbage.
type garbage struct {
	crypto.Signer
	it *[16]byte
}

// A job may take its result long after the member has given it. It then says nothing about the
// member of today.
func TestLateResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hsm := newPlace(t)
		s := newChain(t, hsm.member(t, "hsm", timeout), fallback.Member{Name: "file", Signer: ecKey()})
		pool, err := async.NewPool(0, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		start := func() (resume func()) {
			w := new(async.WaitCtx)
			w.SetCallback(func(any) {}, nil)
			job, outcome, err := pool.Start(w, func(j async.Job) error {
				return sign(s.WithContext(async.NewContext(t.Context(), j)))
			})
			if outcome != async.Paused {
				t.Fatal(outcome, err)
			}
			return func() {
				if outcome, err := job.Resume(); outcome != async.Finished || err != nil {
					t.Error(outcome, err)
				}
				w.Close()
			}
		}
		good := start()
		synctest.Wait() // it is signed
		hsm.set(dead)
		bad := []func(){start(), start(), start()}
		synctest.Wait()
		for range 3 {
			sign(s)
		}
		good()
		if st := s.Stats()[0]; st.State != fallback.Open {
			t.Errorf("a signature of before has closed the breaker: %+v", st)
		}
		hsm.set(works)
		time.Sleep(time.Second)
		synctest.Wait()
		for _, resume := range bad {
			resume()
		}
		if st := s.Stats()[0]; st.State != fallback.Closed || st.Failures != 6 {
			t.Errorf("failures of before have opened the breaker: %+v", st)
		}
	})
}

// Keys that cannot be probed are tried by the callers' operations, one at a time.
func TestTriedByCallers(t *testing.T) {
	errMechanism := errors.New("this mechanism is not allowed")
	var log bytes.Buffer
	options := fallback.Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	for name, open := range map[string]func(*testing.T, *place) (use func() error, stats func() []fallback.MemberStats){
		"refused": func(t *testing.T, p *place) (func() error, func() []fallback.MemberStats) {
			s, err := fallback.New(options, p.member(t, "hsm", timeout), fallback.Member{Name: "file", Signer: ecKey()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return func() error { return sign(s) }, s.Stats
		},
		"unknown": func(t *testing.T, p *place) (func() error, func() []fallback.MemberStats) {
			key := unknownKey{ecKey()}
			s := newChain(t, fallback.Member{Name: "hsm", Signer: p.signer(t, key), Timeout: timeout}, fallback.Member{Name: "file", Signer: key})
			return func() error { _, err := s.Sign(rand.Reader, digest[:], crypto.SHA256); return err }, s.Stats
		},
		"decrypter": func(t *testing.T, p *place) (func() error, func() []fallback.MemberStats) {
			key, err := p.Decrypter(decryptOnly{rsaKey()})
			if err != nil {
				t.Fatal(err)
			}
			d, err := fallback.NewDecrypter(fallback.Options{}, fallback.Member{Name: "hsm", Decrypter: key, Timeout: timeout},
				fallback.Member{Name: "file", Decrypter: decryptOnly{rsaKey()}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { d.Close() })
			return func() error { wantDecrypts(t, d); return nil }, d.Stats
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hsm := newPlace(t)
				use, stats := open(t, hsm)
				hsm.set(dead)
				for range 4 {
					if err := use(); err != nil {
						t.Error(err)
					}
				}
				if name == "refused" {
					hsm.err = errMechanism
					hsm.set(refuses)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if name == "refused" && !strings.Contains(log.String(), errMechanism.Error()) {
					t.Errorf("nothing says why callers take the probe's place:\n%s", &log)
				}
				hsm.set(hangs)
				before := hsm.count()
				// One operation of these waits for the place; it fails, and the breaker is open
				// again.
				for range 3 {
					go func() {
						if err := use(); err != nil {
							t.Error(err)
						}
					}()
				}
				synctest.Wait()
				if st := stats()[0]; st.State != fallback.HalfOpen || hsm.count() != before+1 || st.Skipped != 3 {
					t.Errorf("%+v, asked %d times", st, hsm.count()-before)
				}
				time.Sleep(timeout)
				synctest.Wait()
				if st := stats()[0]; st.State != fallback.Open || st.Timeouts != 1 || st.Opened != 1 {
					t.Errorf("%+v", st)
				}
				if name == "refused" {
					hsm.set(refuses)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				hsm.set(works)
				if st := stats()[0]; st.State != fallback.HalfOpen {
					t.Errorf("%+v", st)
				}
				if err := use(); err != nil {
					t.Error(err)
				}
				if st := stats()[0]; st.State != fallback.Closed || st.Operations != 5 {
					t.Errorf("%+v", st)
				}
			})
		})
	}
}

// unknownKey is a key of an algorithm that this module does not verify.
type unknownKey struct{ crypto.Signer }
type unknownPublic struct{}

func (unknownKey) Public() crypto.PublicKey { return unknownPublic{} }
func (unknownPublic) Equal(k crypto.PublicKey) bool {
	_, ok := k.(unknownPublic)
	return ok
}

// An operation in the place of a probe that ends without a verdict leaves its place to the next: by
// its caller's context, an error of its caller's making, or a panic.
func TestTrialWithoutVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hsm := newPlace(t)
		var panics atomic.Bool
		key := panickingKey{hsm.signer(t, unknownKey{ecKey()}), &panics}
		s := newChain(t, fallback.Member{Name: "hsm", Signer: key, Timeout: timeout}, fallback.Member{Name: "file", Signer: unknownKey{ecKey()}})
		hsm.set(dead)
		for range 3 {
			s.Sign(rand.Reader, digest[:], crypto.SHA256)
		}
		time.Sleep(time.Second)
		synctest.Wait()

		hsm.set(hangs)
		ctx, cancel := context.WithTimeout(t.Context(), timeout/2)
		defer cancel()
		if _, err := s.WithContext(ctx).Sign(rand.Reader, digest[:], crypto.SHA256); err != context.DeadlineExceeded {
			t.Error(err)
		}
		hsm.err = errors.New("a bad digest")
		hsm.set(refuses)
		if _, err := s.Sign(rand.Reader, digest[:], crypto.SHA256); err != hsm.err {
			t.Error(err)
		}
		panics.Store(true)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			s.Sign(rand.Reader, digest[:], crypto.SHA256)
		}()
		panics.Store(false)
		if st := s.Stats()[0]; st.State != fallback.HalfOpen {
			t.Errorf("%+v", st)
		}
		hsm.set(works)
		if _, err := s.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
			t.Error(err)
		}
		wantStats(t, s, fallback.MemberStats{Name: "hsm", Operations: 7, Failures: 3, Opened: 1}, fallback.MemberStats{Name: "file", Operations: 3})
	})
}

// When a breaker closes while an operation in the place of a probe is under way, that operation's
// end concerns nobody: the next time another one takes the place.
func TestTrialOfBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hsm := newPlace(t)
		m := fallback.Member{Name: "hsm", Signer: hsm.signer(t, unknownKey{ecKey()}), Timeout: time.Hour, Breaker: new(fallback.Breaker)}
		s := newChain(t, m, fallback.Member{Name: "file", Signer: unknownKey{ecKey()}})
		alone := newChain(t, m) // its only member is its last one, which is always asked
		use := func(s crypto.Signer) {
			if _, err := s.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
				t.Error(err)
			}
		}
		wantState := func(want fallback.State) {
			t.Helper()
			synctest.Wait()
			if st := s.Stats()[0]; st.State != want {
				t.Errorf("%+v, not %v", st, want)
			}
		}
		open := func() {
			hsm.set(dead)
			for range 3 {
				use(s)
			}
			time.Sleep(time.Second)
			wantState(fallback.HalfOpen)
		}
		open()
		hsm.set(hangs)
		go use(s)
		synctest.Wait()
		go use(alone)
		synctest.Wait()
		hsm.hung[1].Run()
		wantState(fallback.Closed)
		open()
		hsm.set(works)
		use(s)
		wantState(fallback.Closed)
	})
}

// panickingKey is a key that panics on the caller's goroutine.
type panickingKey struct {
	engine.Signer
	panics *atomic.Bool
}

func (k panickingKey) WithContext(ctx context.Context) crypto.Signer {
	if k.panics.Load() {
		panic("the key is broken")
	}
	return k.Signer.WithContext(ctx)
}

// A probe that panics, or ends its goroutine, has failed.
func TestProbePanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hsm := newPlace(t)
		var panics atomic.Bool
		key := panickingKey{hsm.signer(t, ecKey()), &panics}
		exit := exitingKey{hsm.signer(t, ecKey()), &panics}
		for _, key := range []crypto.Signer{key, exit} {
			s := newChain(t, fallback.Member{Name: "hsm", Signer: key, Timeout: timeout}, fallback.Member{Name: "file", Signer: ecKey()})
			hsm.set(dead)
			for range 3 {
				sign(s)
			}
			hsm.set(works)
			panics.Store(true)
			time.Sleep(3*time.Second + 1)
			synctest.Wait()
			if st := s.Stats()[0]; st.State != fallback.Open {
				t.Errorf("%+v", st)
			}
			panics.Store(false)
			time.Sleep(time.Second)
			synctest.Wait()
			if st := s.Stats()[0]; st.State != fallback.Closed {
				t.Errorf("%+v", st)
			}
		}
	})
}

// exitingKey is a key that ends the caller's goroutine.
type exitingKey struct {
	engine.Signer
	exits *atomic.Bool
}

func (k exitingKey) WithContext(ctx context.Context) crypto.Signer {
	if k.exits.Load() {
		runtime.Goexit()
	}
	return k.Signer.WithContext(ctx)
}

// Ciphertexts of clients neither open a breaker nor keep it from opening.
func TestCiphertextsSayNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hsm := newPlace(t)
		s := newChain(t, fallback.Member{Name: "hsm", Signer: hsm.signer(t, rsaKey()), Timeout: timeout}, fallback.Member{Name: "file", Signer: rsaKey()})
		d := s.(crypto.Decrypter)
		for range 10 {
			if _, err := d.Decrypt(nil, make([]byte, 256), oaep); err != rsa.ErrDecryption {
				t.Error(err)
			}
		}
		if st := s.Stats()[0]; st.State != fallback.Closed || st.Operations != 10 {
			t.Errorf("%+v", st)
		}
		for range 3 {
			hsm.set(dead)
			s.Sign(rand.Reader, digest[:], crypto.SHA256)
			hsm.set(works)
			d.Decrypt(nil, make([]byte, 256), oaep)
		}
		if st := s.Stats()[0]; st.State != fallback.Open {
			t.Errorf("%+v", st)
		}
	})
}

// A key that cannot be interrupted may hold its probe for as long as it likes: there is one.
func TestProbeThatCannotBeInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := &blockingKey{Signer: ecKey(), gate: make(chan struct{})}
		s := newChain(t, fallback.Member{Name: "first", Signer: deadKey{ecKey()}}, fallback.Member{Name: "last", Signer: key})
		key.dead.Store(true)
		for range 3 {
			sign(s)
		}
		key.dead.Store(false)
		key.blocks.Store(true)
		time.Sleep(time.Second)
		synctest.Wait() // the probe hangs
		key.blocks.Store(false)
		wantSign(t, s, 0) // the last member is asked, and its answer closes the breaker
		key.dead.Store(true)
		for range 3 {
			sign(s)
		}
		key.blocks.Store(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := key.held.Load(); n != 1 {
			t.Error(n, "probes at once")
		}
		key.dead.Store(false)
		key.blocks.Store(false)
		close(key.gate)
		synctest.Wait() // the probe of before the breaker opened says nothing about now
		if st := s.Stats()[1]; st.State != fallback.Open {
			t.Errorf("%+v", st)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if st := s.Stats()[1]; st.State != fallback.Closed || st.Opened != 2 {
			t.Errorf("%+v", st)
		}
	})
}

type deadKey struct{ crypto.Signer }

func (deadKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errUnplugged
}

// blockingKey blocks its callers, or is dead.
type blockingKey struct {
	crypto.Signer
	dead, blocks atomic.Bool
	held         atomic.Int32
	gate         chan struct{}
}

func (k *blockingKey) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if k.blocks.Load() {
		k.held.Add(1)
		<-k.gate
	}
	if k.dead.Load() {
		return nil, errUnplugged
	}
	return k.Signer.Sign(r, digest, opts)
}

func TestStateString(t *testing.T) {
	for s, want := range map[fallback.State]string{fallback.Closed: "closed", fallback.Open: "open", fallback.HalfOpen: "half-open", 7: "State(7)"} {
		if s.String() != want {
			t.Error(s.String())
		}
	}
}
