package workers_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"asynccrypto/engine"
	"asynccrypto/engine/workers"
)

// No more operations run at once than there are workers, and that many do.
func TestWorkersBoundWhatRuns(t *testing.T) {
	const bound = 3
	e, err := workers.New(workers.Options{Workers: bound})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var running, most atomic.Int32
	full := make(chan struct{})
	var calls sync.WaitGroup
	for range 10 {
		calls.Go(func() {
			e.Do(context.Background(), engine.Func(func() error {
				n := running.Add(1)
				defer running.Add(-1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				if n == bound {
					select {
					case <-full:
					default:
						close(full)
					}
				}
				<-full
				return nil
			}))
		})
	}
	calls.Wait()
	if most.Load() != bound {
		t.Errorf("%d operations ran at once, want %d", most.Load(), bound)
	}
}

func TestOptions(t *testing.T) {
	if _, err := workers.New(workers.Options{Workers: -1}); err == nil {
		t.Error("took a negative number of workers")
	}
	if runtime.GOOS != "linux" {
		if _, err := workers.New(workers.Options{Nice: 5}); err == nil {
			t.Error("took a niceness where threads have none")
		}
	}
}
