package asynctls_test

import (
	"testing"

	"asynccrypto/engine"
)

// newGate returns an engine whose operations each wait for an error out of gate: nil lets it
// run, any other is its result.
func newGate(t testing.TB) (e *engine.Engine, gate chan error) {
	t.Helper()
	gate = make(chan error)
	closed := make(chan struct{})
	e, err := engine.New(engine.Config{Name: "gate", Workers: 1, Depth: 1000, Handler: func(batch []*engine.Request) {
		r := batch[0]
		go func() { // which is slow to be asked, not to answer
			select {
			case err := <-gate:
				if err == nil {
					r.Run()
				} else {
					r.Complete(err)
				}
			case <-closed:
				r.Complete(engine.ErrClosed)
			}
		}()
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(closed); e.Close() })
	return e, gate
}
