package ops

import (
	"context"
	"os"

	"asynccrypto/bench/internal/harness"
	lanersa "asynccrypto/internal/ifma/rsa"
)

// Session is a measurement under way: the processes of a round, and the figures of all rounds that
// belong to none of the rows.
type Session struct {
	*harness.Run
	Keys     KeySet
	CPU      int    // that the processes on one core are pinned to
	Verified uint64 // results
	Dir      string // of this round's copies of programs

	one, two *harness.Child            // on one core, and on two; two is nil where there is only one
	sets     map[string]*harness.Child // on one core, for each set of kernels that a row has asked for in the round
	program  string                    // this round's copy of this program
}

// NewSession chooses a CPU, and returns a session whose processes get the keys.
func NewSession(run *harness.Run, keys KeySet) *Session {
	s := &Session{Run: run, Keys: keys}
	var err error
	s.CPU, err = harness.ChoosePin()
	run.PinnedTo(s.CPU, err)
	return s
}

// Round starts new processes of a new copy of this program, calls measure, and ends them: see
// [harness.CopyOfThis].
func (s *Session) Round(round int, measure func() error) (err error) {
	s.Show(round, "starting")
	if s.Dir, err = os.MkdirTemp("", "bench"); err != nil {
		return err
	}
	defer os.RemoveAll(s.Dir)
	if s.program, err = harness.CopyOfThis(s.Dir); err != nil {
		return err
	}
	s.sets = make(map[string]*harness.Child)
	defer func() {
		for _, child := range s.sets {
			child.Close()
		}
	}()
	if s.one, err = startWorker(s.program, s.CPU, 1, s.Keys); err != nil {
		return err
	}
	defer s.one.Close()
	if s.Result.Machine.Cores > 1 {
		if s.two, err = startWorker(s.program, harness.NoPin, 2, s.Keys); err != nil {
			return err
		}
		defer s.two.Close()
	}
	return measure()
}

// Do measures one side. It is measured again while other programs have a part of the cores; if that
// lasts it counts in the rows.
func (s *Session) Do(ctx context.Context, side Side, rows ...*harness.Row) (Outcome, error) {
	child, err := s.child(side)
	if err != nil {
		return Outcome{}, err
	}
	o, err := harness.Quietly(s.Run, func() (Outcome, float64, error) {
		o, err := do(child, side.Task)
		return o, o.Share, err
	}, rows...)
	if ctx.Err() != nil { // the child was interrupted too
		return o, ctx.Err()
	}
	s.Verified += o.Verified
	return o, err
}

// child returns the process for a side.
func (s *Session) child(side Side) (*harness.Child, error) {
	switch {
	case side.Set != "":
		if s.sets[side.Set] == nil {
			child, err := startWorker(s.program, s.CPU, 1, s.Keys, lanersa.KernelsVar+"="+side.Set)
			if err != nil {
				return nil, err
			}
			s.sets[side.Set] = child
		}
		return s.sets[side.Set], nil
	case side.Cores == 2:
		return s.two, nil
	}
	return s.one, nil
}

// Pair measures two sides, in an order that changes from round to round.
func (s *Session) Pair(ctx context.Context, round int, base, ours Side, noteBase, noteOurs func(Outcome), rows ...*harness.Row) error {
	slice := func(side Side, note func(Outcome)) func() error {
		return func() error {
			o, err := s.Do(ctx, side, rows...)
			if err == nil {
				note(o)
			}
			return err
		}
	}
	return harness.Alternate(round, slice(base, noteBase), slice(ours, noteOurs))
}
