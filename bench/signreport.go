package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

func (f *signFindings) writeJSON(w io.Writer) error {
	return writeIndented(w, f)
}

// writeText writes the findings for a person.
func (f *signFindings) writeText(w io.Writer) error {
	b := &strings.Builder{}
	m := f.Machine
	fmt.Fprintf(b, "%s, %d cores, %s, %s, %s; one core: %s\n", m.CPU, m.Cores, m.System, m.Go, m.Date, m.Pinned)
	if f.Missing != "" {
		fmt.Fprintf(b, "beside the standard library, called directly; openssl is not measured: %s\n", f.Missing)
	} else {
		fmt.Fprintf(b, "beside the standard library, called directly, and %s (openssl speed)\n", m.Libcrypto)
	}
	if f.Reason != "" {
		fmt.Fprintf(b, "no gain here: %s; the engine leaves everything to the standard library\n", f.Reason)
	}
	fmt.Fprintf(b, "rounds: %d of %v, openssl's of 1s; medians; ratios are pair by pair, with the least..most of them\n", f.Rounds, time.Duration(f.SideNS))
	f.disturbed(b)

	f.signTable(b)
	f.othersTable(b)
	f.aloneTable(b)
	f.coresTable(b)
	f.costTable(b)
	f.stopsTable(b)
	f.memoryTable(b)
	fmt.Fprintf(b, "\nverified, off the clock: all %s results of ours and of the standard library; none was wrong\n", thousands(float64(f.Verified)))
	_, err := io.WriteString(w, b.String())
	return err
}

func (f *signFindings) disturbed(b *strings.Builder) {
	if f.Again == 0 {
		return
	}
	fmt.Fprintf(b, "other programs had a part of the cores: %d measurements were repeated, and %d of %d stayed disturbed\n", f.Again, f.Disturbed, f.Slices)
}

// section calls each for the rows of a section, the headline before the first, and says why one was not measured.
func (f *signFindings) section(b *strings.Builder, name, headline string, each func(r *signRow)) {
	for _, r := range f.Rows {
		if r.Section != name {
			continue
		}
		if headline != "" {
			fmt.Fprintf(b, "\n%s\n", headline)
			headline = ""
		}
		if r.Skipped != "" {
			fmt.Fprintf(b, "%-10s not measured: %s\n", r.Algorithm, r.Skipped)
			continue
		}
		each(r)
	}
}

func (f *signFindings) signTable(b *strings.Builder) {
	fmt.Fprintf(b, "\nsignatures/s on one core, as jobs through the engine multibuffer\n")
	const line = "%-8s %4s %4s %10s %9s %11s %5s   %-28s %s"
	put(b, line, "", "keys", "jobs", "crypto/rsa", "openssl", "multibuffer", "batch", "x crypto/rsa", "x openssl")
	for _, r := range sortedSign(f.Rows) {
		put(b, line, r.Algorithm, fmt.Sprint(r.Keys), fmt.Sprint(r.Jobs), rate(r.Theirs), rate(r.OpenSSL), rate(r.Ours),
			fmt.Sprintf("%.1f", r.MeanBatch), ratioText(r.Ratio, r.AtLeast, r.Verdict), ratioText(r.XOpenSSL, r.AtLeastO, r.VerdictO))
	}
}

// sortedSign returns the rows by size, keys and jobs; they were measured in another order.
func sortedSign(rows []*signRow) (sorted []*signRow) {
	for _, r := range rows {
		if r.Section == sectionSign {
			sorted = append(sorted, r)
		}
	}
	slices.SortStableFunc(sorted, func(a, b *signRow) int {
		return 1000_000*strings.Compare(a.Algorithm, b.Algorithm) + 1000*(a.Keys-b.Keys) + a.Jobs - b.Jobs
	})
	return sorted
}

func (f *signFindings) aloneTable(b *strings.Builder) {
	const line = "%-19s %-12s %10s %11s   %s"
	head := fmt.Sprintf("one at a time on one core, operations/s\n"+line, "", "", "directly", "multibuffer", "x directly")
	f.section(b, sectionAlone, head, func(r *signRow) {
		from := "as a job"
		if r.Way == wayPlain {
			from = "goroutine"
		}
		put(b, line, r.Algorithm+" "+r.Operation, from, rate(r.Theirs), rate(r.Ours), ratioText(r.Ratio, r.AtLeast, r.Verdict))
	})
}

func (f *signFindings) coresTable(b *strings.Builder) {
	const line = "%-8s %-12s %10s %11s   %s"
	head := fmt.Sprintf("two cores, signatures/s (%d jobs)\n"+line, jobsFull, "", "", "one core", "two cores", "x one core")
	f.section(b, sectionCores, head, func(r *signRow) {
		who := "multibuffer"
		if r.Way == wayDirect {
			who = "crypto/rsa"
		}
		put(b, line, r.Algorithm, who, rate(r.Theirs), rate(r.Ours), ratioText(r.Ratio, r.AtLeast, r.Verdict))
	})
}

func (f *signFindings) costTable(b *strings.Builder) {
	const line = "%-8s %10s %11s   %s"
	head := fmt.Sprintf("what the engine costs beside its kernels: signatures/s on one core (%d keys, %d jobs)\n"+line,
		f.Keys, jobsFull, "", "kernels", "multibuffer", "x kernels")
	f.section(b, sectionCost, head, func(r *signRow) {
		put(b, line, r.Algorithm, rate(r.Theirs), rate(r.Ours), ratioText(r.Ratio, r.AtLeast, r.Verdict))
	})
}

func (f *signFindings) stopsTable(b *strings.Builder) {
	const line = "%-8s %-12s %9s %9s   %s"
	head := fmt.Sprintf("waiting for the world to stop, with two cores at full load\n"+line, "", "", "median", "p99", "stops")
	f.section(b, sectionStops, head, func(r *signRow) {
		for _, side := range []struct {
			who   string
			stops []stop
		}{{"crypto/rsa", r.BaseStops}, {"multibuffer", r.Stops}} {
			var n uint64
			for _, s := range side.stops {
				n += s.Count
			}
			put(b, line, r.Algorithm, side.who, micros(quantile(side.stops, 0.5)), micros(quantile(side.stops, 0.99)), thousands(float64(n)))
		}
	})
}

func (f *signFindings) memoryTable(b *strings.Builder) {
	fmt.Fprintf(b, "\nmemory for each wrapped key, beside the key itself: under 64 KB is the target\n")
	for _, bits := range rsaSizes {
		name := fmt.Sprintf("rsa%d", bits)
		verdict := "met"
		if f.KeyBytes[name] >= keyTarget {
			verdict = "missed"
		}
		fmt.Fprintf(b, "%-8s %.1f KB, %s\n", name, f.KeyBytes[name]/1024, verdict)
	}
}

// put writes a line without blanks at its end.
func put(b *strings.Builder, format string, columns ...any) {
	b.WriteString(strings.TrimRight(fmt.Sprintf(format, columns...), " ") + "\n")
}

func rate(s *series) string {
	if s == nil {
		return "-"
	}
	return thousands(s.Median)
}

func ratioText(s *series, atLeast float64, verdict string) string {
	if s == nil {
		return "-"
	}
	text := fmt.Sprintf("%.2f (%.2f..%.2f)", s.Median, s.Min, s.Max)
	if verdict != "" {
		text += fmt.Sprintf(" %g %s", atLeast, verdict)
	}
	return text
}

func micros(seconds float64) string { return threeDigits(seconds*1e6) + " us" }

// thousands formats a number without a fraction, and with commas.
func thousands(v float64) string {
	s := fmt.Sprintf("%.0f", v)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
