package hsmtest

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

// ErrSkipped is wrapped by the error of [Run] when a program or a module is not installed.
var ErrSkipped = errors.New("not installed")

// Run calls f on a new goroutine, with a T for a program that is no test. It returns after f has
// returned, or has failed or skipped through its T, and after the functions that f has given to
// Cleanup. If f did not return, the error is the reason.
func Run(f func(T)) error {
	r := &runner{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer r.end()
		f(r)
	}()
	<-done
	return r.err
}

type runner struct {
	err      error
	cleanups []func()
}

// end calls the cleanups, the last one first. It calls all of them, even if one fails or adds
// another.
func (r *runner) end() {
	last := len(r.cleanups) - 1
	if last < 0 {
		return
	}
	f := r.cleanups[last]
	r.cleanups = r.cleanups[:last]
	defer r.end()
	f()
}

func (r *runner) Helper() {}

func (r *runner) TempDir() string { return socketDir(r) }

func (r *runner) Setenv(key, value string) {
	old, set := os.LookupEnv(key)
	if err := os.Setenv(key, value); err != nil {
		r.Fatalf("%v", err)
	}
	r.Cleanup(func() {
		os.Unsetenv(key)
		if set {
			os.Setenv(key, old)
		}
	})
}

func (r *runner) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

func (r *runner) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func (r *runner) Fatalf(format string, args ...any) {
	r.err = errors.Join(r.err, fmt.Errorf(format, args...))
	runtime.Goexit()
}

func (r *runner) Skipf(format string, args ...any) {
	r.err = fmt.Errorf("%w: %s", ErrSkipped, fmt.Sprintf(format, args...))
	runtime.Goexit()
}
