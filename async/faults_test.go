package async_test

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"asynccrypto/async"
)

// blowUp is a name that tests look for in stacks.
//
//go:noinline
func blowUp(v any) { panic(v) }

//go:noinline
func exit() { runtime.Goexit() }

// faults are the ways in which a function may end without returning.
var faults = []struct {
	name  string
	fault func()
	value any    // the PanicError's; nil if only its text is known
	text  string // part of its message
	is    error  // errors.Is finds it
	stack string // part of its stack
}{
	{"panic", func() { blowUp("boom") }, "boom", "async: panic in a job: boom", nil, "async_test.blowUp"},
	{"panic with an error", func() { blowUp(fmt.Errorf("x: %w", io.ErrUnexpectedEOF)) }, nil, "x: unexpected EOF",
		io.ErrUnexpectedEOF, "async_test.blowUp"},
	{"panic with one of ours", func() { blowUp(async.ErrStale) }, async.ErrStale, "", async.ErrStale, "async_test.blowUp"},
	{"runtime error", func() { _ = noNumbers[0] }, nil, "index out of range", nil, "async_test"},
	{"panic(nil)", func() { blowUp(nil) }, nil, "panic called with nil", nil, "async_test.blowUp"},
	{"panic in a deferred function", func() { defer blowUp("boom") }, "boom", "", nil, "async_test.blowUp"},
	{"panic while panicking", func() { defer blowUp("second"); panic("first") }, "second", "", nil, "async_test.blowUp"},
	{"Goexit", exit, async.ErrGoexit, async.ErrGoexit.Error(), async.ErrGoexit, "async_test.exit"},
	{"Goexit in a deferred function", func() { defer exit() }, async.ErrGoexit, "", async.ErrGoexit, "async_test.exit"},
	{"Goexit while panicking", func() { defer exit(); panic("boom") }, async.ErrGoexit, "", async.ErrGoexit, "async_test.exit"},
	// The runtime lets Goexit go on after the panic is recovered, and nothing can stop it.
	{"panic during Goexit", func() { defer blowUp("boom"); runtime.Goexit() }, "boom", "", nil, "async_test.blowUp"},
	{"panic recovered during Goexit", func() {
		defer func() {
			defer func() { recover() }()
			panic("boom")
		}()
		exit()
	}, async.ErrGoexit, "", async.ErrGoexit, "async_test.exit"},
}

var noNumbers []int

// A function that does not return is an error of the Start or Resume during which that happens,
// and of no other: the pool stays usable, the place is free, the goroutine ends with the pool.
func TestFaults(t *testing.T) {
	for _, f := range faults {
		check := func(t *testing.T, out async.Outcome, err error) {
			t.Helper()
			var p *async.PanicError
			if out != async.Failed || !errors.As(err, &p) {
				t.Fatalf("got %v, %v; want a PanicError", out, err)
			}
			if f.value != nil && p.Value != f.value {
				t.Errorf("value %v, want %v", p.Value, f.value)
			}
			if f.is != nil && !errors.Is(err, f.is) || f.is == nil && errors.Unwrap(err) == async.ErrGoexit {
				t.Errorf("%v: not the cause expected", err)
			}
			if !strings.Contains(err.Error(), f.text) || strings.Contains(err.Error(), "goroutine") {
				t.Errorf("message %q: want %q, without the stack", err, f.text)
			}
			if !strings.Contains(string(p.Stack), f.stack) {
				t.Errorf("the stack does not show %s:\n%s", f.stack, p.Stack)
			}
		}
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left behind
				pool, _ := async.NewPool(1, 0)
				var w async.WaitCtx
				ran := 0
				for range 3 {
					_, out, err := pool.Start(&w, func(async.Job) error { f.fault(); ran++; return nil })
					check(t, out, err)

					j := startPaused(t, pool, &w, func(j async.Job) error { j.Pause(); f.fault(); ran++; return nil })
					out, err = j.Resume()
					check(t, out, err)
					wantOver(t, j)

					// The pauses of a job that is on its way out are pauses like others.
					j = startPaused(t, pool, &w, func(j async.Job) error {
						defer j.Pause()
						j.Pause()
						f.fault()
						ran++
						return nil
					})
					out, err = j.Resume()
					want(t, out, err, async.Paused, nil)
					out, err = j.Resume()
					check(t, out, err)

					_, out, err = pool.Start(&w, func(async.Job) error { return io.EOF })
					want(t, out, err, async.Finished, io.EOF)
				}
				if ran != 0 {
					t.Error("the job went on")
				}
				if err := pool.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A fault in a job that was cancelled is the error of Cancel. That Pause unwound it is no fault.
func TestFaultsWhileCancelled(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pool, _ := async.NewPool(1, 0)
				for where, fn := range map[string]async.Func{
					"once told":       func(j async.Job) error { j.Pause(); f.fault(); return nil },
					"while unwinding": func(j async.Job) error { defer f.fault(); j.Pause(); j.Pause(); return nil },
				} {
					isGoexit := f.value == async.ErrGoexit
					// Through Cancel.
					j := startPaused(t, pool, nil, fn)
					var p *async.PanicError
					if err := j.Cancel(); errors.As(err, &p) == isGoexit || (err == nil) != isGoexit {
						t.Errorf("%s: Cancel: %v", where, err)
					}
					wantOver(t, j)
					// Through Start, of a job that cancels itself.
					_, out, err := pool.Start(nil, func(j async.Job) error { j.Cancel(); return fn(j) })
					if out != async.Failed || errors.As(err, &p) == isGoexit || (err == async.ErrCanceled) != isGoexit {
						t.Errorf("%s: Start: %v, %v", where, out, err)
					}
				}
				if err := pool.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A panic that the job recovers itself is its own affair.
func TestRecoveredPanic(t *testing.T) {
	pool := newPool(t, 1)
	j := startPaused(t, pool, nil, func(j async.Job) (err error) {
		defer func() { err = fmt.Errorf("recovered %v", recover()) }()
		defer j.Pause() // with the panic under way
		panic("boom")
	})
	out, err := j.Resume()
	if out != async.Finished || err == nil || err.Error() != "recovered boom" {
		t.Error(out, err)
	}
}

// A fault in a job does not reach the job that started it.
func TestNestedFault(t *testing.T) {
	pool := newPool(t, 2)
	for _, f := range faults {
		_, out, err := pool.Start(nil, func(j async.Job) error {
			inner := startPaused(t, pool, nil, func(j async.Job) error { j.Pause(); f.fault(); return nil })
			if out, err := inner.Resume(); out != async.Failed || err == nil {
				t.Error(f.name, out, err)
			}
			return io.EOF
		})
		want(t, out, err, async.Finished, io.EOF)
	}
}
