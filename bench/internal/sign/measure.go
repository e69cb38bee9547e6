package sign

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"asynccrypto/bench/internal/harness"
)

// options are the subject's flags.
type options struct {
	keys     int // how many are many
	openssl  string
	node     string // a command to measure beside; empty unless asked for
	cryptoMB string // where a library to measure beside is; empty unless asked for
	plot     string
}

// session is a measurement under way.
type session struct {
	*harness.Run
	plan     *plan
	keySet   keySet
	openssl  *harness.OpenSSL // nil when it is missing
	others   []*other
	cpu      int
	verified uint64

	// Of this round:
	dir      string
	one, two *harness.Child // on one core, and on two; two is nil where there is only one
}

// measure makes the keys, starts the processes and measures all there is, round by round.
// Figures that are compared are measured a moment apart, and the order of the two changes from
// round to round.
func (o options) measure(ctx context.Context, run *harness.Run) (*plan, error) {
	s := &session{Run: run, plan: newPlan(run, o.keys)}
	var err error
	if s.openssl, err = harness.FindOpenSSL(ctx, o.openssl); err == nil {
		s.plan.withOpenSSL(s.openssl)
	} else if harness.IsMissing(err) {
		run.Result.Missing = append(run.Result.Missing, "openssl, "+err.Error())
	} else {
		return nil, err
	}
	dir, remove, err := run.Dir()
	if err != nil {
		return nil, err
	}
	defer remove()
	if s.others, err = findOthers(ctx, o, dir); err != nil {
		return nil, err
	}
	s.plan.withOthers(s.others)
	if s.keySet, err = makeKeys(ctx, rsaSizes, o.keys, run.Progress); err != nil {
		return nil, err
	}
	s.cpu, err = harness.ChoosePin()
	run.Result.Machine.PinnedTo(s.cpu, err)
	if err := run.Each(ctx, func(round int) error { return s.round(ctx, round) }); err != nil {
		return nil, err
	}
	s.plan.conclude(s.verified)
	return s.plan, nil
}

