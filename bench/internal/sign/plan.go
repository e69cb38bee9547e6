package sign

import (
	"fmt"
	"slices"
	"strings"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/ops"
	"asynccrypto/engine/multibuffer"
	lanersa "asynccrypto/internal/ifma/rsa"
	"asynccrypto/internal/measure"
)

// plan is everything there is to measure, and where in the result each figure goes.
type plan struct {
	result  *harness.Result
	keys    int
	reason  string // why the kernels cannot be used here; empty where they can
	signing []*row // jobs through the engine beside crypto/rsa and openssl, as they are reported
	steps   []*step
	beside  *harness.Table // other libraries
	memory  *harness.Table // of a wrapped key
	stops   []*stopsRow
	curves  *ops.Rows   // elliptic curves, and the wrapping of keys
	batches *ops.Beside // full batches beside crypto_mb; nil without it
}

// step is a part of a round: rows that are measured one after the other, and openssl amid them.
type step struct {
	algorithm string
	rows      []*row
	openssl   int // the row before which openssl signs, for all of them; -1 for none
}

// row is a row of ours beside the standard library, and perhaps others.
type row struct {
	*ops.Row
	openssl *harness.Value // nil, as those below, where there is no such column
	others  []*besideRow
	stops   *stopsRow
}

var jobCounts = []int{1, 2, 4, 8, jobsFull}

// newPlan fills the run's result with tables, and says in which order they are measured.
func newPlan(run *harness.Run, keys int) *plan {
	_, reason := multibuffer.Supported()
	return planFor(run, keys, reason)
}

func planFor(run *harness.Run, keys int, reason string) *plan {
	p := &plan{result: run.Result, keys: keys, reason: reason}
	if reason != "" {
		p.result.Notes = append(p.result.Notes, "no gain here: "+reason+"; the engine leaves everything to the standard library")
	}
	p.signRows(run)
	p.curveRows(run)
	p.beside = p.result.Table("beside other libraries", fmt.Sprintf("time of a signature on one core, %d keys; their slices are %v", keys, othersTimes*run.Slice))
	p.aloneRows(run)
	p.coresRows(run)
	p.costRows(run)
	p.setRows(run)
	p.stopsRows(run)
	p.memory = p.result.Table("memory", "what the engine keeps for each wrapped key, beside the key itself")
	return p
}

// goal returns a goal where the kernels can be used, and none elsewhere.
func (p *plan) goal(atLeast float64) harness.Goal {
	if p.reason != "" {
		return harness.Goal{}
	}
	return harness.Goal{AtLeast: atLeast}
}

// side makes a side of a row.
func (p *plan) side(run *harness.Run, algorithm, operation, way string, keys, jobs, cores int) ops.Side {
	return ops.Side{Task: ops.Task{Algorithm: algorithm, Operation: operation, Way: way, Keys: keys, Jobs: jobs, Time: run.Slice}, Cores: cores}
}

// row adds a row to a table.
func (p *plan) row(run *harness.Run, t *harness.Table, name string, ours, base ops.Side, oursName, baseName string, goal harness.Goal) *row {
	return &row{Row: ops.NewRow(run, t, name, ours, base, oursName, baseName, goal)}
}

// alone makes rows that are measured by themselves.
func (p *plan) alone(r *row) {
	p.steps = append(p.steps, &step{rows: []*row{r}, openssl: -1})
}

// signRows has one key, from few jobs to many; then many keys, from many jobs to few. So the
// rows with most jobs are on either side of openssl.
func (p *plan) signRows(run *harness.Run) {
	t := p.result.Table("signatures on one core", "jobs through the engine multibuffer, beside crypto/rsa called directly and openssl speed, whose slices are a second")
	for _, bits := range rsaSizes {
		name := fmt.Sprintf("rsa%d", bits)
		s := &step{algorithm: name, openssl: len(jobCounts)}
		for _, keys := range []int{1, p.keys} {
			var rows []*row
			for _, jobs := range jobCounts {
				goal := harness.Goal{}
				switch {
				case jobs == 1 && p.reason != "":
					goal.AtLeast = 1
				case jobs == 1:
					goal = p.goal(goals[name].alone)
				case jobs == jobsFull:
					goal = p.goal(goals[name].std)
				}
				rows = append(rows, p.row(run, t, fmt.Sprintf("%s, %s, %s", name, measure.Count(keys, "key"), measure.Count(jobs, "job")),
					p.side(run, name, "sign", ops.WayJobs, keys, jobs, 1), p.side(run, name, "sign", ops.WayDirect, keys, 0, 1),
					"multibuffer", "crypto/rsa", goal))
			}
			for _, r := range rows {
				r.WithBatch()
			}
			p.signing = append(p.signing, rows...)
			if keys > 1 {
				slices.Reverse(rows)
			}
			s.rows = append(s.rows, rows...)
		}
		p.steps = append(p.steps, s)
	}
}

