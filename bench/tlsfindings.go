package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"asynccrypto/engine/multibuffer"
)

// tlsFindings is all that a run found out; -json prints it as it is.
type tlsFindings struct {
	Machine   machine          `json:"machine"`
	Reason    string           `json:"no_gain_because,omitempty"` // why the lanes can't be used
	Nginx     string           `json:"nginx,omitempty"`
	Missing   string           `json:"nginx_missing,omitempty"`
	Rounds    int              `json:"rounds"`
	SideNS    int64            `json:"side_ns"`
	Clients   int              `json:"clients"`
	Storm     int              `json:"storm"`
	Conns     int              `json:"conns"`
	Idle      int              `json:"idle"`
	Priority  string           `json:"echo_priority,omitempty"` // of the process that measures latency
	Disturbed int              `json:"disturbed"`               // measurements during which a process waited for its core, whatever was tried
	Sides     []*tlsSide       `json:"sides"`
	Results   []*tlsResult     `json:"results"`
	Wake      *reactorFindings `json:"wake,omitempty"`
}

// tlsResult is a figure of ours beside another's.
type tlsResult struct {
	Section string  `json:"section"`
	Name    string  `json:"name"`
	Figure  string  `json:"figure"`
	Ours    *series `json:"ours,omitempty"`
	Base    *series `json:"base,omitempty"`
	Ratio   *series `json:"ratio,omitempty"` // or the figure itself, where it has a bound of its own
	AtLeast float64 `json:"at_least,omitempty"`
	AtMost  float64 `json:"at_most,omitempty"`
	Verdict string  `json:"verdict,omitempty"`
}

func newTLSFindings(p tlsPlan) *tlsFindings {
	f := &tlsFindings{
		Machine: newFindings(plan{}).Machine,
		Rounds:  p.rounds, SideNS: p.time.Nanoseconds(), Clients: p.clients, Storm: p.storm, Conns: p.conns, Idle: p.idle,
	}
	f.Machine.CPU = cpuModel()
	_, f.Reason = multibuffer.Supported()
	for _, s := range tlsSides() {
		if p.only.MatchString(s.Section) {
			f.Sides = append(f.Sides, s)
		}
	}
	return f
}

func (f *tlsFindings) pinnedTo(server, clients int, err error) {
	switch {
	case err != nil:
		f.Machine.Pinned = "not pinned: " + err.Error()
	case server == clients:
		f.Machine.Pinned = fmt.Sprintf("all on cpu %d, the only one", server)
	default:
		f.Machine.Pinned = fmt.Sprintf("servers on cpu %d, clients on cpu %d", server, clients)
	}
}

// conclude sums up the rounds.
func (f *tlsFindings) conclude() {
	for _, s := range f.Sides {
		s.Figures = map[string]*series{}
		f.Disturbed += s.Disturbed
		for name, rounds := range s.rounds {
			s.Figures[name] = summarize(rounds)
		}
	}
	for _, t := range tlsTargets {
		ours := f.side(t.section, t.ours)
		if ours == nil {
			continue
		}
		res := &tlsResult{Section: t.section, Name: t.name, Figure: t.figure, Ours: ours.Figures[t.figure], AtLeast: t.atLeast, AtMost: t.atMost}
		if t.base == "" {
			res.Ratio = res.Ours
		} else if base := f.side(t.section, t.base); base != nil {
			res.Base = base.Figures[t.figure]
			over, under := ours.rounds[t.figure], base.rounds[t.figure]
			if t.less {
				over, under = under, over
			}
			res.Ratio = summarize(ratios(over, under))
		}
		res.judge()
		f.Results = append(f.Results, res)
	}
}

// judge says what became of the target, of the median as it is printed.
func (r *tlsResult) judge() {
	if r.Ratio == nil || r.AtLeast == 0 && r.AtMost == 0 {
		return
	}
	r.Verdict = "met"
	if printed := math.Round(r.Ratio.Median*100) / 100; r.AtLeast > 0 && printed < r.AtLeast || r.AtMost > 0 && printed > r.AtMost {
		r.Verdict = "missed"
	}
}

func (f *tlsFindings) side(section, key string) *tlsSide {
	for _, s := range f.Sides {
		if s.Section == section && s.key == key {
			return s
		}
	}
	return nil
}

func (f *tlsFindings) writeJSON(w io.Writer) error {
	return writeIndented(w, f)
}

// writeText writes the findings for a person.
func (f *tlsFindings) writeText(w io.Writer) error {
	b := &strings.Builder{}
	m := f.Machine
	fmt.Fprintf(b, "%s, %d cores, %s, %s, %s; %s\n", m.CPU, m.Cores, m.System, m.Go, m.Date, m.Pinned)
	switch {
	case f.Missing != "":
		fmt.Fprintf(b, "nginx is not measured: %s\n", f.Missing)
	case f.Nginx != "":
		fmt.Fprintf(b, "nginx is %s\n", f.Nginx)
	}
	if f.Reason != "" {
		fmt.Fprintf(b, "no gain here: %s; the engine leaves everything to the standard library\n", f.Reason)
	}
	fmt.Fprintf(b, "rounds: %d of %v for each server, in new processes; medians; ratios are round by round, with the least..most of them\n",
		f.Rounds, time.Duration(f.SideNS))
	fmt.Fprintf(b, "every handshake was full and TLS 1.3, and of Go's servers counted on both sides; every echo was compared\n")
	if f.Disturbed > 0 {
		fmt.Fprintf(b, "other programs had a part of the cores in %d measurements, though they were repeated\n", f.Disturbed)
	}
	for _, s := range tlsSections {
		f.table(b, s.name, s.title)
	}
	f.wakeTable(b)
	f.resultTable(b)
	_, err := io.WriteString(w, b.String())
	return err
}