// round measures everything once, in new processes of a new copy of this program: see
// [harness.CopyOfThis].
func (s *session) round(ctx context.Context, round int) (err error) {
	s.Show(round, "starting")
	if s.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	program, err := harness.CopyOfThis(s.dir)
	if err != nil {
		return err
	}
	if err := s.copyOthers(); err != nil {
		return err
	}
	if s.one, err = startChild(program, s.cpu, 1, s.keySet); err != nil {
		return err
	}
	defer s.one.Close()
	if s.Result.Machine.Cores > 1 {
		if s.two, err = startChild(program, harness.NoPin, 2, s.keySet); err != nil {
			return err
		}
		defer s.two.Close()
	}
	if round == 0 {
		if err := s.keyMemory(); err != nil {
			return err
		}
	}
	for _, step := range s.plan.steps {
		for i, row := range step.rows {
			if row.report.Skipped != "" {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			s.Show(round, row.name)
			if err := s.row(ctx, round, step, i, row); err != nil {
				return err
			}
		}
	}
	return nil
}

// row measures both sides of a row; before them, or after, the others that sign with the same keys.
func (s *session) row(ctx context.Context, round int, step *step, i int, row *row) error {
	pair := func() error { return s.pair(ctx, round, row) }
	if i != step.openssl {
		return pair()
	}
	if s.openssl != nil {
		if err := s.speed(ctx, step); err != nil {
			return err
		}
	}
	return harness.Alternate(round, func() error { return s.measureOthers(ctx, step.algorithm) }, pair)
}

// speed runs openssl speed, for all rows of a step: it takes a second.
func (s *session) speed(ctx context.Context, step *step) error {
	var rows []*harness.Row
	for _, r := range step.rows {
		rows = append(rows, r.report)
	}
	found, err := harness.Quietly(s.Run, func() (harness.Speed, float64, error) {
		found, err := s.openssl.Speed(ctx, s.cpu, step.algorithm, nil, nil)
		return found, found.Share, err
	}, rows...)
	if err != nil {
		return err
	}
	for _, r := range step.rows {
		r.openssl.Note(float64(found.Done) / found.Time.Seconds())
	}
	return nil
}

// pair measures both sides of a row.
func (s *session) pair(ctx context.Context, round int, row *row) error {
	slice := func(side side, note func(outcome)) func() error {
		return func() error {
			child := s.one
			if side.cores == 2 {
				child = s.two
			}
			o, err := harness.Quietly(s.Run, func() (outcome, float64, error) {
				o, err := run(child, side.task)
				return o, o.Share, err
			}, row.reports()...)
			if ctx.Err() != nil { // the child was interrupted too
				return ctx.Err()
			} else if err != nil {
				return err
			}
			note(o)
			s.verified += o.Verified
			return nil
		}
	}
	if row.stops != nil {
		return harness.Alternate(round, slice(row.base, row.stops.noteBase), slice(row.ours, row.stops.noteOurs))
	}
	return harness.Alternate(round, slice(row.base, row.noteBase), slice(row.ours, row.noteOurs))
}

// run has a child do a task.
func run(child *harness.Child, t task) (o outcome, err error) {
	if err := child.Do(order{Task: &t}, &o); err != nil {
		return o, fmt.Errorf("%s %s, %s: %w", t.Algorithm, t.Operation, t.Way, err)
	}
	return o, nil
}

// keyMemory finds out how much memory a wrapped key takes.
func (s *session) keyMemory() error {
	for _, bits := range rsaSizes {
		name := fmt.Sprintf("rsa%d", bits)
		o, err := run(s.one, task{Algorithm: name, Operation: "sign", Way: wayWrap, Keys: s.plan.keys})
		if err != nil {
			return err
		}
		v := s.plan.memory.Row(name).Value("kept", harness.Kilobytes)
		v.Goal = harness.Goal{AtMost: keyGoal}
		v.Note(o.KeyBytes / 1024)
	}
	return nil
}

// findOthers looks for the libraries that the flags ask for. Programs that need compiling are
// put into dir.
func findOthers(ctx context.Context, o options, dir string) (others []*other, err error) {
	if o.node != "" {
		found, err := findNode(ctx, o.node, dir)
		if err != nil {
			return nil, fmt.Errorf("-node: %w", err)
		}
		others = append(others, found)
	}
	if o.cryptoMB != "" {
		found, err := findCryptoMB(ctx, o.cryptoMB, dir)
		if err != nil {
			return nil, fmt.Errorf("-crypto-mb: %w", err)
		}
		others = append(others, found)
	}
	return others, nil
}

// copyOthers makes this round's copies of programs.
func (s *session) copyOthers() error {
	for _, o := range s.others {
		if !o.copied {
			continue
		}
		if err := harness.CopyProgram(filepath.Join(s.dir, filepath.Base(o.command[0])), o.command[0]); err != nil {
			return err
		}
	}
	return nil
}

// measureOthers measures all others once for an algorithm, for all rows that compare with them.
func (s *session) measureOthers(ctx context.Context, algorithm string) error {
	slice := othersSlice{s.dir, s.cpu, s.Slice, s.keySet}
	for _, other := range s.others {
		var rows []*besideRow
		var reports []*harness.Row
		for _, r := range s.plan.signing {
			for _, b := range r.others {
				if r.ours.Algorithm == algorithm && b.other == other {
					rows, reports = append(rows, b), append(reports, b.report)
				}
			}
		}
		o, err := harness.Quietly(s.Run, func() (outcome, float64, error) {
			o, err := other.sign(ctx, slice, algorithm)
			return o, o.Share, err
		}, reports...)
		if err != nil {
			return err
		}
		for _, b := range rows {
			b.theirs.Note(1e6 / o.perSecond())
		}
	}
	return nil
}
