package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"regexp"
	"strconv"
	"testing"
	"time"
)

func fakeSeries(op *operation, jobs int, done uint64, latency time.Duration) *series {
	y := newTally(1, 1)
	y.done, y.busy = done, time.Second
	if done > 0 {
		y.latency.add(latency)
	}
	return &series{op: op, jobs: jobs, cores: 2, tally: []*tally{y}}
}

func TestPlotIsWellFormedAndWithinItsPanels(t *testing.T) {
	op := &operation{algorithm: "rsa<&>", name: "sign"}
	kind := &engineKind{name: `a "<b>" & c`}
	for name, group := range map[string][]*series{
		"usual":  {fakeSeries(op, 0, 2000, time.Millisecond), fakeSeries(op, 1, 1000, time.Millisecond), fakeSeries(op, 64, 9000, time.Second)},
		"single": {fakeSeries(op, 0, 1, time.Nanosecond), fakeSeries(op, 7, 1, time.Nanosecond)},
		"empty":  {fakeSeries(op, 0, 0, 0), fakeSeries(op, 1, 0, 0), fakeSeries(op, 100_000, 0, 0)},
	} {
		r := report{kind: kind, groups: [][]*series{group, group}}
		svg := r.plot()
		d := xml.NewDecoder(bytes.NewReader(svg))
		circles := 0
		for {
			token, err := d.Token()
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v in %s", name, err, svg)
			}
			if e, ok := token.(xml.StartElement); ok && e.Name.Local == "circle" {
				circles++
			}
		}
		if want := 1 + 2*2*(len(group)-1); circles != want { // one is the legend's
			t.Errorf("%s: %d points, not %d", name, circles, want)
		}
		if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
			t.Errorf("%s: a coordinate is no number in %s", name, svg)
		}
		for _, m := range regexp.MustCompile(` (c?[xy][12]?)="([^"]+)"`).FindAllSubmatch(svg, -1) {
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

func TestScaleEnclosesTheValues(t *testing.T) {
	for _, p := range []panel{
		{direct: 1234, engine: []float64{17, 5001}},
		{direct: 0, engine: []float64{0}},
		{direct: 1e6, engine: []float64{3e9}, log: true},
		{direct: 1000, engine: []float64{1000}, log: true},
	} {
		low, high, ticks := p.scale()
		for _, v := range append(p.engine, p.direct) {
			if v < low || v > high || low >= high {
				t.Errorf("%v is outside of %v to %v", v, low, high)
			}
		}
		if len(ticks) < 2 || len(ticks) > 8 || ticks[0] != low || ticks[len(ticks)-1] != high {
			t.Errorf("%v to %v has ticks %v", low, high, ticks)
		}
	}
}
