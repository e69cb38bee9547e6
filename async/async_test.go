package async_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"testing"
	"time"

	"asynccrypto/async"
)

// childEnv names the entry of children that this process runs instead of the tests.
const childEnv = "ASYNC_TEST_CHILD"

// children run in processes of their own: they may end the process, or measure what only a fresh
// one shows.
var children = map[string]func() error{
	"locked":      lockedChild,
	"locked drop": lockedDropChild,
	"bubble drop": bubbleDropChild,
	"checked":     checkedChild,
	"memory":      memoryChild,
}

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		if err := children[name](); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// runChild runs one of children, with more environment variables, and returns its output.
func runChild(tb testing.TB, name string, env ...string) string {
	tb.Helper()
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"="+name, "GORACE=atexit_sleep_ms=0") // else a second each
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		tb.Fatalf("child %q: %v\n%s", name, err, out)
	}
	return string(out)
}

// newPool makes the pool of a test or benchmark, and closes it at the end.
func newPool(tb testing.TB, max int) *async.Pool {
	tb.Helper()
	p, err := async.NewPool(max, 0)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.Close(); err != nil {
			tb.Error(err)
		}
	})
	return p
}

// startPaused starts a job that must pause.
func startPaused(tb testing.TB, p *async.Pool, w *async.WaitCtx, fn async.Func) async.Job {
	tb.Helper()
	j, out, err := p.Start(w, fn)
	if out != async.Paused || err != nil {
		tb.Fatalf("Start: %v, %v; want it to pause", out, err)
	}
	return j
}

// want checks the results of Start, without the handle, or of Resume. The error must be the same,
// or wrap it.
func want(tb testing.TB, out async.Outcome, err error, wantOut async.Outcome, wantErr error) {
	tb.Helper()
	if out != wantOut || (wantErr == nil) != (err == nil) || !errors.Is(err, wantErr) {
		tb.Fatalf("got %v, %v; want %v, %v", out, err, wantOut, wantErr)
	}
}

// pauseForever is a job that goes on until it is cancelled.
func pauseForever(j async.Job) error {
	for {
		if err := j.Pause(); err != nil {
			return err
		}
	}
}

// wantFDs compares lists; nil and empty are the same.
func wantFDs(tb testing.TB, what string, got []async.FD, want ...async.FD) {
	tb.Helper()
	if !slices.Equal(got, want) {
		tb.Errorf("%s: %v, want %v", what, got, want)
	}
}

// wantChanged checks both lists of ChangedFDs.
func wantChanged(tb testing.TB, w *async.WaitCtx, added, deleted []async.FD) {
	tb.Helper()
	a, d := w.ChangedFDs(nil, nil)
	wantFDs(tb, "added", a, added...)
	wantFDs(tb, "deleted", d, deleted...)
}

// fds is shorter than a slice literal.
func fds(list ...async.FD) []async.FD { return list }

// wantGoroutines waits until there are no more than n goroutines: ending takes a goroutine some
// time. If one is left behind, the timeout of go test ends the test, and prints all goroutines.
func wantGoroutines(n int) {
	for runtime.NumGoroutine() > n {
		time.Sleep(time.Millisecond)
	}
}