// curveRows are the operations on elliptic curves by many goroutines, and the wrapping of all keys.
func (p *plan) curveRows(run *harness.Run) {
	p.curves = ops.NewRows(run, p.keys)
	p.curves.Reason = p.reason
	t := p.result.Table("elliptic curves on one core", fmt.Sprintf("operations a second by %d goroutines through the engine multibuffer, beside crypto/* called "+
		"directly. Signatures are hedged unless it says RFC 6979, and verified before they leave the engine; %s", ops.Goroutines, measure.Count(p.keys, "key")))
	for _, c := range curves {
		p.curves.Full(t, c.algorithm, c.operation, c.std)
	}
	t = p.result.Table("wrapping a private key", "what it takes to wrap a key with the engine, beside a signature or key agreement by the standard library")
	for _, a := range measure.Algorithms() {
		operation, times := "sign", 0.0
		switch a {
		case "rsa2048":
			times = wrapGoal
		case "ecdhx25519":
			operation = "derive"
		}
		p.curves.Wrap(t, a, operation, times, 0)
	}
}

// batchRows are full batches beside crypto_mb.
func (p *plan) batchRows(run *harness.Run, m *ops.CryptoMB) {
	p.batches = ops.NewBeside(m, run)
	for _, bits := range rsaSizes {
		name := fmt.Sprintf("rsa%d", bits)
		p.batches.Row(run, name, "sign", kernelGoal(p.result.Machine, name))
	}
	for _, c := range curves {
		if c.operation != ops.SignRFC6979 { // it is given its nonces
			p.batches.Row(run, c.algorithm, c.operation, harness.Goal{AtLeast: c.cryptoMB})
		}
	}
}

// aloneRows are the operations one at a time, as a job and from a plain goroutine. RSA
// signatures as a job are among the signRows.
func (p *plan) aloneRows(run *harness.Run) {
	t := p.result.Table("one operation at a time on one core", "operations a second as a job, or from a plain goroutine that calls the engine, beside a direct call")
	for _, a := range []struct{ algorithm, operation string }{
		{"rsa2048", "sign"}, {"rsa3072", "sign"}, {"rsa4096", "sign"}, {"rsa2048", "decrypt"},
		{"ecdsap256", "sign"}, {"ecdsap256", ops.SignRFC6979}, {"ecdsap384", "sign"}, {"ed25519", "sign"},
		{"ecdhx25519", "derive"}, {"ecdhx25519", "keygen"},
	} {
		for _, way := range []string{ops.WayJobs, ops.WayPlain} {
			lanes := a.operation == "sign" && strings.HasPrefix(a.algorithm, "rsa")
			if lanes && way == ops.WayJobs {
				continue
			}
			goal := harness.Goal{AtLeast: 1}
			if lanes && p.reason == "" {
				goal.AtLeast = goals[a.algorithm].alone
			}
			jobs, from := 0, "goroutine"
			if way == ops.WayJobs {
				jobs, from = 1, "as a job"
			}
			p.alone(p.row(run, t, fmt.Sprintf("%s %s, %s", a.algorithm, a.operation, from),
				p.side(run, a.algorithm, a.operation, way, 1, jobs, 1), p.side(run, a.algorithm, a.operation, ops.WayDirect, 1, 0, 1),
				"multibuffer", "a direct call", goal))
		}
	}
}

