package svg

import (
	"fmt"
	"math"
	"strconv"
)

// Diagram shows a quantity as it goes with a number, which is on the x axis, on a logarithmic
// scale.
type Diagram struct {
	X, Y          float64 // the upper left corner of the space between the axes
	Width, Height float64 // of that space
	Title         string  // above it
	XLabel        string  // below it

	At     []int     // the numbers on the x axis, positive and ascending
	Values []float64 // one for each of At, none negative; drawn as a line with dots in Color
	Color  string
	Levels []Level // values that do not go with the number

	Log   bool                   // the y axis is logarithmic, and does not begin at zero
	Label func(v float64) string // formats a value on the y axis
}

// Level is a horizontal line across a diagram.
type Level struct {
	Value float64
	Stroke
}

// The room that a diagram takes outside of its axes, at most.
const (
	Left   = 80 // for the labels of the y axis
	Above  = 30 // for the title
	Bottom = 50 // for the labels of the x axis
)

// Draw draws a diagram. A diagram without values has only its axes.
func (d *Drawing) Draw(g *Diagram) {
	d.text(g.X, g.Y-10, "start", ` font-weight="bold"`, g.Title)
	axis := g.scale()
	for _, t := range axis.ticks {
		y := g.y(t, axis)
		d.line(g.X, y, g.X+g.Width, y, 1, Stroke{Color: grid})
		d.text(g.X-8, y+4, "end", "", g.Label(t))
	}
	bottom := g.Y + g.Height
	d.line(g.X, g.Y, g.X, bottom, 1, Stroke{Color: ink})
	d.line(g.X, bottom, g.X+g.Width, bottom, 1, Stroke{Color: ink})
	for _, l := range g.Levels {
		y := g.y(l.Value, axis)
		d.line(g.X, y, g.X+g.Width, y, 2, l.Stroke)
	}
	var points []string
	right := math.Inf(-1) // where the last label ended
	for i, n := range g.At {
		x := g.x(n)
		points = append(points, fmt.Sprintf("%.1f,%.1f", x, g.y(g.Values[i], axis)))
		d.line(x, bottom, x, bottom+5, 1, Stroke{Color: ink})
		label := strconv.Itoa(n)
		if half := 3.5 * float64(len(label)); x-half > right+5 {
			d.text(x, bottom+20, "middle", "", label)
			right = x + half
		}
	}
	d.polyline(points, g.Color)
	for i, n := range g.At {
		d.dot(g.x(n), g.y(g.Values[i], axis), g.Color)
	}
	d.text(g.X+g.Width/2, bottom+38, "middle", "", g.XLabel)
}

// scale is the range of an axis, and its ticks.
type scale struct {
	low, high float64
	ticks     []float64
}

// scale returns the y axis: round numbers that enclose all values, none of which is negative.
func (g *Diagram) scale() scale {
	least, most := math.Inf(1), 0.0
	for _, v := range g.Values {
		least, most = min(least, v), max(most, v)
	}
	for _, l := range g.Levels {
		least, most = min(least, l.Value), max(most, l.Value)
	}
	if g.Log {
		most = max(most, 1)
		least = min(max(least, 1), most)
		s := scale{low: math.Pow(10, math.Floor(math.Log10(least))), high: math.Pow(10, math.Ceil(math.Log10(most)))}
		if s.high <= s.low {
			s.high = 10 * s.low
		}
		for t := s.low; t < s.high*1.01; t *= 10 {
			s.ticks = append(s.ticks, t)
		}
		return s
	}
	step := niceStep(most / 4)
	var s scale
	for t := 0.0; ; t += step {
		s.ticks = append(s.ticks, t)
		if t > 0 && t >= most {
			s.high = t
			return s
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

// y returns the y coordinate of a value.
func (g *Diagram) y(v float64, s scale) float64 {
	part := (v - s.low) / (s.high - s.low)
	if g.Log {
		part = math.Log(max(v, s.low)/s.low) / math.Log(s.high/s.low)
	}
	return g.Y + g.Height*(1-part)
}

// x returns the x coordinate of a number.
func (g *Diagram) x(n int) float64 {
	first, last := g.At[0], g.At[len(g.At)-1]
	if first == last {
		return g.X + g.Width/2
	}
	const margin = 20
	return g.X + margin + (g.Width-2*margin)*math.Log(float64(n)/float64(first))/math.Log(float64(last)/float64(first))
}
