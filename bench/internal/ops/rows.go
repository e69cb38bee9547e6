package ops

import (
	"context"
	"fmt"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/engine/multibuffer"
	"asynccrypto/internal/measure"
)

// Goroutines is how many goroutines keep the engine busy: enough to fill every batch.
const Goroutines = 64

// Rows makes the rows of operations for a run on one core.
type Rows struct {
	Run  *harness.Run
	Keys int // that take turns
	// Reason says why the kernels cannot be used here; it is empty where they can. There are no
	// goals then, but that nothing is slower than without the engine.
	Reason string

	all   []*Row
	wraps []*wrapRow
}

// NewRows returns an empty list of rows.
func NewRows(run *harness.Run, keys int) *Rows {
	_, reason := multibuffer.Supported()
	return &Rows{Run: run, Keys: keys, Reason: reason}
}

// Goal returns a goal where the kernels can be used, and none elsewhere.
func (r *Rows) Goal(g harness.Goal) harness.Goal {
	if r.Reason != "" {
		return harness.Goal{}
	}
	return g
}

// task returns a task on one core.
func (r *Rows) task(algorithm, operation, way string, jobs int) Side {
	return Side{Task: Task{Algorithm: algorithm, Operation: operation, Way: way, Keys: r.Keys, Jobs: jobs, Time: r.Run.Slice}, Cores: 1}
}

// keysFor returns how many keys an operation takes turns with. With any key, one is all of them:
// see verifyAny.
func (r *Rows) keysFor(operation string) int {
	if operation == VerifyAny {
		return 1
	}
	return r.Keys
}

// Full adds an operation by many goroutines at once.
func (r *Rows) Full(t *harness.Table, algorithm, operation string, atLeast float64) {
	ours, base := r.task(algorithm, operation, WayGoroutines, Goroutines), r.task(algorithm, operation, WayDirect, 0)
	ours.Keys, base.Keys = r.keysFor(operation), r.keysFor(operation)
	row := NewRow(r.Run, t, algorithm+" "+operation, ours, base, "multibuffer", "crypto/*", r.Goal(harness.Goal{AtLeast: atLeast}))
	if r.Reason == "" {
		row.WithBatch()
	}
	r.all = append(r.all, row)
}

// Alone adds an operation by one goroutine, through the engine.
func (r *Rows) Alone(t *harness.Table, algorithm, operation string) {
	ours, base := r.task(algorithm, operation, WayPlain, 0), r.task(algorithm, operation, WayDirect, 0)
	ours.Keys, base.Keys = 1, 1
	r.all = append(r.all, NewRow(r.Run, t, algorithm+" "+operation+", goroutine", ours, base, "multibuffer", "a direct call",
		harness.Goal{AtLeast: 1}))
}

// Wrap adds the wrapping of a key beside the key's operation by the standard library. A goal for
// the time is in microseconds.
func (r *Rows) Wrap(t *harness.Table, algorithm, operation string, times, atMost float64) {
	w := &wrapRow{ours: r.task(algorithm, operation, WayWrap, 0), base: r.task(algorithm, operation, WayDirect, 0), report: t.Row(algorithm)}
	w.operation = w.report.Value("the operation by crypto/*", harness.Microseconds)
	w.wrapping = w.report.Value("wrapping", harness.Microseconds)
	w.wrapping.Goal = r.Goal(harness.Goal{AtMost: atMost})
	w.report.TimesLess("times as fast", w.wrapping, w.operation, r.Goal(harness.Goal{AtLeast: times}))
	r.wraps = append(r.wraps, w)
}

// wrapRow is a row about the wrapping of a key.
type wrapRow struct {
	ours, base          Side
	report              *harness.Row
	operation, wrapping *harness.Value
}

// Measure measures all rows in a round.
func (r *Rows) Measure(ctx context.Context, round int, s *Session) error {
	if err := s.Measure(ctx, round, r.all); err != nil {
		return err
	}
	for _, w := range r.wraps {
		s.Show(round, "wrapping: "+w.report.Name)
		noteBase := func(o Outcome) { w.operation.Note(o.Microseconds()) }
		noteOurs := func(o Outcome) { w.wrapping.Note(o.Microseconds()) }
		if err := s.Pair(ctx, round, w.base, w.ours, noteBase, noteOurs, w.report); err != nil {
			return err
		}
	}
	return nil
}

// Conclude adds what was verified to the notes.
func (s *Session) Conclude() {
	s.Result.Notes = append(s.Result.Notes, fmt.Sprintf("verified, off the clock: all %s results of ours and of the standard library; none was wrong",
		measure.Number(float64(s.Verified))))
}