// full is a side with enough jobs to fill every batch.
func (p *plan) full(run *harness.Run, algorithm, way string, cores int) ops.Side {
	jobs := 0
	if way == ops.WayJobs {
		jobs = jobsFull
	}
	return p.side(run, algorithm, "sign", way, p.keys, jobs, cores)
}

func (p *plan) coresRows(run *harness.Run) {
	t := p.result.Table("two cores", fmt.Sprintf("signatures a second, %d jobs", jobsFull))
	for _, bits := range rsaSizes {
		name := fmt.Sprintf("rsa%d", bits)
		p.alone(p.row(run, t, name+", multibuffer", p.full(run, name, ops.WayJobs, 2), p.full(run, name, ops.WayJobs, 1), "two cores", "one core", harness.Goal{AtLeast: coresGoal}))
		p.alone(p.row(run, t, name+", crypto/rsa", p.full(run, name, ops.WayDirect, 2), p.full(run, name, ops.WayDirect, 1), "two cores", "one core", harness.Goal{}))
	}
}

// setRows compare the two sets of kernels for RSA-2048 on one machine, however it chooses between
// them. Only on Intel's CPUs is there a goal: the schoolbook set is meant for CPUs like those.
func (p *plan) setRows(run *harness.Run) {
	t := p.result.Table("sets of kernels for RSA-2048", fmt.Sprintf("signatures a second on one core, in full batches, %d keys; %s", p.keys, p.set()))
	ours, base := p.full(run, "rsa2048", ops.WayKernel, 1), p.full(run, "rsa2048", ops.WayKernel, 1)
	ours.Set, base.Set = "schoolbook", "karatsuba"
	goal := harness.Goal{}
	if intel(p.result.Machine) {
		goal = p.goal(setGoal)
	}
	r := p.row(run, t, "rsa2048", ours, base, ours.Set, base.Set, goal)
	if p.reason != "" {
		r.Report.Skipped = "there are no kernels here: " + p.reason
	}
	p.alone(r)
}

// set says which set this machine uses, and why.
func (p *plan) set() string {
	set, reason := lanersa.Kernels()
	if set == "" {
		return "none is used here"
	}
	return fmt.Sprintf("this machine uses %s: %s", set, reason)
}

func (p *plan) costRows(run *harness.Run) {
	t := p.result.Table("what the engine costs beside its kernels", fmt.Sprintf("signatures a second on one core, %d keys, %d jobs", p.keys, jobsFull))
	for _, bits := range rsaSizes {
		name := fmt.Sprintf("rsa%d", bits)
		goal := harness.Goal{}
		if bits == 2048 {
			goal = p.goal(costGoal)
		}
		r := p.row(run, t, name, p.full(run, name, ops.WayJobs, 1), p.full(run, name, ops.WayKernel, 1), "multibuffer", "the kernels", goal)
		if p.reason != "" {
			r.Report.Skipped = "there are no kernels here: " + p.reason
		}
		p.alone(r)
	}
}

// stopsRows stop the world, with two cores at full load. Their slices are longer, as there are
// at most a hundred stops in a tenth of a second.
func (p *plan) stopsRows(run *harness.Run) {
	t := p.result.Table("waiting for the world to stop", "with two cores at full load: all waits of all rounds")
	for _, bits := range rsaSizes {
		name := fmt.Sprintf("rsa%d", bits)
		ours, base := p.full(run, name, ops.WayJobs, 2), p.full(run, name, ops.WayDirect, 2)
		for _, side := range []*ops.Side{&ours, &base} {
			side.Stops, side.Time = true, 3*side.Time
		}
		r := &row{Row: &ops.Row{Name: t.Title + ": " + name, Ours: ours, Base: base, Report: t.Row(name + ", crypto/rsa")}}
		r.stops = &stopsRow{baseReport: r.Report, oursReport: t.Row(name + ", multibuffer")}
		if p.result.Machine.Cores < 2 {
			r.Report.Skipped = "there is only one core"
			r.stops.oursReport.Skipped = r.Report.Skipped
		}
		p.stops = append(p.stops, r.stops)
		p.alone(r)
	}
}

