package sign

import (
	"fmt"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/internal/measure"
	"asynccrypto/internal/measure/svg"
)

// The plot has a diagram for each size of key: signatures/s on one core, from zero, against the
// number of jobs. A library that makes no use of many jobs is a dashed line across.
const (
	diagramWidth  = 250
	diagramHeight = 230
	diagramStep   = svg.Left + diagramWidth + 20
	plotTop       = 90
)

var (
	strokeOurs    = svg.Stroke{Color: "#1f5fa8"}
	strokeOpenSSL = svg.Stroke{Color: "#2e8b57", Dashes: "2 3"}
	strokeStd     = svg.Stroke{Color: "#c0392b", Dashes: "6 4"}
)

// svg draws the rows with the most keys.
func (p *plan) svg(r *harness.Result) []byte {
	d := svg.New(len(rsaSizes)*diagramStep+40, plotTop+svg.Above+diagramHeight+svg.Bottom)
	d.Title(20, 28, "RSA signatures per second on one core")
	d.Text(20, 48, fmt.Sprintf("%v; medians of %d interleaved rounds, %d keys", r.Machine.Machine, r.Rounds, p.keys))
	legend := []svg.Entry{{Name: "this project, as jobs", Stroke: strokeOurs, Dots: true}, {Name: "crypto/rsa, called directly", Stroke: strokeStd}}
	if p.signing[0].openssl != nil {
		legend = append(legend, svg.Entry{Name: r.Beside[0], Stroke: strokeOpenSSL})
	}
	d.Legend(20, 76, legend...)
	for i, bits := range rsaSizes {
		g := &svg.Diagram{
			X: float64(svg.Left + i*diagramStep), Y: plotTop + svg.Above, Width: diagramWidth, Height: diagramHeight,
			Title: fmt.Sprintf("RSA-%d", bits), XLabel: "jobs in flight", Color: strokeOurs.Color, Label: measure.Number,
		}
		var last *row
		for _, r := range p.signing {
			if r.Ours.Algorithm == fmt.Sprintf("rsa%d", bits) && r.Ours.Keys == p.keys && r.OursRate.Measured() {
				g.At, g.Values = append(g.At, r.Ours.Jobs), append(g.Values, r.OursRate.Median)
				last = r
			}
		}
		if last != nil {
			g.Levels = append(g.Levels, svg.Level{Value: last.BaseRate.Median, Stroke: strokeStd})
			if last.openssl != nil {
				g.Levels = append(g.Levels, svg.Level{Value: last.openssl.Median, Stroke: strokeOpenSSL})
			}
		}
		d.Draw(g)
	}
	return d.Bytes()
}
