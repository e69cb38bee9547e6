package engine_test

import (
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"asynccrypto/engine"
)

// batchesTogether returns an engine whose handler waits for gate, and completes each batch together, with
// the errors that fail has for the operations.
func batchesTogether(t *testing.T, gate chan struct{}, fail map[engine.Op]error) *engine.Engine {
	t.Helper()
	e, err := engine.New(engine.Config{Name: "together", Workers: 1, MaxBatch: 8, Depth: 100, Handler: func(batch []*engine.Request) {
		<-gate
		errs := make([]error, len(batch))
		for i, r := range batch {
			errs[i] = fail[r.Op()]
		}
		batch[0].Complete(errs[0]) // the second time has no effect
		engine.CompleteTogether(batch, errs)
	}})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Every caller gets the error of its own operation, whether a goroutine or a job.
func TestCompleteTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		ops := make([]*nop, 7)
		fail := map[engine.Op]error{}
		for i := range ops {
			ops[i] = new(nop)
			if i%2 == 1 {
				fail[ops[i]] = errors.New("odd")
			}
		}
		e := batchesTogether(t, gate, fail)
		defer e.Close()
		got := make([]error, len(ops))
		var callers sync.WaitGroup
		for i, op := range ops {
			callers.Go(func() { got[i] = e.Do(t.Context(), op) })
			synctest.Wait()
		}
		gate <- struct{}{} // for the first alone
		synctest.Wait()
		close(gate)
		callers.Wait()
		for i, op := range ops {
			if got[i] != fail[op] {
				t.Errorf("operation %d: %v, not %v", i, got[i], fail[op])
			}
		}
		if sizes := e.Stats().BatchSizes; sizes[0] != 1 || sizes[5] != 1 {
			t.Errorf("batches %v", sizes)
		}
		checkSum(t, e.Stats())
	})
}

// A callback that exits the worker's goroutine keeps no other caller of the batch waiting.
func TestCompleteTogetherAndExit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		e := batchesTogether(t, gate, nil)
		defer e.Close()
		var callers sync.WaitGroup
		call := func() {
			callers.Go(func() {
				if err := e.Do(t.Context(), new(nop)); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		for range 3 { // the first is a batch by itself
			call()
		}
		s := newSession(t)
		woken := false
		s.SetCallback(func(any) { woken = true; runtime.Goexit() }, nil)
		s.start(newPool(t), e, new(nop))
		call()
		call()
		close(gate)
		callers.Wait()
		var exited *engine.PanicError
		if s.resume(); !woken || !errors.As(s.err, &exited) {
			t.Errorf("woken: %v, %v", woken, s.err)
		}
		if sizes := e.Stats().BatchSizes; sizes[4] != 1 {
			t.Errorf("batches %v", sizes)
		}
	})
}
