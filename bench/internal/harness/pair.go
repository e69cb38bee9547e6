package harness

import "context"

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
