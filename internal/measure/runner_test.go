package measure

import (
	"errors"
	"testing"

	"asynccrypto/async"
	"asynccrypto/engine"
)

// pairs is an engine that takes up to two operations at a time.
func pairs(t *testing.T) *engine.Engine {
	e, err := engine.New(engine.Config{Name: "pairs", MaxBatch: 2, Workers: 1, Handler: func(batch []*engine.Request) {
		for _, r := range batch {
			r.Run()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// The runner starts more jobs than there are slots, some of which pause more than once, end at
// once, fail or panic.
func TestRunner(t *testing.T) {
	e := pairs(t)
	r, err := NewRunner(3)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const all = 100
	next, ended, failed := 0, 0, 0
	var inFlight, most int
	r.Run(func(i int) async.Func {
		if next == all {
			return nil
		}
		n := next
		next++
		inFlight++
		most = max(most, inFlight)
		return func(j async.Job) error {
			for range n % 4 {
				if err := e.Do(async.NewContext(t.Context(), j), engine.Func(func() error { return nil })); err != nil {
					return err
				}
			}
			switch n % 10 {
			case 3:
				return errors.New("third")
			case 5:
				panic("fifth")
			}
			return nil
		}
	}, func(i int, err error) {
		inFlight--
		ended++
		if err != nil {
			failed++
		}
	})
	if ended != all || failed != 2*all/10 || inFlight != 0 || most != r.Jobs() {
		t.Errorf("%d ended, %d failed, %d in flight, at most %d", ended, failed, inFlight, most)
	}
}
