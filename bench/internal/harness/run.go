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

// Side measures one side of a pair once. It returns the figure, and the share of its CPU that
// the process had.
type Side func(ctx context.Context) (figure, share float64, err error)

// Pair is a row that compares two sides, of which less is better.
type Pair struct {
	row        *Row
	base, ours *Value
	sides      [2]Side
}

// Columns are the heads of a pair's columns beside the one of ours.
type Columns struct {
	Base  string // of the other side
	Unit  Unit   // of both sides
	Times string // of the comparison, such as "times as fast"
}

// NewPair adds a row to a table. Base is nil where the other side is missing: then ours is
// measured alone.
func NewPair(t *Table, name string, c Columns, goal Goal, base, ours Side) *Pair {
	p := &Pair{row: t.Row(name), sides: [2]Side{base, ours}}
	p.base, p.ours = p.row.Value(c.Base, c.Unit), p.row.Value("ours", c.Unit)
	p.row.TimesLess(c.Times, p.ours, p.base, goal)
	return p
}

// Row returns the pair's row.
func (p *Pair) Row() *Row { return p.row }

// Pairs measures each pair in each round.
func (r *Run) Pairs(ctx context.Context, pairs []*Pair) error {
	return r.Each(ctx, func(round int) error {
		for _, p := range pairs {
			if p.row.Skipped != "" {
				continue
			}
			r.Show(round, p.row.Name)
			side := func(measure Side, v *Value) func() error {
				return func() error {
					if measure == nil {
						return nil
					}
					figure, err := Quietly(r, func() (float64, float64, error) { return measure(ctx) }, p.row)
					v.Note(figure)
					return err
				}
			}
			if err := Alternate(round, side(p.sides[0], p.base), side(p.sides[1], p.ours)); err != nil {
				return err
			}
		}
		return nil
	})
}
