package speed

import (
	"bytes"
	"encoding/xml"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/engines"
	"asynccrypto/internal/measure"
)

func fakeSeries(op *measure.Operation, jobs int, done uint64, latency time.Duration) *series {
	y := &tally{done: done, busy: time.Second}
	if done > 0 {
		y.latency.Add(latency)
	}
	return &series{op: op, jobs: jobs, tallies: []*tally{y}}
}

func TestPlotIsWellFormedAndWithinItsSize(t *testing.T) {
	op := &measure.Operation{Algorithm: "rsa<&>", Name: "sign"}
	for name, c := range map[string]*comparison{
		"usual": {op: op, direct: fakeSeries(op, 0, 2000, time.Millisecond),
			jobs: []*series{fakeSeries(op, 1, 1000, time.Millisecond), fakeSeries(op, 64, 9000, time.Second)}},
		"single": {op: op, direct: fakeSeries(op, 0, 1, time.Nanosecond), jobs: []*series{fakeSeries(op, 7, 1, time.Nanosecond)}},
		"empty":  {op: op, direct: fakeSeries(op, 0, 0, 0), jobs: []*series{fakeSeries(op, 1, 0, 0), fakeSeries(op, 100_000, 0, 0)}},
	} {
		m := measure.Machine{CPU: "Some <CPU>", Cores: 2, System: "linux/amd64", Go: "go1.30", Date: "2026-11-28"}
		r := report{machine: m, kind: &engines.Kind{Name: `a "<b>" & c`}, comparisons: []*comparison{c, c}}
		plot := r.plot()
		circles, text := 0, ""
		for d := xml.NewDecoder(bytes.NewReader(plot)); ; {
			token, err := d.Token()
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v in %s", name, err, plot)
			}
			switch e := token.(type) {
			case xml.StartElement:
				if e.Name.Local == "circle" {
					circles++
				}
			case xml.CharData:
				text += string(e)
			}
		}
		if want := 1 + 2*2*len(c.jobs); circles != want { // one is the legend's
			t.Errorf("%s: %d points, not %d", name, circles, want)
		}
		if !strings.Contains(text, "Some <CPU>, 2 cores, linux/amd64, go1.30, 2026-11-28\n") {
			t.Errorf("%s: does not say where the figures come from: %s", name, text)
		}
		if bytes.Contains(plot, []byte("NaN")) || bytes.Contains(plot, []byte("Inf")) {
			t.Errorf("%s: a coordinate is no number in %s", name, plot)
		}
		for _, m := range regexp.MustCompile(` (c?[xy][12]?)="([^"]+)"`).FindAllSubmatch(plot, -1) {
			limit := float64(plotWidth)
			if bytes.ContainsRune(m[1], 'y') {
				limit = plotTop + 2*rowHeight
			}
			if v, err := strconv.ParseFloat(string(m[2]), 64); err != nil || v < 0 || v > limit {
				t.Errorf("%s: %s is %s", name, m[1], m[2])
			}
		}
	}
}
