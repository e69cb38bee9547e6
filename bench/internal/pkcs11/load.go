package pkcs11

import (
	"context"
	"fmt"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/pkcs11/side"
	"asynccrypto/internal/measure"
)

// slowToken is the slow token that the proxy turns SoftHSM into.
type slowToken struct {
	delay    time.Duration
	capacity int // operations at once
	goals
}

// goals are those of the side with helpers and jobs; the others have none.
type goals struct {
	threads                harness.Goal
	rate                   harness.Goal // beside the loop on the token alone
	timesCPU, timesRate    harness.Goal // beside crypto11
	timesLatency, timesPSS harness.Goal
}

var tokens = []slowToken{
	{5 * time.Millisecond, 16, goals{
		threads: harness.Goal{AtMost: 10}, rate: harness.Goal{AtLeast: 0.95}, timesCPU: harness.Goal{AtLeast: 3.33},
		timesRate: harness.Goal{AtLeast: 1.7}, timesLatency: harness.Goal{AtLeast: 3.33}, timesPSS: harness.Goal{AtLeast: 2.5},
	}},
	{20 * time.Millisecond, 64, goals{threads: harness.Goal{AtMost: 20}, timesPSS: harness.Goal{AtLeast: 2.5}}},
	{100 * time.Millisecond, 256, goals{}},
}

func (t slowToken) name() string { return t.delay.String() }

// rate is the most operations that the token could do in a second if none took longer than the
// delay. The delay is not all: SoftHSM signs, and the kernel wakes a thread late.
func (t slowToken) rate() float64 { return float64(t.capacity) / t.delay.Seconds() }

// loadSide is a side under load.
type loadSide struct {
	name     string // %d is the number of sessions
	way      way
	sessions sessions
	jobs     bool // jobs on one goroutine; else a goroutine each
	part     part
}

// inFlight returns how many operations the side has in flight on t, if all others have n.
func (l loadSide) inFlight(t slowToken, n int) int {
	if l.part == alone {
		return t.capacity
	}
	return n
}

// sessions says how many sessions a side has.
type sessions int

const (
	asToken sessions = iota // as many as the token does operations at once
	asLoad                  // as many as operations are in flight
	beyond                  // a quarter more than the token does at once: it works while answers travel
)

// part is the part of a side in the comparison.
type part int

const (
	shown part = iota // none
	ours              // is compared, and judged
	base              // what it is compared with
	alone             // what the token can do: a loop on each place of it, and nobody waits in line
)

var loadSides = []loadSide{
	{"ours, %d helpers, jobs", helpers, asToken, true, ours},
	{"ours, %d helpers, jobs", helpers, beyond, true, shown},
	{"ours, %d helpers, goroutine each", helpers, asToken, false, shown},
	{"ours in process, %d sessions, jobs", inside, asToken, true, shown},
	{"crypto11, %d sessions", crypto11, asLoad, false, base},
	{"crypto11, %d sessions", crypto11, asToken, false, shown},
	{"miekg/pkcs11, %d sessions", miekg, asLoad, false, shown},
	{"the token alone: in process, %d sessions and as many in flight", inside, asToken, false, alone},
}

// loadRow has the figures of a side.
type loadRow struct {
	*harness.Row
	threads, cpu, helperCPU, allCPU *harness.Value
	rate, p50, p99                  *harness.Value
	pss, helperPSS, allPSS          *harness.Value
	compared                        []*harness.Row
}

func newLoadRow(table *harness.Table, name string, g goals) *loadRow {
	r := &loadRow{Row: table.Row(name)}
	r.threads = r.Value("threads", harness.Plain)
	r.threads.Goal = g.threads
	r.cpu = r.Value("own CPU", harness.Microseconds)
	r.helperCPU = r.Value("helpers' CPU", harness.Microseconds)
	r.allCPU = r.Value("CPU together", harness.Microseconds)
	r.rate = r.Value("rate", harness.PerSecond)
	r.p50 = r.Value("p50", harness.Milliseconds)
	r.p99 = r.Value("p99", harness.Milliseconds)
	r.pss = r.Value("own memory", harness.Megabytes)
	r.helperPSS = r.Value("helpers' memory", harness.Megabytes)
	r.allPSS = r.Value("memory together", harness.Megabytes)
	return r
}

