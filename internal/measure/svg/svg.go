// Package svg draws diagrams as SVG documents.
package svg

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

// Drawing is an SVG document in the making, on a white ground. Coordinates are in pixels from the
// upper left corner.
type Drawing struct{ b bytes.Buffer }

// New begins a drawing of the given size.
func New(width, height int) *Drawing {
	d := &Drawing{}
	fmt.Fprintf(&d.b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" `+
		`font-family="sans-serif" font-size="12" fill="%s">`+"\n", width, height, width, height, ink)
	fmt.Fprintf(&d.b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	return d
}

// The colors of text and axes, and of the lines behind a diagram.
const (
	ink  = "#222"
	grid = "#ddd"
)

// Bytes ends the drawing and returns the document.
func (d *Drawing) Bytes() []byte {
	d.b.WriteString("</svg>\n")
	return d.b.Bytes()
}

// Stroke is how a line is drawn. Dashes is a list of lengths such as "6 4", empty for a solid
// line.
type Stroke struct{ Color, Dashes string }

// Title writes the headline of the drawing, from x to the right.
func (d *Drawing) Title(x, y float64, s string) {
	d.text(x, y, "start", ` font-size="16" font-weight="bold"`, s)
}

// Text writes s from x to the right, on the baseline y.
func (d *Drawing) Text(x, y float64, s string) { d.text(x, y, "start", "", s) }

func (d *Drawing) text(x, y float64, anchor, attributes, s string) {
	fmt.Fprintf(&d.b, `<text x="%.1f" y="%.1f" text-anchor="%s"%s>`, x, y, anchor, attributes)
	xml.EscapeText(&d.b, []byte(s))
	d.b.WriteString("</text>\n")
}

func (d *Drawing) line(x1, y1, x2, y2, width float64, s Stroke) {
	dashes := ""
	if s.Dashes != "" {
		dashes = fmt.Sprintf(` stroke-dasharray="%s"`, s.Dashes)
	}
	fmt.Fprintf(&d.b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%g"%s/>`+"\n",
		x1, y1, x2, y2, s.Color, width, dashes)
}

func (d *Drawing) polyline(points []string, color string) {
	fmt.Fprintf(&d.b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, " "), color)
}

func (d *Drawing) dot(x, y float64, color string) {
	fmt.Fprintf(&d.b, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>`+"\n", x, y, color)
}

// Entry explains one line of a diagram. Dots says whether it has a dot at each value.
type Entry struct {
	Name string
	Stroke
	Dots bool
}

// Legend explains the lines of the diagrams, side by side from x to the right, on the baseline y.
func (d *Drawing) Legend(x, y float64, entries ...Entry) {
	for _, e := range entries {
		d.line(x, y-4, x+30, y-4, 2, e.Stroke)
		if e.Dots {
			d.dot(x+15, y-4, e.Color)
		}
		d.Text(x+38, y, e.Name)
		x += 70 + 7*float64(len(e.Name))
	}
}
