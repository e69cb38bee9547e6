package gid

import (
	"runtime"
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
