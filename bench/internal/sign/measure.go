package sign

import (
	"context"
	"fmt"
	"path/filepath"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/ops"
	"asynccrypto/internal/ifma"
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
	*ops.Session
	plan    *plan
	openssl *harness.OpenSSL // nil when it is missing
	others  []*other
}

// measure makes the keys, starts the processes and measures all there is, round by round.
// Figures that are compared are measured a moment apart, and the order of the two changes from
// round to round.
func (o options) measure(ctx context.Context, run *harness.Run) (*plan, error) {
	s := &session{plan: newPlan(run, o.keys)}
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
	for _, other := range s.others {
		if other.batches != nil {
			s.plan.batchRows(run, other.batches)
		}
	}
	keys, err := ops.MakeKeys(ctx, rsaSizes, max(o.keys, ifma.Lanes), run.Progress)
	if err != nil {
		return nil, err
	}
	s.Session = ops.NewSession(run, keys)
	if err := run.Each(ctx, func(round int) error {
		return s.Round(round, func() error { return s.round(ctx, round) })
	}); err != nil {
		return nil, err
	}
	s.plan.conclude()
	s.Conclude()
	return s.plan, nil
}

// round measures everything once.
func (s *session) round(ctx context.Context, round int) error {
	if err := s.copyOthers(); err != nil {
		return err
	}
	if round == 0 {
		if err := s.keyMemory(ctx); err != nil {
			return err
		}
	}
	for _, step := range s.plan.steps {
		for i, row := range step.rows {
			if row.Report.Skipped != "" {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			s.Show(round, row.Name)
			if err := s.row(ctx, round, step, i, row); err != nil {
				return err
			}
		}
	}
	if err := s.plan.curves.Measure(ctx, round, s.Session); err != nil || s.plan.batches == nil {
		return err
	}
	return s.plan.batches.Measure(ctx, round, s.Session)
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
		rows = append(rows, r.Report)
	}
	found, err := harness.Quietly(s.Run, func() (harness.Speed, float64, error) {
		found, err := s.openssl.Speed(ctx, s.CPU, step.algorithm, nil, nil)
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
func (s *session) pair(ctx context.Context, round int, r *row) error {
	if r.stops != nil {
		return s.Pair(ctx, round, r.Base, r.Ours, r.stops.noteBase, r.stops.noteOurs, r.reports()...)
	}
	return s.Pair(ctx, round, r.Base, r.Ours, r.NoteBase, r.noteOurs, r.reports()...)
}

// keyMemory finds out how much memory a wrapped key takes.
func (s *session) keyMemory(ctx context.Context) error {
	for _, bits := range rsaSizes {
		name := fmt.Sprintf("rsa%d", bits)
		o, err := s.Do(ctx, ops.Side{Task: ops.Task{Algorithm: name, Operation: "sign", Way: ops.WayKeep, Keys: s.plan.keys}, Cores: 1})
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
		if err := harness.CopyProgram(filepath.Join(s.Dir, filepath.Base(o.command[0])), o.command[0]); err != nil {
			return err
		}
	}
	return nil
}

// measureOthers measures all others once for an algorithm, for all rows that compare with them.
func (s *session) measureOthers(ctx context.Context, algorithm string) error {
	slice := othersSlice{s.Dir, s.CPU, s.Slice, s.Keys}
	for _, other := range s.others {
		var rows []*besideRow
		var reports []*harness.Row
		for _, r := range s.plan.signing {
			for _, b := range r.others {
				if r.Ours.Algorithm == algorithm && b.other == other {
					rows, reports = append(rows, b), append(reports, b.report)
				}
			}
		}
		o, err := harness.Quietly(s.Run, func() (ops.Outcome, float64, error) {
			o, err := other.sign(ctx, slice, algorithm)
			return o, o.Share, err
		}, reports...)
		if err != nil {
			return err
		}
		for _, b := range rows {
			b.theirs.Note(o.Microseconds())
		}
	}
	return nil
}
