//go:build cgo && unix

package cgotest

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"asynccrypto/async"
	"asynccrypto/engine/workers"
)

// The runtime ends the process when it finds a switch in the wrong thread-lock state. So every
// case runs in a process of its own, once with the check, which must see what the runtime sees,
// and once without.

const (
	childEnv = "CGOTEST_CHILD" // the name of a case, of those below
	checkEnv = "ASYNCCRYPTO_CHECK=threads"
	fatal    = "coro: OS thread locking must match"
)

func TestMain(m *testing.M) {
	name := os.Getenv(childEnv)
	if name == "" {
		os.Exit(m.Run())
	}
	if err := cases[name].run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("done")
	os.Exit(0)
}

// A state runs f in a thread-lock state.
type state func(f func())

var states = map[string]state{
	"plain":    plain,
	"locked":   locked,
	"callback": Callback,
	"thread":   OnThread,
}

func plain(f func()) { f() }

func locked(f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f()
}

// elsewhere runs f on a new goroutine.
func elsewhere(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// deep runs f at the end of a long stack.
func deep(f func()) {
	var down func(n int)
	down = func(n int) {
		if n == 0 {
			f()
			return
		}
		down(n - 1)
		runtime.KeepAlive(n)
	}
	down(300)
}

// A use is a call that switches to a job. The job is paused, and the pool was used by nothing
// else.
type use func(pool *async.Pool, w *async.WaitCtx, job async.Job) error

var uses = map[string]use{
	"Resume": func(_ *async.Pool, _ *async.WaitCtx, job async.Job) error {
		_, err := job.Resume()
		return err
	},
	"Cancel":        func(_ *async.Pool, _ *async.WaitCtx, job async.Job) error { return job.Cancel() },
	"WaitCtx.Close": func(_ *async.Pool, w *async.WaitCtx, _ async.Job) error { return w.Close() },
	"Pool.Close":    func(pool *async.Pool, _ *async.WaitCtx, _ async.Job) error { return pool.Close() },
	"Start": func(pool *async.Pool, _ *async.WaitCtx, _ async.Job) error {
		_, out, err := pool.Start(nil, func(async.Job) error { return nil })
		if err == nil && out != async.Finished {
			err = fmt.Errorf("the second job: %v", out)
		}
		return err
	},
}

// across starts a job in one state and uses it or its pool in another. With the check a use that
// is refused must leave everything as it is. The job is then resumed where it was started.
func across(from, to state, use use) error {
	var errs []error
	from(func() {
		pool, err := async.NewPool(2, 2) // one is idle: Start takes it, and Close ends it
		if err != nil {
			errs = append(errs, err)
			return
		}
		var w async.WaitCtx
		job, out, err := pool.Start(&w, func(j async.Job) error { return j.Pause() })
		if out != async.Paused {
			errs = append(errs, fmt.Errorf("the job: %v, %v", out, err))
			return
		}
		to(func() { err = use(pool, &w, job) })
		if err != nil {
			errs = append(errs, err)
			if out, err := job.Resume(); out != async.Finished {
				errs = append(errs, fmt.Errorf("resumed after all: %v, %v", out, err))
			}
		}
		w.Close()
		if err := pool.Close(); err != nil {
			errs = append(errs, err)
		}
	})
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// inJob runs f as a job of a pool that is used in a state.
func inJob(s state, f func(pool *async.Pool, job async.Job) error) (err error) {
	s(func() {
		var pool *async.Pool
		if pool, err = async.NewPool(2, 0); err != nil {
			return
		}
		job, out, startErr := pool.Start(nil, func(j async.Job) error { return f(pool, j) })
		for err = startErr; out == async.Paused; {
			out, err = job.Resume()
		}
		if closeErr := pool.Close(); closeErr != nil {
			err = fmt.Errorf("Close: %w", closeErr)
		}
	})
	return err
}

// pauseIn pauses the job in a state.
func pauseIn(s state) func(*async.Pool, async.Job) error {
	return func(_ *async.Pool, job async.Job) (err error) {
		s(func() {
			if job.InJob() == (os.Getenv("ASYNCCRYPTO_CHECK") != "") {
				err = fmt.Errorf("InJob is %v", job.InJob())
				return
			}
			err = job.Pause()
		})
		return err
	}
}

// blocked does the same with pausing blocked, which is how it is done right.
func blocked(s state) func(*async.Pool, async.Job) error {
	return func(_ *async.Pool, job async.Job) (err error) {
		job.BlockPause()
		defer job.UnblockPause()
		s(func() {
			if job.InJob() {
				err = errors.New("InJob is true")
				return
			}
			err = job.Pause()
		})
		return err
	}
}

// startIn starts a job on the same pool, or another one, in a state that the job itself is in.
func startIn(s state, other bool) func(*async.Pool, async.Job) error {
	return func(pool *async.Pool, _ async.Job) (err error) {
		start := func(pool *async.Pool) error {
			job, out, err := pool.Start(nil, func(j async.Job) error { return j.Pause() })
			if out == async.Paused {
				_, err = job.Resume()
			}
			return err
		}
		if !other {
			if err := start(pool); err != nil { // makes the coroutine
				return err
			}
		}
		s(func() {
			if !other {
				err = start(pool)
				return
			}
			var own *async.Pool
			if own, err = async.NewPool(1, 0); err == nil {
				err = errors.Join(start(own), own.Close())
			}
		})
		return err
	}
}

// returnLocked returns from the job in a lock.
func returnLocked(_ *async.Pool, _ async.Job) error {
	runtime.LockOSThread()
	runtime.LockOSThread()
	return nil
}

func exitLocked(_ *async.Pool, _ async.Job) error {
	runtime.LockOSThread()
	runtime.Goexit()
	return nil
}

// signInCallback uses a signer that is bound to the job in a function that C calls.
func signInCallback(_ *async.Pool, job async.Job) (err error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	e, err := workers.New(workers.Options{})
	if err != nil {
		return err
	}
	defer e.Close()
	signer, err := e.Signer(struct{ crypto.Signer }{key}) // of a kind that the engine does not sign with directly
	if err != nil {
		return err
	}
	bound := signer.WithContext(async.NewContext(context.Background(), job))
	var signature []byte
	Callback(func() { signature, err = bound.Sign(rand.Reader, []byte("message"), crypto.Hash(0)) })
	if err == nil && !ed25519.Verify(key.Public().(ed25519.PublicKey), []byte("message"), signature) {
		err = errors.New("the signature is wrong")
	}
	return err
}

// A threadCase is one misuse, or a use that only looks like one.
type threadCase struct {
	run   func() error
	fatal bool  // without the check the runtime ends the process
	want  error // the error with the check; errUnseen if the check cannot see the misuse
}

var errUnseen = errors.New("unseen")

var cases = makeCases()

func makeCases() map[string]threadCase {
	all := map[string]threadCase{
		"sign in a callback in a job":               {func() error { return inJob(plain, signInCallback) }, true, nil},
		"sign in a callback in a job in a callback": {func() error { return inJob(Callback, signInCallback) }, true, nil},
		"return locked":                             {func() error { return inJob(plain, returnLocked) }, true, async.ErrThreadLocked},
		"exit locked":                               {func() error { return inJob(plain, exitLocked) }, true, async.ErrGoexit},
	}
	all["callback, Resume deeper in a long stack"] = threadCase{
		func() error { return across(Callback, deep, uses["Resume"]) }, false, nil}
	// refused is the error of a wrong use.
	refused := func(wrong bool) error {
		if wrong {
			return async.ErrThreadLocked
		}
		return nil
	}
	for fromName, from := range states {
		// Another goroutine, while the first is still in its state.
		for toName, to := range states {
			wrong := fromName != "plain" || toName != "plain"
			for useName, use := range uses {
				if useName != "Resume" && (fromName == "thread" || toName == "thread") {
					continue // the same as callbacks, for the runtime; one use shows it
				}
				all[fmt.Sprintf("%s, %s elsewhere in %s", fromName, useName, toName)] = threadCase{
					func() error { return across(from, func(f func()) { elsewhere(func() { to(f) }) }, use) }, wrong, refused(wrong)}
			}
		}
		// The same goroutine, deeper.
		for toName, to := range map[string]state{"plain": plain, "locked": locked, "callback": Callback} {
			wrong := toName != "plain"
			unseen := fromName != "plain" && toName == "locked" // how often it is locked
			deeper := func() error { return across(from, to, uses["Resume"]) }
			name := fmt.Sprintf("%s, Resume deeper in %s", fromName, toName)
			if unseen {
				all[name] = threadCase{deeper, wrong, errUnseen}
				continue
			}
			all[name] = threadCase{deeper, wrong, refused(wrong)}
			all[fmt.Sprintf("%s, start deeper in %s", fromName, toName)] = threadCase{
				func() error { return inJob(from, startIn(to, false)) }, wrong, refused(wrong)}
			all[fmt.Sprintf("%s, start deeper in %s on another pool", fromName, toName)] = threadCase{
				func() error { return inJob(from, startIn(to, true)) }, false, nil}
			if wrong {
				all[fmt.Sprintf("%s, pause deeper in %s", fromName, toName)] = threadCase{
					func() error { return inJob(from, pauseIn(to)) }, true, async.ErrThreadLocked}
				all[fmt.Sprintf("%s, blocked pause deeper in %s", fromName, toName)] = threadCase{
					func() error { return inJob(from, blocked(to)) }, false, nil}
			}
		}
	}
	return all
}

// TestThreadLocks runs all cases.
func TestThreadLocks(t *testing.T) {
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := child(t, name)
			if got := strings.Contains(out, fatal); got != c.fatal || (err == nil) == c.fatal {
				t.Errorf("without the check: ended by the runtime: %v, want %v\n%v %s", got, c.fatal, err, firstLines(out))
			}
			if c.want == errUnseen {
				return
			}
			out, err = child(t, name, checkEnv)
			want := "done"
			if c.want != nil {
				want = c.want.Error()
			}
			if got := strings.TrimSpace(out); got != want {
				t.Errorf("with the check: %v, %s\nwant %s", err, firstLines(out), want)
			}
		})
	}
}

func firstLines(out string) string { return out[:min(len(out), 600)] }

// child runs a case in a process of its own.
func child(t *testing.T, name string, env ...string) (string, error) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(append(os.Environ(), childEnv+"="+name, "GORACE=atexit_sleep_ms=0"), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestCThreads runs a C program with eight threads, each of which makes, uses and closes pools in
// calls of a Go library.
func TestCThreads(t *testing.T) {
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	if _, err := exec.LookPath(cc); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	library, program := filepath.Join(dir, "libshared.so"), filepath.Join(dir, "threads")
	run(t, nil, "go", "build", "-buildmode=c-shared", "-o", library, "./shared")
	if err := os.Rename(filepath.Join(dir, "libshared.h"), filepath.Join(dir, "shared.h")); err != nil {
		t.Fatal(err)
	}
	run(t, nil, cc, "-I", dir, "-o", program, "testdata/threads.c", library, "-Wl,-rpath,"+dir, "-lpthread")
	for _, env := range []string{"ASYNCCRYPTO_CHECK=", checkEnv} {
		if out := run(t, []string{env}, program); out != "0 failures\n" {
			t.Errorf("%s: %s", env, out)
		}
	}
}

func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}
