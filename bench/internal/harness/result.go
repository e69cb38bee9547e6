package harness

import (
	"math"
	"slices"
	"time"
)

// Result is everything that a run of a subject found out. With -json it is printed as it is,
// and a file in the results folder is one.
type Result struct {
	Subject string   `json:"subject"`
	Command string   `json:"command"` // repeats the run
	Machine Machine  `json:"machine"`
	Beside  []string `json:"beside,omitempty"`  // what ours is measured beside, with versions
	Missing []string `json:"missing,omitempty"` // what is not measured, and why
	Notes   []string `json:"notes,omitempty"`   // what applies to all tables
	Rounds  int      `json:"rounds"`
	SliceNS int64    `json:"slice_ns"` // how long one side of a pair is measured
	Quick   bool     `json:"quick,omitempty"`
	Part    bool     `json:"part,omitempty"` // a flag has left out some of the tables

	Slices    int      `json:"slices"`           // that were checked for other programs
	Again     int      `json:"measured_again"`   // repeated slices: other programs had a part of the cores
	Busy      int      `json:"disturbed_slices"` // slices that remained disturbed
	Disturbed bool     `json:"disturbed"`        // a median of some row may be a disturbed slice
	Tables    []*Table `json:"tables"`
}

// Table has one kind of measurement.
type Table struct {
	Title string `json:"title"`
	Note  string `json:"note,omitempty"` // how the figures were made
	Rows  []*Row `json:"rows"`
}

// Row has the figures of one measurement, and how they compare.
type Row struct {
	Name      string   `json:"name"`
	Values    []*Value `json:"values,omitempty"`
	Remark    string   `json:"remark,omitempty"`
	Disturbed int      `json:"disturbed_slices,omitempty"`
	Skipped   string   `json:"skipped,omitempty"` // why the row was not measured
}

// Value is a figure of one side, or a comparison of two.
type Value struct {
	Head string `json:"head"` // of its column
	Unit Unit   `json:"unit,omitempty"`
	*Series
	Goal
	Verdict string `json:"verdict,omitempty"` // whether the goal was met

	rounds []float64
	pairs  func() []float64 // of a comparison
}

// Goal is a bound that a value has to keep; a field of 0 is none. Aim is a hope beyond AtLeast.
type Goal struct {
	AtLeast float64 `json:"at_least,omitempty"`
	Aim     float64 `json:"aim,omitempty"`
	AtMost  float64 `json:"at_most,omitempty"`
	None    bool    `json:"none,omitempty"` // no round may have any: of errors
}

// Unit is the unit of a value.
type Unit string

// The units. Times is that of comparisons: how many times as fast, as small or as cheap ours is
// as the other side.
const (
	Times        Unit = "times"
	Nanoseconds  Unit = "ns"
	Microseconds Unit = "us"
	Milliseconds Unit = "ms"
	Bytes        Unit = "B"
	Kilobytes    Unit = "KB"
	Megabytes    Unit = "MB" // 1 << 20 bytes
	PerSecond    Unit = "/s"
	Plain        Unit = "" // a number, such as the size of a batch
)

// Table adds a table.
func (r *Result) Table(title, note string) *Table {
	t := &Table{Title: title, Note: note}
	r.Tables = append(r.Tables, t)
	return t
}

// Row adds a row.
func (t *Table) Row(name string) *Row {
	r := &Row{Name: name}
	t.Rows = append(t.Rows, r)
	return r
}

// Value adds a figure in a column.
func (r *Row) Value(head string, unit Unit) *Value {
	v := &Value{Head: head, Unit: unit}
	r.Values = append(r.Values, v)
	return v
}

// TimesLess adds a comparison of figures of which less is better, such as nanoseconds: base
// divided by ours. It says how many times as fast, or as small, ours is.
func (r *Row) TimesLess(head string, ours, base *Value, goal Goal) *Value {
	return r.compare(head, base, ours, goal)
}

// TimesMore adds a comparison of figures of which more is better, such as signatures per
// second: ours divided by base.
func (r *Row) TimesMore(head string, ours, base *Value, goal Goal) *Value {
	return r.compare(head, ours, base, goal)
}

func (r *Row) compare(head string, over, under *Value, goal Goal) *Value {
	v := r.Value(head, Times)
	v.Goal = goal
	v.pairs = func() []float64 { return ratios(over.rounds, under.rounds) }
	return v
}

// Note adds the figure of a round.
func (v *Value) Note(figure float64) { v.rounds = append(v.rounds, figure) }

// Measured reports whether there is a figure.
func (v *Value) Measured() bool { return v.Series != nil }

// Conclude summarizes the rounds, and judges the values that have a goal. It leaves out values
// without a figure, rows without a value, and tables without a row.
func (r *Result) Conclude() {
	for _, t := range r.Tables {
		for _, row := range t.Rows {
			// The median may be a disturbed slice, or be made of one.
			disturbed := row.Disturbed > 0 && 2*row.Disturbed >= r.Rounds
			r.Disturbed = r.Disturbed || disturbed
			for _, v := range row.Values {
				if v.pairs != nil {
					v.rounds = v.pairs()
				}
				v.Series = Summarize(v.rounds)
				v.Verdict = v.verdict()
				if v.Verdict != "" && disturbed {
					v.Verdict = "not judged, disturbed"
				}
			}
			row.Values = slices.DeleteFunc(row.Values, func(v *Value) bool { return v.Series == nil })
		}
		t.Rows = slices.DeleteFunc(t.Rows, func(row *Row) bool { return len(row.Values) == 0 && row.Skipped == "" })
	}
	r.Tables = slices.DeleteFunc(r.Tables, func(t *Table) bool { return len(t.Rows) == 0 })
}

// verdict says whether the median met the goal, or every round if there may be none. It judges the
// median as it is printed, with two digits after the point.
func (v *Value) verdict() string {
	if v.Series == nil || v.Goal == (Goal{}) {
		return ""
	}
	median := math.Round(v.Median*100) / 100
	switch {
	case v.None && v.Most > 0:
		return "missed"
	case v.AtLeast != 0 && median < v.AtLeast, v.AtMost > 0 && median > v.AtMost:
		return "missed"
	case v.Aim == 0:
		return "met"
	case median >= v.Aim:
		return "met, and the aim"
	}
	return "met, the aim not"
}

// Slice returns how long one side of a pair was measured.
func (r *Result) Slice() time.Duration { return time.Duration(r.SliceNS) }