// note notes the figures of a round. The columns of helpers stay empty where there are none.
func (r *loadRow) note(a side.Account) {
	each := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) / float64(a.Done) }
	const mb = 1 << 20
	r.threads.Note(float64(a.Threads))
	r.cpu.Note(each(a.CPU))
	r.allCPU.Note(each(a.CPU + a.HelperCPU))
	r.rate.Note(float64(a.Done) / a.Time.Seconds())
	r.p50.Note(milliseconds(a.P50))
	r.p99.Note(milliseconds(a.P99))
	r.pss.Note(float64(a.PSS) / mb)
	r.allPSS.Note(float64(a.PSS+a.HelperPSS) / mb)
	if a.Helpers > 0 {
		r.helperCPU.Note(each(a.HelperCPU))
		r.helperPSS.Note(float64(a.HelperPSS) / mb)
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// loads adds the tables of the sides under load, and the steps of a round that measure them.
func (s *session) loads() {
	compare := &harness.Table{Title: "ours beside crypto11", Note: "jobs with helpers beside crypto11 with a session for each operation: " +
		"how many times less CPU time of its own, latency or memory of its own ours takes, or how many times more operations it does. " +
		"The token alone is ours in process with a goroutine for each place of the token, so that no operation waits for another. " +
		"miekg/pkcs11 and crypto11 could not show what the token does: they ask it twice for a signature"}
	for _, token := range tokens {
		if !s.only.MatchString(token.name()) {
			continue
		}
		table := s.Result.Table(fmt.Sprintf("a token of %v with %d operations at once", token.delay, token.capacity),
			fmt.Sprintf("%d signatures with P-256 in flight. The CPU time is for an operation. The token could do %s operations a second "+
				"if only its delay took time; the last line is what it does. "+
				"The module is in the helpers, or in the process. Memory is the proportional set (PSS), while the operations are in flight. "+
				"A goroutine each unless it says jobs: those are on one goroutine", s.inFlight, measure.Number(token.rate())))
		rows := make([]*loadRow, len(loadSides))
		parts := map[part]*loadRow{}
		for i, side := range loadSides {
			g := goals{}
			if side.part == ours {
				g = token.goals
			}
			rows[i] = newLoadRow(table, fmt.Sprintf(side.name, s.sessionsOf(side, token)), g)
			parts[side.part] = rows[i]
			if s.missing(side.way) {
				rows[i].Skipped = "its program is missing"
			}
		}
		if parts[base].Skipped == "" {
			compareLoads(compare, token, parts)
		}
		for i, side := range loadSides {
			if !s.missing(side.way) {
				s.steps = append(s.steps, func(ctx context.Context, round int) error {
					return s.underLoad(ctx, round, token, side, rows[i])
				})
			}
		}
	}
	if len(compare.Rows) > 0 {
		s.Result.Tables = append(s.Result.Tables, compare)
	}
}

// compareLoads adds the rows of a token to the table of comparisons.
func compareLoads(table *harness.Table, token slowToken, parts map[part]*loadRow) {
	ours, base, alone := parts[ours], parts[base], parts[alone]
	row := func(what string, beside *loadRow) *harness.Row {
		r := table.Row(token.name() + ": " + what)
		beside.compared, ours.compared = append(beside.compared, r), append(ours.compared, r)
		return r
	}
	const times = "times better"
	row("own CPU of an operation", base).TimesLess(times, ours.cpu, base.cpu, token.timesCPU)
	row("CPU of an operation, with the helpers'", base).TimesLess(times, ours.allCPU, base.allCPU, harness.Goal{})
	row("operations in a second", base).TimesMore(times, ours.rate, base.rate, token.timesRate)
	row("operations in a second, beside the token alone", alone).TimesMore(times, ours.rate, alone.rate, token.goals.rate)
	row("p99", base).TimesLess(times, ours.p99, base.p99, token.timesLatency)
	row("own memory", base).TimesLess(times, ours.pss, base.pss, token.timesPSS)
	row("memory with the helpers'", base).TimesLess(times, ours.allPSS, base.allPSS, harness.Goal{})
}

func (s *session) sessionsOf(l loadSide, t slowToken) int {
	switch l.sessions {
	case asLoad:
		return s.inFlight
	case beyond:
		return t.capacity * 5 / 4
	}
	return t.capacity
}

// underLoad measures a side in a round.
func (s *session) underLoad(ctx context.Context, round int, token slowToken, l loadSide, row *loadRow) error {
	s.Show(round, token.name()+": "+row.Name)
	account, err := harness.Quietly(s.Run, func() (side.Account, float64, error) {
		a, err := s.loadOnce(ctx, token, l)
		return a, a.Share(), err
	}, append(row.compared, row.Row)...)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", token.name(), row.Name, err)
	}
	row.note(account)
	return nil
}

func (s *session) loadOnce(ctx context.Context, slow slowToken, l loadSide) (side.Account, error) {
	s.control.Delay(slow.delay)
	s.control.Capacity(slow.capacity)
	child, err := s.open(l.way, token(s.slow, s.sessionsOf(l, slow)), harness.NoPin)
	if err != nil {
		return side.Account{}, err
	}
	defer child.Close()
	if err := child.Do(side.Order{Do: "begin", Load: side.Load{InFlight: l.inFlight(slow, s.inFlight), Jobs: l.jobs}}, nil); err != nil {
		return side.Account{}, err
	}
	if err := s.full(ctx, slow); err != nil {
		return side.Account{}, err
	}
	var a side.Answer
	err = child.Do(side.Order{Do: "measure", Time: s.Slice}, &a)
	return a.Account, err
}

// full waits until the token does as many operations as it can: helpers start one after another. On
// a machine that is too slow for the token that never happens, so it gives up after a while. Then
// the load warms up.
func (s *session) full(ctx context.Context, token slowToken) error {
	limit := time.After(30 * time.Second)
	for warm := false; !warm; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-limit:
			warm = true
		case <-time.After(time.Millisecond):
			warm = s.control.Inside() >= token.capacity
		}
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(s.Slice / 4):
	}
	return nil
}
