package speed

import (
	"fmt"
	"time"

	"asynccrypto/internal/measure"
	"asynccrypto/internal/measure/svg"
)

// The plot has a row for each operation, with two diagrams: operations per second, and the 99th
// percentile (p99) of the latency, as they go with the number of jobs. The direct calls, which
// have no such number, are a dashed line across.
const (
	diagramWidth  = 330
	diagramHeight = 170
	rowHeight     = diagramHeight + svg.Above + svg.Bottom + 20
	rightColumn   = svg.Left + diagramWidth + 30 + svg.Left
	plotTop       = 94
	plotWidth     = rightColumn + diagramWidth + 30
)

var (
	engineStroke = svg.Stroke{Color: "#1f5fa8"}
	directStroke = svg.Stroke{Color: "#c0392b", Dashes: "6 4"}
)

func (r *report) plot() []byte {
	d := svg.New(plotWidth, plotTop+len(r.comparisons)*rowHeight)
	d.Title(20, 26, fmt.Sprintf("Called directly, and as jobs through the engine %s, on the same %s",
		r.kind.Name, measure.Count(r.comparisons[0].cores, "core")))
	under := r.machine.String()
	for _, c := range r.comparisons {
		if c.disturbed() {
			under += "; disturbed, as other programs ran"
			break
		}
	}
	d.Text(20, 46, under)
	d.Legend(20, 72,
		svg.Entry{Name: "engine " + r.kind.Name, Stroke: engineStroke, Dots: true},
		svg.Entry{Name: "called directly", Stroke: directStroke})
	for i, c := range r.comparisons {
		name := c.op.Algorithm + " " + c.op.Name
		if c.disturbed() {
			name += " (disturbed)"
		}
		y := float64(plotTop + i*rowHeight + svg.Above)
		rate := &svg.Diagram{X: svg.Left, Y: y, Title: name + ": operations per second",
			Levels: []svg.Level{{Value: c.direct.perSecond(), Stroke: directStroke}}, Label: measure.Number}
		p99 := &svg.Diagram{X: rightColumn, Y: y, Title: name + ": p99 of latency",
			Levels: []svg.Level{{Value: float64(c.direct.latency(0.99)), Stroke: directStroke}}, Log: true,
			Label: func(v float64) string { return measure.WholeDuration(time.Duration(v)) }}
		for _, s := range c.jobs {
			rate.Values = append(rate.Values, s.perSecond())
			p99.Values = append(p99.Values, float64(s.latency(0.99)))
		}
		for _, g := range []*svg.Diagram{rate, p99} {
			g.Width, g.Height, g.Color, g.XLabel = diagramWidth, diagramHeight, engineStroke.Color, "jobs in flight"
			for _, s := range c.jobs {
				g.At = append(g.At, s.jobs)
			}
			d.Draw(g)
		}
	}
	return d.Bytes()
}
