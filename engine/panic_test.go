package engine_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"asynccrypto/async"
	"asynccrypto/engine"
)

// A panic is the error of the operation in which it happens, and of no other; the engine goes on.
func TestPanics(t *testing.T) {
	boom := errors.New("boom")
	for name, fail := range map[string]func(){
		"panic": func() { panic(boom) },
		"exit":  runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			inHandler := false
			e, err := engine.New(engine.Config{Name: "panicky", Workers: 1, MaxBatch: 4, Handler: func(batch []*engine.Request) {
				if inHandler {
					fail()
				}
				for _, r := range batch {
					r.Run()
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				wantPanic(t, name, e.Do(t.Context(), engine.Func(func() error { fail(); return nil })))
				if err := e.Do(t.Context(), &nop{}); err != nil {
					t.Error("the engine did not go on:", err)
				}
			}
			inHandler = true
			wantPanic(t, name, e.Do(t.Context(), &nop{}))
			inHandler = false
			if err := e.Do(t.Context(), &nop{}); err != nil {
				t.Error("the engine did not go on:", err)
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
			if st := e.Stats(); st.Failed != 4 || st.Completed != 4 {
				t.Errorf("%+v", st)
			}
		})
	}
}

func wantPanic(t *testing.T, how string, err error) {
	t.Helper()
	p, ok := err.(*engine.PanicError)
	if !ok {
		t.Fatalf("got %v, want a PanicError", err)
	}
	if how == "panic" && (err.Error() != "engine: panic in an operation: boom" || p.Unwrap() == nil) {
		t.Error(err)
	}
	if how == "exit" && !strings.Contains(err.Error(), "Goexit") {
		t.Error(err)
	}
	if !strings.Contains(string(p.Stack), "panic_test.go") {
		t.Errorf("the stack doesn't show where:\n%s", p.Stack)
	}
}

// The neighbours in a batch are untouched by one that panics.
func TestPanicInABatch(t *testing.T) {
	gate, entered := make(chan struct{}), make(chan struct{}, 10)
	e, err := engine.New(engine.Config{Name: "batch", Workers: 1, MaxBatch: 4, Handler: func(batch []*engine.Request) {
		entered <- struct{}{}
		<-gate
		for _, r := range batch {
			r.Run()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	pool := newPool(t)
	var all []*session
	for i := range 5 { // the first alone, then four at once
		s := newSession(t)
		s.listen()
		s.start(pool, e, engine.Func(func() error {
			if i == 2 {
				panic(i)
			}
			return nil
		}))
		all = append(all, s)
		if i == 0 {
			<-entered
		}
	}
	close(gate)
	for i, s := range all {
		<-s.wakes
		s.resume()
		if _, panicked := s.err.(*engine.PanicError); panicked != (i == 2) {
			t.Errorf("operation %d: %v", i, s.err)
		}
	}
	if b := e.Stats().BatchSizes; b[0] != 1 || b[3] != 1 || e.Stats().MeanBatch() != 2.5 {
		t.Error("batch sizes", b)
	}
}

// A callback that panics is the operation's error, and no worker's end.
func TestPanicInACallback(t *testing.T) {
	m, pool, s := newManual(t, 8), newPool(t), newSession(t)
	s.start(pool, m.Engine, &nop{}) // without a callback, so that there is an fd as well
	s.SetCallback(func(any) { panic("in the callback") }, nil)
	(<-m.taken).Complete(nil)
	if !readable(t, s.AllFDs(nil)[0]) {
		t.Error("nothing says that the job can be resumed")
	}
	s.resume()
	if p, ok := s.err.(*engine.PanicError); s.out != async.Finished || !ok || p.Value != "in the callback" {
		t.Fatal(s.out, s.err)
	}
	s.SetCallback(nil, nil)
	s.start(pool, m.Engine, &nop{})
	(<-m.taken).Complete(nil)
	s.resume()
	s.want(t, async.Finished, nil)
}

func TestOnlyTheFirstCompleteCounts(t *testing.T) {
	m, pool, s := newManual(t, 8), newPool(t), newSession(t)
	s.listen()
	s.start(pool, m.Engine, &nop{})
	r := <-m.taken
	r.Complete(errOp)
	r.Complete(nil)
	r.Run()
	s.resume()
	s.want(t, async.Finished, errOp)
	if len(s.wakes) != 1 {
		t.Error(len(s.wakes), "wakes")
	}
	if st := m.Stats(); st.Failed != 1 || st.Completed != 0 {
		t.Errorf("%+v", st)
	}
}

func TestDirectPanics(t *testing.T) {
	e := newDirect(t, engine.Config{Workers: 1})
	boom := errors.New("boom")
	for range 3 {
		err := e.Do(context.Background(), engine.Func(func() error { panic(boom) }))
		if p, ok := err.(*engine.PanicError); !ok || p.Unwrap() != boom {
			t.Error(err)
		}
		// An operation that exits takes its caller with it, as it would without the engine, but
		// no worker's turn.
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			e.Do(context.Background(), engine.Func(func() error { runtime.Goexit(); return nil }))
			t.Error("Do returned")
		}()
		<-gone
		if err := e.Do(context.Background(), &nop{}); err != nil {
			t.Error(err)
		}
	}
	if st := e.Stats(); st.Failed != 6 || st.Completed != 3 || st.InFlight != 0 {
		t.Errorf("%+v", st)
	}
}
