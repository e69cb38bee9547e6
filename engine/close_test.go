package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine"
)

func TestClosedEngine(t *testing.T) {
	m, pool, s := newManual(t, 8), newPool(t), newSession(t)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if err := m.Do(t.Context(), &nop{}); err != engine.ErrClosed {
		t.Error("from a goroutine:", err)
	}
	s.listen()
	s.start(pool, m.Engine, &nop{})
	s.want(t, async.Finished, engine.ErrClosed)
	if s.Status() != async.StatusErr {
		t.Error("status", s.Status())
	}
	s.SetCallback(nil, nil)
	s.start(pool, m.Engine, &nop{})
	s.want(t, async.Finished, engine.ErrClosed)
	if fds := s.AllFDs(nil); len(fds) != 0 {
		t.Error("an fd was made for an engine that will never signal it")
	}
	if err := m.Close(); err != nil {
		t.Error("closed twice:", err)
	}
}

// Closing drains: operations that were accepted, in line or in flight, are done, and every waiter
// is woken.
func TestCloseDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ops := 0
		e := newSlow(t, engine.Config{Workers: 2, Depth: 3}, time.Second)
		pool := newPool(t)
		var all []*session
		for range 9 {
			s := newSession(t)
			s.listen()
			s.start(pool, e, engine.Func(func() error { ops++; return nil }))
			all = append(all, s)
		}
		if st := e.Stats(); st.Waiting != 6 {
			t.Errorf("%+v", st)
		}
		began := time.Now()
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(began); d != 9*time.Second { // newSlow does one after the other
			t.Error("Close took", d)
		}
		for _, s := range all {
			<-s.wakes
			s.resume()
			s.want(t, async.Finished, nil)
		}
		if ops != 9 {
			t.Error(ops, "operations were done")
		}
		checkSum(t, e.Stats())
	})
}

// newSlow returns an engine in whose handler one operation at a time takes d.
func newSlow(t *testing.T, c engine.Config, d time.Duration) *engine.Engine {
	t.Helper()
	turn := make(chan struct{}, 1)
	c.Name = "slow"
	c.Handler = func(batch []*engine.Request) {
		for _, r := range batch {
			turn <- struct{}{}
			time.Sleep(d)
			r.Run()
			<-turn
		}
	}
	e, err := engine.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// When the deadline of Shutdown passes, every waiter gets an error, and the operations that hang
// are counted.
func TestShutdownDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		e, err := engine.New(engine.Config{Name: "hung", Workers: 2, Depth: 4, Handler: func(batch []*engine.Request) {
			<-release
			for _, r := range batch {
				r.Run()
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		pool := newPool(t)
		var all []*session
		for range 8 {
			s := newSession(t)
			s.listen()
			s.start(pool, e, &nop{})
			all = append(all, s)
		}
		blocked := make(chan error)
		go func() { blocked <- e.Do(context.Background(), &nop{}) }()
		synctest.Wait()

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = e.Shutdown(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "still running: 2") {
			t.Error(err)
		}
		for _, s := range all {
			<-s.wakes
			s.resume()
			if s.out != async.Finished || !errors.Is(s.err, engine.ErrClosed) {
				t.Error(s.out, s.err)
			}
		}
		if err := <-blocked; !errors.Is(err, engine.ErrClosed) {
			t.Error(err)
		}
		if st := e.Stats(); st.InFlight != 2 || st.Failed != 7 || st.Queued+st.Waiting != 0 {
			t.Errorf("%+v", st)
		}
		close(release)
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		st := e.Stats()
		if st.InFlight != 0 || st.Failed != 9 {
			t.Errorf("%+v", st)
		}
		checkSum(t, st)
	})
}

// Close returns an error in one of the engine's own operations, where it would wait for itself.
func TestCloseFromInside(t *testing.T) {
	m, pool, s := newManual(t, 8), newPool(t), newSession(t)
	e, err := engine.New(engine.Config{Name: "inner", Handler: func(batch []*engine.Request) {
		for _, r := range batch {
			r.Run()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	fromOp := make(chan error, 1)
	if err := e.Do(t.Context(), engine.Func(func() error { fromOp <- e.Close(); return nil })); err != nil {
		t.Error(err)
	}
	if err := <-fromOp; err == nil {
		t.Error("an operation closed its own engine")
	}
	fromCallback := make(chan error, 1)
	s.SetCallback(func(any) { fromCallback <- e.Close() }, nil)
	gate := make(chan struct{})
	s.start(pool, e, engine.Func(func() error { <-gate; return nil }))
	close(gate)
	if err := <-fromCallback; err == nil {
		t.Error("a callback closed the engine that called it")
	}
	s.resume()
	s.want(t, async.Finished, nil)
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	m.Close()
}

// An operation that submits another one to its own engine gets it done, even if it holds the only
// worker.
func TestOperationInsideOperation(t *testing.T) {
	e, err := engine.New(engine.Config{Name: "nested", Workers: 1, Depth: 1, Handler: func(batch []*engine.Request) {
		for _, r := range batch {
			r.Run()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	err = e.Do(t.Context(), engine.Func(func() error {
		return e.Do(t.Context(), engine.Func(func() error { return errOp }))
	}))
	if err != errOp {
		t.Error(err)
	}
}

func TestBadConfig(t *testing.T) {
	h := func([]*engine.Request) {}
	for _, c := range []engine.Config{
		{Name: "bad"}, {Name: "bad", Handler: h, Workers: -1}, {Name: "bad", Handler: h, Depth: -1}, {Name: "bad", Handler: h, MaxBatch: -1},
	} {
		if e, err := engine.New(c); err == nil || e != nil || !strings.Contains(err.Error(), `"bad"`) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
