package ops

import (
	"context"

	"asynccrypto/bench/internal/harness"
)

// Side is one side of a row: a task for a process with so many cores.
type Side struct {
	Task
	Cores int
	Set   string // of kernels for RSA-2048, on one core; empty for the one that is used here
}

// Row is something of ours and the base that it is compared with, in operations a second.
type Row struct {
	Name       string
	Ours, Base Side
	Report     *harness.Row
	OursRate   *harness.Value
	BaseRate   *harness.Value
	Batch      *harness.Value // nil where there is no such column
}

// NewRow adds a row to a table. It has a column for each side, and one for the comparison. A row
// that needs two cores is skipped where there is one.
func NewRow(run *harness.Run, t *harness.Table, name string, ours, base Side, oursName, baseName string, goal harness.Goal) *Row {
	r := &Row{Name: t.Title + ": " + name, Ours: ours, Base: base, Report: t.Row(name)}
	if max(ours.Cores, base.Cores) > run.Result.Machine.Cores {
		r.Report.Skipped = "there is only one core"
	}
	r.BaseRate = r.Report.Value(baseName, harness.PerSecond)
	r.OursRate = r.Report.Value(oursName, harness.PerSecond)
	r.Report.TimesMore("times as fast as "+baseName, r.OursRate, r.BaseRate, goal)
	return r
}

// WithBatch adds a column for the mean size of our batches.
func (r *Row) WithBatch() { r.Batch = r.Report.Value("batch", harness.Plain) }

// NoteOurs notes a slice of ours.
func (r *Row) NoteOurs(o Outcome) {
	r.OursRate.Note(o.PerSecond())
	if r.Batch != nil {
		r.Batch.Note(o.Batch)
	}
}

// NoteBase notes a slice of the base.
func (r *Row) NoteBase(o Outcome) { r.BaseRate.Note(o.PerSecond()) }

// Measure measures the rows one after the other, in a round.
func (s *Session) Measure(ctx context.Context, round int, rows []*Row) error {
	for _, r := range rows {
		if r.Report.Skipped != "" {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		s.Show(round, r.Name)
		if err := s.Pair(ctx, round, r.Base, r.Ours, r.NoteBase, r.NoteOurs, r.Report); err != nil {
			return err
		}
	}
	return nil
}
