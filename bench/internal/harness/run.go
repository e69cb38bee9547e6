package harness

import (
	"context"
	"fmt"
	"os"
	"time"

	"asynccrypto/internal/measure"
)

// Run is a run of a subject under way.
type Run struct {
	Rounds   int
	Slice    time.Duration // of one side of a pair
	Quick    bool
	Progress *measure.Progress
	Result   *Result // to be filled in

	quietShare float64
}

// Dir makes a folder for the run's files. Call remove when done.
func (r *Run) Dir() (dir string, remove func(), err error) {
	dir, err = os.MkdirTemp("", "bench")
	return dir, func() { os.RemoveAll(dir) }, err
}

// Each calls measure in each round, until ctx ends.
func (r *Run) Each(ctx context.Context, measure func(round int) error) error {
	for round := range r.Rounds {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := measure(round); err != nil {
			return err
		}
	}
	return nil
}

// Show shows what is measured in a round.
func (r *Run) Show(round int, what string) {
	r.Progress.Show("round %d of %d: %s", round+1, r.Rounds, what)
}

// Alternate does both steps, one after the other. The order changes from round to round, so
// that neither always finds the machine as the other has left it.
func Alternate(round int, first, second func() error) error {
	if round%2 == 1 {
		first, second = second, first
	}
	if err := first(); err != nil {
		return err
	}
	return second()
}

// Milliseconds formats the length of a slice as the C and JavaScript programs read it.
func (r *Run) Milliseconds() string { return fmt.Sprint(float64(r.Slice) / float64(time.Millisecond)) }
