package engine_test

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine"
)

// newCounting returns an engine whose operations share batches, and a function that returns how
// many operations its handler had, and how many ran directly, since it was called last. They do
// nothing, so in a bubble of synctest they take no time.
func newCounting(t *testing.T, kind int) (e *engine.Engine, counts func() (handled, direct int)) {
	t.Helper()
	var mu sync.Mutex
	var handled, direct int
	e = newDirect(t, engine.Config{
		Workers: 1, MaxBatch: 8,
		Kind: func(engine.Op) int { return kind }, Kinds: []string{"alone", "together"},
		Handler: func(batch []*engine.Request) {
			mu.Lock()
			handled += len(batch)
			mu.Unlock()
			for _, r := range batch {
				r.Complete(nil)
			}
		},
		Alone: func(engine.Op) error {
			mu.Lock()
			defer mu.Unlock()
			direct++
			return nil
		},
	})
	return e, func() (h, d int) {
		mu.Lock()
		defer mu.Unlock()
		h, d = handled, direct
		handled, direct = 0, 0
		return h, d
	}
}

func verify(t *testing.T, e *engine.Engine) {
	t.Helper()
	if err := e.Do(context.Background(), &engine.VerifyOp{}); err != nil {
		t.Error(err)
	}
}

// A goroutine that is alone runs each of its operations itself.
func TestDirectWhenAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where the clock stands still, so operations are dense
		e, counts := newCounting(t, 1)
		for range 100 {
			verify(t, e)
		}
		for range 100 {
			verify(t, e)
			time.Sleep(100 * time.Microsecond)
		}
		if h, d := counts(); h != 0 || d != 200 {
			t.Errorf("%d to the handler, %d directly", h, d)
		}
		if st := e.Stats(); st.Kinds[1] != (engine.KindStats{Name: "together", Operations: 200, Batches: 200}) {
			t.Errorf("%+v", st)
		}
	})
}

// Goroutines that take turns on one processor never meet in the engine. All the same they share
// batches, until all but one have gone.
func TestCrowdOnOneProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, func(t *testing.T) {
		e, counts := newCounting(t, 1)
		verify(t, e)
		if h, d := counts(); h != 0 || d != 1 {
			t.Fatalf("the first: %d to the handler, %d directly", h, d)
		}
		const rounds, callers, each = 10, 16, 50
		var all sync.WaitGroup
		for range rounds {
			for range callers {
				all.Go(func() {
					for range each {
						verify(t, e)
					}
				})
			}
			all.Wait()
			time.Sleep(250 * time.Microsecond) // until a caller may yield again
		}
		// Now and then the runtime resumes a caller that has yielded before it lets others run. In
		// this bubble no other yields in that round, because the clock stands still.
		if h, d := counts(); h+d != rounds*callers*each || d > h {
			t.Errorf("many: %d to the handler, %d directly", h, d)
		}
		if mean := e.Stats().MeanBatch(); mean < 2 {
			t.Errorf("mean batch %v", mean)
		}
		for range 20 {
			verify(t, e)
		}
		if h, d := counts(); h > 10 {
			t.Errorf("alone again: %d to the handler, %d directly", h, d)
		}
		for range 2 * callers {
			all.Go(func() { verify(t, e) })
		}
		all.Wait()
		counts()
		time.Sleep(time.Millisecond)
		verify(t, e)
		if h, d := counts(); h != 0 || d != 1 {
			t.Errorf("after a pause: %d to the handler, %d directly", h, d)
		}
	})
}

// Alone without Direct would never run.
func TestAloneNeedsDirect(t *testing.T) {
	c := engine.Config{
		Name: "lonely", Handler: func([]*engine.Request) {}, Alone: func(op engine.Op) error { return op.Run() },
	}
	if _, err := engine.New(c); err == nil || !strings.Contains(err.Error(), "set Direct") {
		t.Error(err)
	}
	c.Direct = true
	e, err := engine.New(c)
	if err != nil {
		t.Fatal(err)
	}
	e.Close()
}

// Whoever calls while an operation is in flight is not alone.
func TestNotAloneBesideAnother(t *testing.T) {
	entered, gate := make(chan struct{}, 9), make(chan struct{})
	e := newDirect(t, engine.Config{
		Workers: 2, MaxBatch: 8, Kind: func(engine.Op) int { return 1 }, Kinds: []string{"alone", "together"},
		Alone: func(op engine.Op) error { entered <- struct{}{}; <-gate; return nil },
	})
	var all sync.WaitGroup
	defer all.Wait()
	defer close(gate)
	all.Go(func() { verify(t, e) })
	<-entered
	done := make(chan struct{})
	ran := engine.Func(func() error { close(done); return nil })
	all.Go(func() { e.Do(context.Background(), ran) })
	<-done // in the handler: Alone does not call Run
}