// tlsColumns are the columns of each section's table.
var tlsColumns = map[string][]struct{ figure, head, format string }{
	sectionRSA:     handshakeColumns,
	sectionDefault: handshakeColumns,
	sectionP256:    handshakeColumns,
	sectionLatency: {
		{figureP50, "p50 ms", "%.2f"}, {figureP99, "p99 ms", "%.2f"}, {figureMax, "max ms", "%.1f"}, {figureLate, "timers p99 ms", "%.2f"},
		{figureRate, "echoes/s", "%.0f"}, {figureStorm, "handshakes/s", "%.0f"}, {figureBusy, "busy", "%.2f"}, {figureWaited, "waited", "%.2f"},
	},
	sectionMemory: {{figureRSS, "RSS KB", "%.2f"}},
	sectionEcho: {
		{figureCPU, "server us", "%.2f"}, {figureClientCPU, "client us", "%.2f"}, {figureRate, "echoes/s", "%.0f"}, {figureBusy, "busy", "%.2f"}, {figureWaited, "waited", "%.2f"},
	},
}

var handshakeColumns = []struct{ figure, head, format string }{
	{figureCPU, "server us", "%.0f"}, {figureClientCPU, "client us", "%.0f"}, {figureRate, "per s", "%.0f"}, {figureBusy, "busy", "%.2f"}, {figureWaited, "waited", "%.2f"},
	{figureP50, "p50 ms", "%.1f"}, {figureP99, "p99 ms", "%.1f"}, {figureBatch, "batch", "%.1f"},
}

// tlsNotes say how a section was had.
func (f *tlsFindings) note(section string) string {
	switch section {
	case sectionRSA, sectionDefault, sectionP256:
		return fmt.Sprintf("%d clients at a time, GOMAXPROCS=1 on both sides; us of CPU for each handshake; busy: the server's share of its core; waited: for other programs, the clients or the server", f.Clients)
	case sectionLatency:
		return fmt.Sprintf("%d connections, each asked %d ms after its last echo; %d other clients handshake. They share a core; the process of\n"+
			"the echoes runs %s there, and p99 of how late its timers are is its own delay. An echo's clock starts when it is sent.\n"+
			"GOMAXPROCS=2 on the server's core, but for std as it comes; the engine has one worker at nice 10.\n"+
			"Semaphore: one signature at a time; %d handshakes: so many under way at a time", f.Conns, f.Conns, f.Storm, f.Priority, handshakeBound)
	case sectionMemory:
		return fmt.Sprintf("RSS for each of %d connections that have exchanged something, after a collection", f.Idle)
	case sectionEcho:
		return fmt.Sprintf("%d B each on %d connections; us of CPU for each echo. At once: the next is sent when the last has come back, so that server\n"+
			"and clients meet at the same memory; 2 ms apart: 2 ms later", echoSize, f.Conns)
	}
	return ""
}

func (f *tlsFindings) table(b *strings.Builder, section, title string) {
	head := true
	for _, s := range f.Sides {
		if s.Section != section {
			continue
		}
		columns := tlsColumns[section]
		if head {
			fmt.Fprintf(b, "\n%s\n%s\n", title, f.note(section))
			line := fmt.Sprintf("%-28s", "")
			for _, c := range columns {
				line += "  " + fmt.Sprintf("%9s", c.head)
			}
			put(b, "%s", line)
			head = false
		}
		if s.Skipped != "" {
			put(b, "%-28s not measured: %s", s.Name, s.Skipped)
			continue
		}
		line := fmt.Sprintf("%-28s", s.Name)
		for _, c := range columns {
			v := "-"
			if found := s.Figures[c.figure]; found != nil {
				v = fmt.Sprintf(c.format, found.Median)
			}
			line += fmt.Sprintf("  %*s", max(9, len(c.head)), v)
		}
		if section != sectionMemory && section != sectionEcho && section != sectionLatency {
			line += "   " + s.Negotiated
		}
		put(b, "%s", line)
	}
}

const resultLine = "%-56s %10s %10s   %-24s %-10s %s"

// resultTable is what all this was for.
func (f *tlsFindings) resultTable(b *strings.Builder) {
	b.WriteString("\n")
	put(b, resultLine, "", "other side", "ours", "ratio, or figure", "target", "")
	section := ""
	for _, r := range f.Results {
		if r.Section != section {
			section = r.Section
			put(b, "%s", section)
		}
		put(b, resultLine, "  "+r.Name, resultFigure(r.Base), resultFigure(r.Ours), ratioText(r.Ratio, 0, ""), r.target(), r.Verdict)
	}
}

func (r *tlsResult) target() string {
	switch {
	case r.AtLeast > 0:
		return fmt.Sprintf("at least %g", r.AtLeast)
	case r.AtMost > 0:
		return fmt.Sprintf("at most %g", r.AtMost)
	}
	return ""
}

func resultFigure(s *series) string {
	if s == nil {
		return "-"
	}
	return threeDigits(s.Median)
}

func (f *tlsFindings) wakeTable(b *strings.Builder) {
	if f.Wake == nil {
		return
	}
	fmt.Fprintf(b, "\nwaking jobs, for each of %d; C has an eventfd for each (see go run ./bench reactor)\n", reactorJobs)
	if f.Wake.Missing != "" {
		fmt.Fprintf(b, "C is not measured: %s\n", f.Wake.Missing)
	}
	for _, r := range f.Wake.Rows {
		f.Results = append(f.Results, &tlsResult{Section: sectionWake, Name: r.Name + ", ns", Figure: "ns/op",
			Ours: r.Ours, Base: r.C, Ratio: r.Ratio, AtMost: r.AtMost, Verdict: r.Verdict})
	}
}
