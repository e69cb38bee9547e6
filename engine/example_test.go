package engine_test

import (
	"context"
	"fmt"

	"asynccrypto/engine"
)

// square is an operation: it carries its input and its output.
type square struct{ in, out int }

func (s *square) Run() error { s.out = s.in * s.in; return nil }

// squareBatch is the whole of an engine: it is good at squares, and takes whatever else it is given.
func squareBatch(batch []*engine.Request) {
	for _, r := range batch {
		switch op := r.Op().(type) {
		case *square:
			op.out = op.in * op.in // eight at a time, on hardware that can
			r.Complete(nil)
		default:
			r.Run()
		}
	}
}

func Example_ownEngine() {
	eng, err := engine.New(engine.Config{Name: "square", MaxBatch: 8, Handler: squareBatch})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer eng.Close()

	op := &square{in: 7}
	err = eng.Do(context.Background(), op)
	fmt.Println(op.out, err)
	// Output: 49 <nil>
}
