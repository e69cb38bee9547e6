package tls

import "asynccrypto/bench/internal/harness"

// comparison is a figure of ours beside another server's, or one with a bound of its own.
type comparison struct {
	section, name string
	ours, base    string // keys of sides; without a base the goal is of the figure itself
	figure        string
	goal          harness.Goal
}

var comparisons = []comparison{
	{sectionRSA, "server CPU, event loop beside goroutines", "ours", "std", figureCPU, harness.Goal{AtLeast: 3.3}},
	{sectionRSA, "server CPU, net/http beside goroutines", "ours-http", "std", figureCPU, harness.Goal{AtLeast: 3.3}},
	{sectionRSA, "handshakes/s, event loop beside nginx", "ours", "nginx", figureRate, harness.Goal{AtLeast: 1.2}},
	{sectionRSA, "server CPU, event loop beside nginx", "ours", "nginx", figureCPU, harness.Goal{}},
	{sectionDefault, "server CPU, event loop beside goroutines", "ours", "std", figureCPU, harness.Goal{}},
	{sectionDefault, "handshakes/s, event loop beside nginx", "ours", "nginx", figureRate, harness.Goal{AtLeast: 1.2}},
	{sectionDefault, "server CPU, event loop beside nginx", "ours", "nginx", figureCPU, harness.Goal{}},
	{sectionP256, "server CPU, event loop beside goroutines", "ours", "std", figureCPU, harness.Goal{AtLeast: 1}},
	{sectionLatency, "p99 of an echo, event loop", "ours", "", figureP99, harness.Goal{AtMost: 5}},
	{sectionLatency, "p99 of an echo, bounded goroutines", "ours-goroutine", "", figureP99, harness.Goal{AtMost: 5}},
	{sectionLatency, "p99, event loop beside semaphore", "ours", "semaphore", figureP99, harness.Goal{AtLeast: 2}},
	{sectionLatency, "p99, bounded goroutines beside semaphore", "ours-goroutine", "semaphore", figureP99, harness.Goal{AtLeast: 2}},
	{sectionLatency, "p99, event loop beside goroutines, no option set", "ours", "std", figureP99, harness.Goal{}},
	{sectionMemory, "RSS of an idle connection, event loop", "ours", "", figureRSS, harness.Goal{AtMost: 5}},
	{sectionMemory, "RSS, event loop beside goroutines", "ours", "std", figureRSS, harness.Goal{}},
	{sectionMemory, "RSS, event loop beside net/http", "ours", "http", figureRSS, harness.Goal{}},
	{sectionEcho, "server CPU of an echo 2 ms apart, event loop beside goroutines", "ours", "std", figureCPU, harness.Goal{AtLeast: 1.11}},
	{sectionEcho, "server CPU of an echo at once, event loop beside goroutines", "ours-at-once", "std-at-once", figureCPU, harness.Goal{AtLeast: 1.11}},
}

// comparisons adds the table of the comparisons whose sides are measured.
func (s *session) comparisons() {
	table := s.Result.Table("ours beside the others", "how many times less CPU time, latency or memory ours takes, or how many times more handshakes it makes")
	for _, c := range comparisons {
		ours, base := s.side(c.section, c.ours), s.side(c.section, c.base)
		if ours == nil || base != nil && base.report.Skipped != "" {
			continue
		}
		row := table.Row(c.section + ": " + c.name)
		mirror := func(head string, side *side) *harness.Value {
			v := row.Value(head, units[c.figure])
			side.mirrors[c.figure] = append(side.mirrors[c.figure], v)
			side.compared = append(side.compared, row)
			return v
		}
		switch {
		case c.base == "":
			mirror("ours", ours).Goal = c.goal
		case c.figure == figureRate:
			theirs := mirror("the other", base)
			row.TimesMore("times better", mirror("ours", ours), theirs, c.goal)
		default:
			theirs := mirror("the other", base)
			row.TimesLess("times better", mirror("ours", ours), theirs, c.goal)
		}
	}
}
