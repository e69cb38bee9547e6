package engine_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"asynccrypto/engine"
)

// awaitClosed returns when e accepts no more operations.
func awaitClosed(e *engine.Engine) {
	for err := error(nil); err != engine.ErrClosed; {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		err = e.Do(ctx, &nop{})
		cancel()
	}
}

// Close waits for a direct operation, and for those that wait for its turn to end.
func TestCloseWaitsForDirect(t *testing.T) {
	e := newDirect(t, engine.Config{Workers: 2, Depth: 2})
	release := []func() error{hold(t, e), hold(t, e)}
	ended := make(chan error, 3)
	for i := range 3 {
		go func() { ended <- e.Do(context.Background(), &nop{}) }()
		for e.Stats().Waiting != i+1 {
			runtime.Gosched()
		}
	}
	closed := make(chan error, 1)
	go func() { closed <- e.Close() }()
	awaitClosed(e)
	select {
	case err := <-closed:
		t.Fatal("closed with operations under way:", err)
	default:
	}
	for _, r := range release {
		if err := r(); err != nil {
			t.Error(err)
		}
	}
	for range 3 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// Close also waits if the handler has passed its requests on: the workers stay for those in line.
func TestCloseWaitsForTheLine(t *testing.T) {
	m := newManual(t, 1)
	ended := make(chan error, 3)
	for i := range 3 {
		go func() { ended <- m.Do(context.Background(), &nop{}) }()
		for m.Stats().Submitted != uint64(i+1) {
			runtime.Gosched()
		}
	}
	r := <-m.taken
	closed := make(chan error, 1)
	go func() { closed <- m.Close() }()
	awaitClosed(m.Engine)
	for i := range 3 {
		r.Complete(nil)
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if i < 2 {
			r = <-m.taken
		}
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// A shutdown whose time is up counts a direct operation that goes on. Its caller is still inside
// it, and gets its result.
func TestShutdownDuringDirect(t *testing.T) {
	e := newDirect(t, engine.Config{Workers: 1})
	release := hold(t, e)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := e.Shutdown(ctx)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "still running: 1") {
		t.Error(err)
	}
	if st := e.Stats(); st.InFlight != 1 {
		t.Errorf("%+v", st)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
	if st := e.Stats(); st.Completed != 1 || st.InFlight != 0 {
		t.Errorf("%+v", st)
	}
	if err := e.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

func TestCloseFromInsideDirect(t *testing.T) {
	e := newDirect(t, engine.Config{Workers: 1})
	err := e.Do(context.Background(), engine.Func(func() error {
		if e.Close() == nil {
			t.Error("an operation closed its own engine")
		}
		return errOp
	}))
	if err != errOp {
		t.Error(err)
	}
}
