package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"strings"
)

// The plot has a panel for each size of key: signatures/s on one core, from zero, against the number of jobs. Who makes
// no use of many jobs is a dashed line across.
const (
	panelWidth  = 250
	panelHeight = 230
	panelLeft   = 70
	panelStep   = panelWidth + 90
	panelTop    = 120

	colorOurs    = "#1f5fa8"
	colorOpenSSL = "#2e8b57"
	colorStd     = "#c0392b"
)

// drawing is an SVG under way.
type drawing struct{ bytes.Buffer }

func (f *signFindings) svg() []byte {
	d := &drawing{}
	width, height := panelLeft+len(rsaSizes)*panelStep, panelTop+panelHeight+60
	fmt.Fprintf(d, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="12" fill="#222">`+"\n",
		width, height, width, height)
	fmt.Fprintf(d, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	d.text(20, 28, "start", `font-size="16" font-weight="bold"`, "RSA signatures per second on one core")
	d.text(20, 48, "start", "", fmt.Sprintf("%s, %s, %s; medians of %d interleaved rounds, %d keys", f.Machine.CPU, f.Machine.Go, f.Machine.Date, f.Rounds, f.Keys))
	d.legend(f)
	for i, bits := range rsaSizes {
		d.panel(float64(panelLeft+i*panelStep), bits, f.Rows, f.Keys)
	}
	d.WriteString("</svg>\n")
	return d.Bytes()
}

func (d *drawing) legend(f *signFindings) {
	x := 20.0
	for _, l := range []struct{ name, color, dashes string }{
		{"this project, as jobs", colorOurs, ""}, {f.Machine.Libcrypto, colorOpenSSL, "2 3"}, {"crypto/rsa, called directly", colorStd, "6 4"},
	} {
		if l.name == "" {
			continue // no openssl was there
		}
		d.line(x, 72, x+30, 72, l.color, 2, l.dashes)
		d.text(x+38, 76, "start", "", l.name)
		x += 70 + 7*float64(len(l.name))
	}
}

// panel draws the rows of one size with the most keys.
func (d *drawing) panel(x float64, bits int, rows []*signRow, keys int) {
	d.text(x, panelTop-12, "start", `font-weight="bold"`, fmt.Sprintf("RSA-%d", bits))
	var mine []*signRow
	most := 0.0
	for _, r := range sortedSign(rows) {
		if r.Algorithm == fmt.Sprintf("rsa%d", bits) && r.Keys == keys && r.Ours != nil {
			mine = append(mine, r)
			most = max(most, r.Ours.Median, r.Theirs.Median)
			if r.OpenSSL != nil {
				most = max(most, r.OpenSSL.Median)
			}
		}
	}
	if len(mine) == 0 {
		return
	}
	step := niceStep(most / 5)
	high := step * math.Ceil(most/step)
	const bottom = panelTop + panelHeight
	at := func(v float64) float64 { return bottom - panelHeight*v/high }
	for t := 0.0; t < high+step/2; t += step {
		d.line(x, at(t), x+panelWidth, at(t), "#ddd", 1, "")
		d.text(x-8, at(t)+4, "end", "", thousands(t))
	}
	d.line(x, panelTop, x, bottom, "#222", 1, "")
	d.line(x, bottom, x+panelWidth, bottom, "#222", 1, "")

	last := mine[len(mine)-1] // its pair was measured like the others
	d.line(x, at(last.Theirs.Median), x+panelWidth, at(last.Theirs.Median), colorStd, 2, "6 4")
	if last.OpenSSL != nil {
		d.line(x, at(last.OpenSSL.Median), x+panelWidth, at(last.OpenSSL.Median), colorOpenSSL, 2, "2 3")
	}
	var points []string
	for _, r := range mine {
		const margin = 20
		across := x + margin + (panelWidth-2*margin)*math.Log2(float64(r.Jobs))/math.Log2(jobsFull)
		points = append(points, fmt.Sprintf("%.1f,%.1f", across, at(r.Ours.Median)))
		fmt.Fprintf(d, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>`+"\n", across, at(r.Ours.Median), colorOurs)
		d.line(across, bottom, across, bottom+5, "#222", 1, "")
		d.text(across, bottom+20, "middle", "", fmt.Sprint(r.Jobs))
	}
	fmt.Fprintf(d, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, " "), colorOurs)
	d.text(x+panelWidth/2, bottom+42, "middle", "", "jobs in flight")
}

// niceStep returns the smallest of 1, 2 and 5 times a power of ten that is at least v.
func niceStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= v {
			return m * power
		}
	}
	return 10 * power
}

func (d *drawing) line(x1, y1, x2, y2 float64, color string, width int, dashes string) {
	if dashes != "" {
		dashes = fmt.Sprintf(` stroke-dasharray="%s"`, dashes)
	}
	fmt.Fprintf(d, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%d"%s/>`+"\n", x1, y1, x2, y2, color, width, dashes)
}

func (d *drawing) text(x, y float64, anchor, attributes, s string) {
	fmt.Fprintf(d, `<text x="%.1f" y="%.1f" text-anchor="%s" %s>`, x, y, anchor, attributes)
	xml.EscapeText(d, []byte(s))
	d.WriteString("</text>\n")
}
