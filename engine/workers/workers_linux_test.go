package workers_test

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"asynccrypto/engine"
	"asynccrypto/engine/workers"

	"golang.org/x/sys/unix"
)

// niceness returns the niceness of the calling thread.
func niceness(t *testing.T) int {
	n, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		t.Error(err)
	}
	return 20 - n
}

// Operations run at the lower priority, all else as before, also after the engine and its threads
// are gone.
func TestNice(t *testing.T) {
	before := niceness(t)
	e, err := workers.New(workers.Options{Workers: 3, Nice: 5})
	if err != nil {
		t.Fatal(err)
	}
	var calls sync.WaitGroup
	for range 20 {
		calls.Go(func() {
			err := e.Do(context.Background(), engine.Func(func() error {
				if n := niceness(t); n != min(before+5, 19) {
					t.Errorf("an operation runs at niceness %d, with %d before", n, before)
				}
				return nil
			}))
			if err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	for range 50 { // on whatever threads there are
		calls.Go(func() {
			if n := niceness(t); n != before {
				t.Errorf("a thread was left at niceness %d, was %d", n, before)
			}
			runtime.Gosched()
		})
	}
	calls.Wait()
}
