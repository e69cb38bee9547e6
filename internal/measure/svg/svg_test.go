package svg

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"testing"
)

func TestDrawingIsWellFormedAndWithinItsSize(t *testing.T) {
	const width, height = 600, 300
	for name, g := range map[string]*Diagram{
		"usual":  {At: []int{1, 64}, Values: []float64{1000, 9000}, Levels: []Level{{Value: 2000}}},
		"log":    {At: []int{1, 8, 64}, Values: []float64{1e3, 1e6, 1e9}, Levels: []Level{{Value: 2000}}, Log: true},
		"single": {At: []int{7}, Values: []float64{1}, Levels: []Level{{Value: 1}}},
		"zero":   {At: []int{1, 100_000}, Values: []float64{0, 0}, Levels: []Level{{Value: 0}, {Value: 0}}},
		"log 0":  {At: []int{1, 100_000}, Values: []float64{0, 0}, Log: true},
		"empty":  {},
	} {
		g.X, g.Y, g.Width, g.Height = Left, Above, width-Left-20, height-Above-Bottom
		g.Title, g.XLabel, g.Color = "rsa<&>", `a "<b>" & c`, "#123456"
		g.Label = func(v float64) string { return fmt.Sprint(v) }
		d := New(width, height)
		d.Title(5, 20, "<title>")
		d.Legend(5, 40, Entry{Name: "&", Dots: true}, Entry{Name: "<", Stroke: Stroke{Color: "#fff", Dashes: "6 4"}})
		d.Draw(g)
		document := d.Bytes()
		circles := 0
		for decoder := xml.NewDecoder(bytes.NewReader(document)); ; {
			token, err := decoder.Token()
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v in %s", name, err, document)
			}
			if e, ok := token.(xml.StartElement); ok && e.Name.Local == "circle" {
				circles++
			}
		}
		if want := 1 + len(g.At); circles != want { // one is the legend's
			t.Errorf("%s: %d points, not %d", name, circles, want)
		}
		if bytes.Contains(document, []byte("NaN")) || bytes.Contains(document, []byte("Inf")) {
			t.Errorf("%s: a coordinate is no number in %s", name, document)
		}
		for _, m := range regexp.MustCompile(` (c?[xy][12]?)="([^"]+)"`).FindAllSubmatch(document, -1) {
			limit := float64(width)
			if bytes.ContainsRune(m[1], 'y') {
				limit = height
			}
			if v, err := strconv.ParseFloat(string(m[2]), 64); err != nil || v < 0 || v > limit {
				t.Errorf("%s: %s is %s", name, m[1], m[2])
			}
		}
	}
}

func TestScaleEnclosesTheValues(t *testing.T) {
	for _, g := range []Diagram{
		{Levels: []Level{{Value: 1234}}, Values: []float64{17, 5001}},
		{Levels: []Level{{Value: 0}}, Values: []float64{0}},
		{Levels: []Level{{Value: 1e6}}, Values: []float64{3e9}, Log: true},
		{Levels: []Level{{Value: 1000}}, Values: []float64{1000}, Log: true},
	} {
		s := g.scale()
		for _, v := range append(g.Values, g.Levels[0].Value) {
			if v < s.low || v > s.high || s.low >= s.high {
				t.Errorf("%v is outside of %v to %v", v, s.low, s.high)
			}
		}
		if n := len(s.ticks); n < 2 || n > 8 || s.ticks[0] != s.low || s.ticks[n-1] != s.high {
			t.Errorf("%v to %v has ticks %v", s.low, s.high, s.ticks)
		}
	}
}
