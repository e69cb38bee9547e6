package difftest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// mismatch is a script for which the traces of the two sides differ.
type mismatch struct {
	steps        []Step
	ours, theirs []byte
}

// reference is the library that async is compared with.
type reference struct {
	version version
	// compare runs a script on both sides. It returns nil if they agree, and an error if it could
	// not compare them.
	compare func(steps []Step) (*mismatch, error)
}

// shrink looks for a shorter script with a difference, by delta debugging: it removes smaller and
// smaller parts. Any part of a script is a script once it is normalized.
func (d *mismatch) shrink(lib reference, limit time.Duration) error {
	end := time.Now().Add(limit)
	for size := len(d.steps) / 2; size > 0; {
		smaller := false
		for at := 0; at < len(d.steps) && time.Now().Before(end); {
			rest := slices.Concat(d.steps[:at], d.steps[min(at+size, len(d.steps)):])
			steps, _ := normalize(lib.version, rest)
			if len(steps) >= len(d.steps) {
				at += size
				continue
			}
			found, err := lib.compare(steps)
			if err != nil {
				return err
			}
			if found == nil {
				at += size
				continue
			}
			*d, smaller = *found, true
		}
		if !smaller {
			size /= 2
		} else {
			size = min(size, len(d.steps)/2)
		}
	}
	return nil
}

const differ = "async and the library differ"

const (
	linesBefore = 12
	linesAfter  = 4
)

// String shows the script and both traces around the first line that differs.
func (d *mismatch) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "a script of %d steps on which %s:\n", len(d.steps), differ)
	for i, s := range d.steps {
		if i == 60 {
			fmt.Fprintf(&b, "  ... and %d more\n", len(d.steps)-i)
			break
		}
		fmt.Fprintf(&b, "  %3d %v\n", i, s)
	}
	ours, theirs := lines(d.ours), lines(d.theirs)
	at := 0
	for at < len(ours) && at < len(theirs) && ours[at] == theirs[at] {
		at++
	}
	b.WriteString("traces (step, job with control or 0, results; ~ cleanup, > body, * callback, = end of a call above):\n")
	from := max(at-linesBefore, 0)
	for _, line := range ours[from:at] {
		fmt.Fprintf(&b, "  both    %s\n", d.annotated(line))
	}
	for _, line := range ours[at:min(at+linesAfter, len(ours))] {
		fmt.Fprintf(&b, "  async   %s\n", d.annotated(line))
	}
	for _, line := range theirs[at:min(at+linesAfter, len(theirs))] {
		fmt.Fprintf(&b, "  library %s\n", d.annotated(line))
	}
	return b.String()
}

func lines(trace []byte) (list []string) {
	for line := range bytes.Lines(trace) {
		list = append(list, strings.TrimRight(string(line), "\n"))
	}
	return list
}

// annotated returns a line of a trace with its step beside it.
func (d *mismatch) annotated(line string) string {
	var at int
	if _, err := fmt.Sscan(line, &at); err != nil || at >= len(d.steps) {
		return line
	}
	return fmt.Sprintf("%-30s  %v", line, d.steps[at])
}
