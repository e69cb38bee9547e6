package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"strings"
	"time"
)

// The plot has a row for each operation, with two panels: operations per second, from zero, and the 99th percentile of
// the latency, on a logarithmic scale, as it grows with the number of jobs. The direct calls, which have no such number,
// are a dashed line across.
const (
	panelWidth  = 330
	panelHeight = 170
	panelLeft   = 80 // room for the labels of the y axis
	panelGap    = 110
	rowHeight   = panelHeight + 100
	plotTop     = 70
	plotWidth   = panelLeft + panelWidth + panelGap + panelWidth + 30

	engineColor = "#1f5fa8"
	directColor = "#c0392b"
)

// panel is one diagram, its corner at x, y.
type panel struct {
	b      *bytes.Buffer
	x, y   float64
	title  string
	jobs   []int
	engine []float64 // for each of jobs
	direct float64
	log    bool
	label  func(v float64) string
}

func (r *report) plot() []byte {
	var b bytes.Buffer
	height := plotTop + len(r.groups)*rowHeight
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="12" fill="#222">`+"\n",
		plotWidth, height, plotWidth, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", plotWidth, height)
	text(&b, panelLeft, 26, "start", `font-size="16" font-weight="bold"`,
		fmt.Sprintf("Called directly, and as jobs through the engine %s, on the same %s", r.kind.name, count(r.groups[0][0].cores, "core")))
	legend(&b, r.kind.name)
	for i, group := range r.groups {
		name := group[0].op.algorithm + " " + group[0].op.name
		rate := panel{b: &b, x: panelLeft, y: float64(plotTop + 30 + i*rowHeight), title: name + ": operations per second", label: thousands}
		p99 := panel{b: &b, x: panelLeft + panelWidth + panelGap, y: rate.y, title: name + ": 99th percentile of latency", log: true,
			label: func(v float64) string { return wholeDuration(time.Duration(v)) }}
		rate.direct, p99.direct = group[0].perSecond(), float64(group[0].latency(0.99))
		for _, s := range group[1:] {
			rate.jobs = append(rate.jobs, s.jobs)
			rate.engine = append(rate.engine, s.perSecond())
			p99.engine = append(p99.engine, float64(s.latency(0.99)))
		}
		p99.jobs = rate.jobs
		rate.draw()
		p99.draw()
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func legend(b *bytes.Buffer, engine string) {
	line(b, panelLeft, 48, panelLeft+30, 48, engineColor, 2, "")
	circle(b, panelLeft+15, 48)
	text(b, panelLeft+38, 52, "start", "", "engine "+engine)
	x := float64(panelLeft + 38 + 9*len("engine "+engine))
	line(b, x, 48, x+30, 48, directColor, 2, "6 4")
	text(b, x+38, 52, "start", "", "called directly")
}

func (p *panel) draw() {
	text(p.b, p.x, p.y-10, "start", `font-weight="bold"`, p.title)
	low, high, ticks := p.scale()
	for _, t := range ticks {
		y := p.at(t, low, high)
		line(p.b, p.x, y, p.x+panelWidth, y, "#ddd", 1, "")
		text(p.b, p.x-8, y+4, "end", "", p.label(t))
	}
	bottom := p.y + panelHeight
	line(p.b, p.x, p.y, p.x, bottom, "#222", 1, "")
	line(p.b, p.x, bottom, p.x+panelWidth, bottom, "#222", 1, "")
	y := p.at(p.direct, low, high)
	line(p.b, p.x, y, p.x+panelWidth, y, directColor, 2, "6 4")

	var points []string
	right := math.Inf(-1)
	for i, n := range p.jobs {
		x := p.x + p.across(n)
		points = append(points, fmt.Sprintf("%.1f,%.1f", x, p.at(p.engine[i], low, high)))
		line(p.b, x, bottom, x, bottom+5, "#222", 1, "")
		if label := thousands(float64(n)); x-right > 5+7*float64(len(label)) { // not over the one before
			text(p.b, x, bottom+20, "middle", "", label)
			right = x
		}
	}
	fmt.Fprintf(p.b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, " "), engineColor)
	for i, n := range p.jobs {
		circle(p.b, p.x+p.across(n), p.at(p.engine[i], low, high))
	}
	text(p.b, p.x+panelWidth/2, bottom+38, "middle", "", "jobs in flight")
}

// scale returns what the y axis spans, and its ticks: round numbers that enclose all values.
func (p *panel) scale() (low, high float64, ticks []float64) {
	least, most := p.direct, p.direct
	for _, v := range p.engine {
		least, most = min(least, v), max(most, v)
	}
	if p.log {
		least, most = max(least, 1), max(most, 1)
		low = math.Pow(10, math.Floor(math.Log10(least)))
		high = math.Pow(10, math.Ceil(math.Log10(most)))
		if high <= low {
			high = 10 * low
		}
		for t := low; t < high*1.01; t *= 10 {
			ticks = append(ticks, t)
		}
		return low, high, ticks
	}
	step := niceStep(most / 4)
	for t := 0.0; ; t += step {
		ticks = append(ticks, t)
		if t > 0 && t >= most {
			return 0, t, ticks
		}
	}
}

// niceStep returns the smallest of 1, 2 and 5 times a power of ten that is at least v.
func niceStep(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= v {
			return m * power
		}
	}
	return 10 * power
}

// at returns the y coordinate of a value.
func (p *panel) at(v, low, high float64) float64 {
	part := (v - low) / (high - low)
	if p.log {
		part = math.Log(max(v, low)/low) / math.Log(high/low)
	}
	return p.y + panelHeight*(1-part)
}

// across returns where a number of jobs is on the x axis, which is logarithmic.
func (p *panel) across(jobs int) float64 {
	first, last := p.jobs[0], p.jobs[len(p.jobs)-1]
	if first == last {
		return panelWidth / 2
	}
	const margin = 20
	return margin + (panelWidth-2*margin)*math.Log(float64(jobs)/float64(first))/math.Log(float64(last)/float64(first))
}

func line(b *bytes.Buffer, x1, y1, x2, y2 float64, color string, width float64, dashes string) {
	if dashes != "" {
		dashes = fmt.Sprintf(` stroke-dasharray="%s"`, dashes)
	}
	fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%g"%s/>`+"\n", x1, y1, x2, y2, color, width, dashes)
}

func circle(b *bytes.Buffer, x, y float64) {
	fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>`+"\n", x, y, engineColor)
}

func text(b *bytes.Buffer, x, y float64, anchor, attributes, s string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s" %s>`, x, y, anchor, attributes)
	xml.EscapeText(b, []byte(s))
	b.WriteString("</text>\n")
}