// A loop runs a job's short operation itself if it shares no batch and none was there just before.
func TestDirectInJobs(t *testing.T) {
	key := ecdsaKey(t, elliptic.P256()) // in a bubble FIPS 140 has no entropy
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t)
		sign := func(e *engine.Engine) (direct bool) {
			s := newSession(t)
			s.listen()
			signer, err := e.Signer(key)
			if err != nil {
				t.Fatal(err)
			}
			s.job, s.out, s.err = pool.Start(&s.WaitCtx, func(j async.Job) error {
				_, err := signer.WithContext(jobContext(j)).Sign(nil, make([]byte, 32), crypto.SHA256)
				return err
			})
			direct = s.out == async.Finished
			for s.out == async.Paused {
				<-s.wakes
				s.resume()
			}
			s.want(t, async.Finished, nil)
			return direct
		}
		e, _ := newCounting(t, 0)
		for _, tt := range []struct {
			after  time.Duration
			direct bool
		}{{0, true}, {0, false}, {49 * time.Microsecond, false}, {50 * time.Microsecond, true}, {time.Second, true}} {
			time.Sleep(tt.after)
			if got := sign(e); got != tt.direct {
				t.Errorf("%v after the last: on the loop: %v", tt.after, got)
			}
		}
		e, _ = newCounting(t, 1)
		if sign(e) {
			t.Error("an operation that shares batches held the loop")
		}
	})
}

// An operation in flight, of a job or of a goroutine, sends a job's operation to the workers.
func TestJobBesideAnother(t *testing.T) {
	e := newDirect(t, engine.Config{Workers: 2})
	release := hold(t, e)
	pool, s := newPool(t), newSession(t)
	s.listen()
	s.start(pool, e, &engine.GenerateKeyOp{})
	s.want(t, async.Paused, nil)
	<-s.wakes
	s.resume()
	if s.out != async.Finished {
		t.Error(s.out)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

// A direct operation holds what was prepared for its key, as one in the handler does.
func TestDirectHoldsTheKey(t *testing.T) {
	wiped, closing, errAlone := 0, func() {}, error(nil)
	e := newDirect(t, engine.Config{
		Workers: 1,
		Prepare: func(crypto.PrivateKey) (any, func(), error) { return "prepared", func() { wiped++ }, nil },
		Alone: func(op engine.Op) error {
			closing()
			if wiped != 0 {
				t.Error("wiped under an operation")
			}
			if errAlone != nil {
				panic(errAlone)
			}
			return op.Run()
		},
	})
	for _, errAlone = range []error{nil, errOp} {
		s, err := e.Signer(ecdsaKey(t, elliptic.P256()))
		if err != nil {
			t.Fatal(err)
		}
		wiped, closing = 0, func() { s.Close() }
		if _, err := s.Sign(nil, make([]byte, 32), crypto.SHA256); !errors.Is(err, errAlone) {
			t.Error(err)
		}
		if wiped != 1 {
			t.Errorf("wiped %d times", wiped)
		}
		if _, err := s.Sign(nil, make([]byte, 32), crypto.SHA256); err != engine.ErrClosed {
			t.Error(err)
		}
	}
}

// The key may be closed between the signer's look at it and the engine's.
func TestDirectWithAClosedKey(t *testing.T) {
	closing := func() {}
	e := newDirect(t, engine.Config{
		Workers: 1,
		Prepare: func(crypto.PrivateKey) (any, func(), error) { return "prepared", func() {}, nil },
		Alone:   func(engine.Op) error { t.Error("ran"); return nil },
		Handler: func(batch []*engine.Request) { t.Error("ran"); batch[0].Run() },
		Kind:    func(engine.Op) int { closing(); return 0 },
		Kinds:   []string{"alone"},
	})
	s, err := e.Signer(ecdsaKey(t, elliptic.P256()))
	if err != nil {
		t.Fatal(err)
	}
	closing = func() { s.Close() }
	if _, err := s.Sign(nil, make([]byte, 32), crypto.SHA256); err != engine.ErrClosed {
		t.Error(err)
	}
	checkSum(t, e.Stats())
}
