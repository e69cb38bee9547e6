package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

func (f *findings) writeJSON(w io.Writer) error { return writeIndented(w, f) }

// writeIndented writes v as JSON that a person can read, too.
func writeIndented(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// writeText writes the findings for a person: where, what, and how far from the target.
func (f *findings) writeText(w io.Writer) error {
	var b strings.Builder
	m := f.Machine
	fmt.Fprintf(&b, "%s, %d cores, %s, %s, %s; %s\n", m.CPU, m.Cores, m.System, m.Go, m.Date, m.Pinned)
	if f.Missing != "" {
		fmt.Fprintf(&b, "libcrypto is not measured: %s\n", f.Missing)
	} else {
		fmt.Fprintf(&b, "beside %s\n", m.Libcrypto)
	}
	fmt.Fprintf(&b, "rounds: %d; medians; the ratio is ours / libcrypto, pair by pair; allocs/op: libcrypto, ours\n", f.Rounds)
	if f.Note != "" {
		fmt.Fprintf(&b, "%s\n", f.Note)
	}
	b.WriteString("\n")

	const line = "%-28s %10s %9s %7s %-15s %7s %5s  %-17s %s\n"
	fmt.Fprintf(&b, line, "", "libcrypto", "ours", "ratio", "least..most", "at most", "aim", "target", "allocs/op")
	for _, r := range f.Rows {
		if r.Skipped != "" {
			fmt.Fprintf(&b, "%-28s not measured: %s\n", r.Name, r.Skipped)
			continue
		}
		median, spread := ratioColumns(r.Ratio)
		b.WriteString(strings.TrimRight(fmt.Sprintf(line, r.Name, figure(r.Theirs, r.Unit), figure(r.Ours, r.Unit), median, spread,
			target(r.AtMost), target(r.Aim), r.Verdict, allocsColumn(r)), " \n") + "\n")
	}
	if said := f.allocations(); said != "" {
		fmt.Fprintf(&b, "\n%s\n", said)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// figure is a median with its unit.
func figure(s *series, unit string) string {
	switch {
	case s == nil:
		return "-"
	case unit == "ns/op":
		return threeDigits(s.Median) + " ns"
	default:
		return fmt.Sprintf("%.0f B", s.Median)
	}
}

// threeDigits keeps what can be told apart: the third digit is noise on most machines.
func threeDigits(v float64) string {
	switch {
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.0f", v)
	}
}

func ratioColumns(s *series) (median, spread string) {
	if s == nil {
		return "-", ""
	}
	return fmt.Sprintf("%.3f", s.Median), fmt.Sprintf("%.3f..%.3f", s.Min, s.Max)
}

func target(ratio float64) string {
	if ratio == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", ratio)
}

// allocsColumn is "libcrypto's, ours".
func allocsColumn(r *row) string {
	if r.OurAllocs == nil {
		return ""
	}
	theirs := "-"
	if r.TheirAllocs != nil {
		theirs = fmt.Sprintf("%g", *r.TheirAllocs)
	}
	return fmt.Sprintf("%s, %g", theirs, *r.OurAllocs)
}
