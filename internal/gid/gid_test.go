package gid

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"sync"
	"testing"
	"testing/synctest"
)

var lockedInInit = func() bool { return Locked() }()

func TestGetTellsGoroutinesApart(t *testing.T) {
	for name, get := range map[string]func() uintptr{"fast": Get, "from the stack": fromStack} {
		mine := get()
		if mine == 0 || mine != get() {
			t.Fatalf("%s: one goroutine has two numbers, or none", name)
		}
		const n = 100
		var mu sync.Mutex
		seen := map[uintptr]bool{mine: true}
		var arrived, done sync.WaitGroup
		arrived.Add(n)
		for range n {
			done.Go(func() {
				g := get()
				mu.Lock()
				if seen[g] {
					t.Errorf("%s: %d goroutines alive share the number %#x", name, n, g)
				}
				seen[g] = true
				mu.Unlock()
				arrived.Done()
				arrived.Wait() // so that all are alive at once
			})
		}
		done.Wait()
	}
}

func TestGetSurvivesStackGrowth(t *testing.T) {
	mine := Get()
	var deep func(n int) uintptr
	deep = func(n int) uintptr {
		var pad [256]byte
		if n == 0 {
			return Get()
		}
		g := deep(n - 1)
		runtime.KeepAlive(&pad)
		return g
	}
	if got := deep(1000); got != mine {
		t.Fatalf("the number changed from %#x to %#x when the stack grew", mine, got)
	}
}

func TestLocked(t *testing.T) {
	if !lockedInInit {
		t.Error("initialization of a package runs locked to the main thread, but Locked said no")
	}
	if Locked() {
		t.Error("Locked before LockOSThread")
	}
	runtime.LockOSThread()
	if !Locked() {
		t.Error("not Locked after LockOSThread")
	}
	runtime.UnlockOSThread()
	if Locked() {
		t.Error("Locked after UnlockOSThread")
	}
}

func TestInBubble(t *testing.T) {
	if InBubble() {
		t.Error("in a bubble before there is one")
	}
	synctest.Test(t, func(t *testing.T) {
		if !InBubble() || Locked() {
			t.Error("not in the bubble, or locked")
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if !InBubble() || !Locked() {
			t.Error("not in the bubble, or not locked")
		}
	})
}

func TestHeaders(t *testing.T) {
	for header, want := range map[string]struct{ locked, bubble bool }{
		"goroutine 1 [running]:\nmain.main()\n":                                                 {},
		"goroutine 1 [running, locked to thread]:\nmain.main()\n":                               {locked: true},
		"goroutine 1 [running, synctest bubble 7]:\n":                                           {bubble: true},
		"goroutine 1 [running, locked to thread, synctest bubble 7]:\n":                         {true, true},
		"goroutine 1 gp=0xc000002380 m=0 mp=0x58a2c0 [running, locked to thread]:\n":            {locked: true},
		"goroutine 1 [running (scan), locked to thread] {a: \"]\"}:\n":                          {locked: true},
		"goroutine 1 [running] {a: \", locked to thread, synctest bubble 7]\"}:\n":              {},
		"goroutine 1 [running] {\"[a, locked to thread]\": \", synctest bubble 7]\"}:\n":        {},
		"goroutine 1 [running labels:{\"a\": \", locked to thread, synctest bubble 7\"}]:\n":    {},
		"goroutine 1 [running, synctest bubble 7 labels:{\"a\": \", locked to thread\"}]:\n":    {bubble: true},
		"goroutine 1 [running]:\nmain.f(...)\n\t/src/locked to thread/synctest bubble/f.go:1\n": {},
		"goroutine 1 [running, locked to":                                                       {}, // cut short
		"":                                                                                      {},
	} {
		if got := locked([]byte(header)); got != want.locked {
			t.Errorf("%q: locked %v", header, got)
		}
		if got := inBubble([]byte(header)); got != want.bubble {
			t.Errorf("%q: in a bubble %v", header, got)
		}
	}
}

// childEnv makes TestRealLabels do its work in this process instead of starting others.
const childEnv = "GID_TEST_CHILD"

// TestRealLabels reads headers as the runtime writes them when a goroutine has labels, and with
// the addresses that GOTRACEBACK=system adds.
func TestRealLabels(t *testing.T) {
	if os.Getenv(childEnv) == "" {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		for _, setting := range []string{"GODEBUG=tracebacklabels=1", "GODEBUG=tracebacklabels=0",
			"GOTRACEBACK=system", "GOTRACEBACK=none"} {
			cmd := exec.Command(exe, "-test.run=^TestRealLabels$")
			cmd.Env = append(os.Environ(), childEnv+"=1", setting)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", setting, err, out)
			}
		}
		return
	}
	all := pprof.Labels("state", "[running, locked to thread, synctest bubble 7]", ", locked to thread", "x")
	check := func(want bool) {
		t.Helper()
		if Locked() != want {
			t.Errorf("Locked is %v in %q", !want, header())
		}
	}
	pprof.Do(context.Background(), all, func(context.Context) {
		check(false)
		if InBubble() {
			t.Errorf("InBubble is true in %q", header())
		}
		runtime.LockOSThread()
		check(true)
		runtime.UnlockOSThread()
		check(false)
	})
	synctest.Test(t, func(t *testing.T) {
		pprof.Do(context.Background(), all, func(context.Context) {
			check(false)
			if !InBubble() {
				t.Errorf("InBubble is false in %q", header())
			}
		})
	})
}

func BenchmarkGet(b *testing.B) {
	for b.Loop() {
		Get()
	}
}

func BenchmarkLocked(b *testing.B) {
	for b.Loop() {
		Locked()
	}
}