// withOpenSSL compares all signing rows with an openssl.
func (p *plan) withOpenSSL(o *harness.OpenSSL) {
	p.result.Beside = append(p.result.Beside, o.Version+" (openssl speed)")
	for _, r := range p.signing {
		goal := harness.Goal{}
		if r.Ours.Jobs == jobsFull {
			goal = p.goal(opensslGoal(o.Release(), r.Ours.Algorithm))
		}
		r.openssl = r.Report.Value("openssl", harness.PerSecond)
		r.Report.TimesMore("times as fast as openssl", r.OursRate, r.openssl, goal)
	}
}

// noteOurs notes a slice of ours, for the others too.
func (r *row) noteOurs(o ops.Outcome) {
	r.NoteOurs(o)
	for _, b := range r.others {
		b.ours.Note(o.Microseconds())
	}
}

// reports are all rows of the result that a slice of this row is a part of.
func (r *row) reports() []*harness.Row {
	all := []*harness.Row{r.Report}
	for _, b := range r.others {
		all = append(all, b.report)
	}
	if r.stops != nil {
		all = append(all, r.stops.oursReport)
	}
	return all
}

// besideRow compares ours with an other, in microseconds.
type besideRow struct {
	report       *harness.Row
	other        *other
	theirs, ours *harness.Value
}

// withOthers compares the rows of most jobs and keys with the others, as the goals are set
// there. Those that sign one at a time are compared with a lone job too, as they may well be
// faster than that.
func (p *plan) withOthers(all []*other) {
	for _, o := range all {
		p.result.Beside = append(p.result.Beside, o.name)
		p.result.Notes = append(p.result.Notes, o.name+": "+o.about)
	}
	for _, r := range p.signing {
		if r.Ours.Keys != p.keys || r.Ours.Jobs != jobsFull && r.Ours.Jobs != 1 {
			continue
		}
		for _, o := range all {
			if r.Ours.Jobs == 1 && o.keys > 1 {
				continue
			}
			goal := harness.Goal{}
			if r.Ours.Jobs == jobsFull {
				goal = p.goal(o.goal(r.Ours.Algorithm))
			}
			if o.batches != nil && intel(p.result.Machine) {
				goal = harness.Goal{} // see kernelGoal
			}
			b := &besideRow{report: p.beside.Row(fmt.Sprintf("%s, %s, %s", r.Ours.Algorithm, measure.Count(r.Ours.Jobs, "job"), o.name)), other: o}
			b.theirs = b.report.Value("the other", harness.Microseconds)
			b.ours = b.report.Value("multibuffer", harness.Microseconds)
			b.report.TimesLess("times as fast", b.ours, b.theirs, goal)
			r.others = append(r.others, b)
		}
	}
	for _, o := range all {
		if o.keys == 1 {
			row := p.beside.Row(o.name + ", an HMAC-SHA256 of the message")
			row.Remark = "about this much of each figure is calls and hashing; it is not subtracted"
			o.call = row.Value("the other", harness.Microseconds)
		}
	}
}

// stopsRow gathers the waits of both sides over all rounds.
type stopsRow struct {
	base, ours             []ops.Stop
	baseReport, oursReport *harness.Row
}

func (s *stopsRow) noteBase(o ops.Outcome) { s.base = ops.AddStops(s.base, o.Stops) }
func (s *stopsRow) noteOurs(o ops.Outcome) { s.ours = ops.AddStops(s.ours, o.Stops) }

// conclude fills in the figures.
func (s *stopsRow) conclude() {
	for _, side := range []struct {
		report *harness.Row
		waits  []ops.Stop
	}{{s.baseReport, s.base}, {s.oursReport, s.ours}} {
		if len(side.waits) == 0 {
			continue
		}
		var n uint64
		for _, w := range side.waits {
			n += w.Count
		}
		side.report.Value("median", harness.Microseconds).Note(1e6 * ops.Quantile(side.waits, 0.5))
		side.report.Value("p99", harness.Microseconds).Note(1e6 * ops.Quantile(side.waits, 0.99))
		side.report.Value("stops", harness.Plain).Note(float64(n))
	}
}

// conclude fills in the figures that need all rounds.
func (p *plan) conclude() {
	for _, s := range p.stops {
		s.conclude()
	}
}
