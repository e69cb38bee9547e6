package sign

import (
	"fmt"
	"slices"
	"strings"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/engine/multibuffer"
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
}

// step is a part of a round: rows that are measured one after the other, and openssl amid them.
type step struct {
	algorithm string
	rows      []*row
	openssl   int // the row before which openssl signs, for all of them; -1 for none
}

// row is something of ours and the base that it is compared with.
type row struct {
	name       string
	ours, base side
	report     *harness.Row
	oursRate   *harness.Value
	baseRate   *harness.Value
	batch      *harness.Value // nil, as those below, where there is no such column
	openssl    *harness.Value
	others     []*besideRow
	stops      *stopsRow
}

// side is one side of a row: a task for a process with so many cores.
type side struct {
	task
	cores int
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
	p.beside = p.result.Table("beside other libraries", fmt.Sprintf("time of a signature on one core, %d keys; their slices are %v", keys, othersTimes*run.Slice))
	p.aloneRows(run)
	p.coresRows(run)
	p.costRows(run)
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
func (p *plan) side(run *harness.Run, algorithm, operation, way string, keys, jobs, cores int) side {
	return side{task{Algorithm: algorithm, Operation: operation, Way: way, Keys: keys, Jobs: jobs, Time: run.Slice}, cores}
}

// row adds a row to a table. It has a column for each side, and one for the comparison.
func (p *plan) row(t *harness.Table, name string, ours, base side, oursName, baseName string, goal harness.Goal) *row {
	r := &row{name: t.Title + ": " + name, ours: ours, base: base, report: t.Row(name)}
	if max(ours.cores, base.cores) > p.result.Machine.Cores {
		r.report.Skipped = "there is only one core"
	}
	r.baseRate = r.report.Value(baseName, harness.PerSecond)
	r.oursRate = r.report.Value(oursName, harness.PerSecond)
	r.report.TimesMore("times as fast as "+baseName, r.oursRate, r.baseRate, goal)
	return r
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
				rows = append(rows, p.row(t, fmt.Sprintf("%s, %s, %s", name, measure.Count(keys, "key"), measure.Count(jobs, "job")),
					p.side(run, name, "sign", wayJobs, keys, jobs, 1), p.side(run, name, "sign", wayDirect, keys, 0, 1),
					"multibuffer", "crypto/rsa", goal))
			}
			for _, r := range rows {
				r.batch = r.report.Value("batch", harness.Plain)
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

// aloneRows are the operations one at a time, as a job and from a plain goroutine. RSA
// signatures as a job are among the signRows.
func (p *plan) aloneRows(run *harness.Run) {
	t := p.result.Table("one operation at a time on one core", "operations a second as a job, or from a plain goroutine that calls the engine, beside a direct call")
	for _, a := range []struct{ algorithm, operation string }{
		{"rsa2048", "sign"}, {"rsa3072", "sign"}, {"rsa4096", "sign"}, {"rsa2048", "decrypt"},
		{"ecdsap256", "sign"}, {"ecdsap384", "sign"}, {"ed25519", "sign"}, {"ecdhx25519", "derive"},
	} {
		for _, way := range []string{wayJobs, wayPlain} {
			lanes := a.operation == "sign" && strings.HasPrefix(a.algorithm, "rsa")
			if lanes && way == wayJobs {
				continue
			}
			goal := harness.Goal{AtLeast: 1}
			if lanes && p.reason == "" {
				goal.AtLeast = goals[a.algorithm].alone
			}
			jobs, from := 0, "goroutine"
			if way == wayJobs {
				jobs, from = 1, "as a job"
			}
			p.alone(p.row(t, fmt.Sprintf("%s %s, %s", a.algorithm, a.operation, from),
				p.side(run, a.algorithm, a.operation, way, 1, jobs, 1), p.side(run, a.algorithm, a.operation, wayDirect, 1, 0, 1),
				"multibuffer", "a direct call", goal))
		}
	}
}

// full is a side with enough jobs to fill every batch.
func (p *plan) full(run *harness.Run, algorithm, way string, cores int) side {
	jobs := 0
	if way == wayJobs {
		jobs = jobsFull
	}
	return p.side(run, algorithm, "sign", way, p.keys, jobs, cores)
}

func (p *plan) coresRows(run *harness.Run) {
	t := p.result.Table("two cores", fmt.Sprintf("signatures a second, %d jobs", jobsFull))
	for _, bits := range rsaSizes {
		name := fmt.Sprintf("rsa%d", bits)
		p.alone(p.row(t, name+", multibuffer", p.full(run, name, wayJobs, 2), p.full(run, name, wayJobs, 1), "two cores", "one core", harness.Goal{AtLeast: coresGoal}))
		p.alone(p.row(t, name+", crypto/rsa", p.full(run, name, wayDirect, 2), p.full(run, name, wayDirect, 1), "two cores", "one core", harness.Goal{}))
	}
}

func (p *plan) costRows(run *harness.Run) {
	t := p.result.Table("what the engine costs beside its kernels", fmt.Sprintf("signatures a second on one core, %d keys, %d jobs", p.keys, jobsFull))
	for _, bits := range rsaSizes {
		name := fmt.Sprintf("rsa%d", bits)
		goal := harness.Goal{}
		if bits == 2048 {
			goal = p.goal(costGoal)
		}
		r := p.row(t, name, p.full(run, name, wayJobs, 1), p.full(run, name, wayKernel, 1), "multibuffer", "the kernels", goal)
		if p.reason != "" {
			r.report.Skipped = "there are no kernels here: " + p.reason
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
		ours, base := p.full(run, name, wayJobs, 2), p.full(run, name, wayDirect, 2)
		for _, side := range []*side{&ours, &base} {
			side.Stops, side.Time = true, 3*side.Time
		}
		r := &row{name: t.Title + ": " + name, ours: ours, base: base, report: t.Row(name + ", crypto/rsa")}
		r.stops = &stopsRow{baseReport: r.report, oursReport: t.Row(name + ", multibuffer")}
		if p.result.Machine.Cores < 2 {
			r.report.Skipped = "there is only one core"
			r.stops.oursReport.Skipped = r.report.Skipped
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
		if r.ours.Jobs == jobsFull {
			goal = p.goal(opensslGoal(o.Release(), r.ours.Algorithm))
		}
		r.openssl = r.report.Value("openssl", harness.PerSecond)
		r.report.TimesMore("times as fast as openssl", r.oursRate, r.openssl, goal)
	}
}

// noteOurs notes a slice of ours.
func (r *row) noteOurs(o outcome) {
	r.oursRate.Note(o.perSecond())
	if r.batch != nil {
		r.batch.Note(o.Batch)
	}
	for _, b := range r.others {
		b.ours.Note(1e6 / o.perSecond())
	}
}

// noteBase notes a slice of the base.
func (r *row) noteBase(o outcome) { r.baseRate.Note(o.perSecond()) }

// reports are all rows of the result that a slice of this row is a part of.
func (r *row) reports() []*harness.Row {
	all := []*harness.Row{r.report}
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
		if r.ours.Keys != p.keys || r.ours.Jobs != jobsFull && r.ours.Jobs != 1 {
			continue
		}
		for _, o := range all {
			if r.ours.Jobs == 1 && o.keys > 1 {
				continue
			}
			goal := harness.Goal{}
			if r.ours.Jobs == jobsFull {
				goal = p.goal(o.goal(r.ours.Algorithm))
			}
			b := &besideRow{report: p.beside.Row(fmt.Sprintf("%s, %s, %s", r.ours.Algorithm, measure.Count(r.ours.Jobs, "job"), o.name)), other: o}
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
	base, ours             []stop
	baseReport, oursReport *harness.Row
}

func (s *stopsRow) noteBase(o outcome) { s.base = addStops(s.base, o.Stops) }
func (s *stopsRow) noteOurs(o outcome) { s.ours = addStops(s.ours, o.Stops) }

// conclude fills in the figures.
func (s *stopsRow) conclude() {
	for _, side := range []struct {
		report *harness.Row
		waits  []stop
	}{{s.baseReport, s.base}, {s.oursReport, s.ours}} {
		if len(side.waits) == 0 {
			continue
		}
		var n uint64
		for _, w := range side.waits {
			n += w.Count
		}
		side.report.Value("median", harness.Microseconds).Note(1e6 * quantile(side.waits, 0.5))
		side.report.Value("p99", harness.Microseconds).Note(1e6 * quantile(side.waits, 0.99))
		side.report.Value("stops", harness.Plain).Note(float64(n))
	}
}

// conclude fills in the figures that need all rounds.
func (p *plan) conclude(verified uint64) {
	for _, s := range p.stops {
		s.conclude()
	}
	p.result.Notes = append(p.result.Notes, fmt.Sprintf("verified, off the clock: all %s results of ours and of the standard library; none was wrong",
		measure.Number(float64(verified))))
}
