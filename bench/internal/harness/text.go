package harness

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"asynccrypto/internal/measure"
)

// Text writes the result for a person: where it was measured, each table, and how far every
// figure is from its goal.
func (r *Result) Text(w io.Writer) error {
	var b strings.Builder
	for _, fact := range r.facts() {
		b.WriteString(wrapped(fact))
	}
	for _, t := range r.Tables {
		fmt.Fprintf(&b, "\n%s\n", t.Title)
		if t.Note != "" {
			b.WriteString(wrapped(t.Note))
		}
		for _, line := range aligned(t.cells(true)) {
			fmt.Fprintln(&b, strings.TrimRight(line, " "))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Markdown writes the result as a section of a page: the same without the goals.
func (r *Result) Markdown(w io.Writer) error {
	var b strings.Builder
	for _, fact := range r.facts() {
		b.WriteString("- " + strings.ReplaceAll(strings.TrimSpace(wrapped(fact)), "\n", "\n  ") + "\n")
	}
	fmt.Fprintf(&b, "\n      %s\n", r.Command)
	for _, t := range r.Tables {
		fmt.Fprintf(&b, "\n**%s**", capital(t.Title))
		if t.Note != "" {
			b.WriteString("\\\n" + strings.TrimSpace(wrapped(t.Note)))
		}
		b.WriteString("\n\n")
		lines := t.cells(false)
		for i, cells := range lines {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
			if i == 0 {
				fmt.Fprintf(&b, "|---%s|\n", strings.Repeat("|---", len(cells)-1))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// wrapped returns text in lines of at most 110 columns, each with its end.
func wrapped(text string) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case column == 0:
		case column+1+len(word) > 110:
			b.WriteString("\n")
			column = 0
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String() + "\n"
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// facts says where and how the figures were measured, one fact a line.
func (r *Result) facts() []string {
	facts := []string{r.Machine.String()}
	if len(r.Beside) > 0 {
		facts = append(facts, "beside "+strings.Join(r.Beside, " and "))
	}
	for _, missing := range r.Missing {
		facts = append(facts, "not measured: "+missing)
	}
	if r.Rounds > 0 {
		facts = append(facts, fmt.Sprintf("medians of %s of %v; a comparison is formed pair by pair, with its least..most",
			measure.Count(r.Rounds, "round"), r.Slice()))
	}
	if r.Busy > 0 || r.Again > 0 {
		facts = append(facts, fmt.Sprintf("other programs had a part of the cores: %s repeated, and %d of %d remained disturbed",
			measure.Count(r.Again, "slice"), r.Busy, r.Slices))
	}
	if r.Disturbed {
		facts = append(facts, "DISTURBED: at least one median may be a disturbed slice")
	}
	if r.Quick {
		facts = append(facts, "QUICK: a first idea, not a figure to quote")
	}
	if r.Part {
		facts = append(facts, "PARTIAL: a flag has left out a part")
	}
	return append(facts, r.Notes...)
}

// cells returns the table as text, the heads first: a column for the names, one for each head
// of a value, and one for remarks if there are any.
func (t *Table) cells(goals bool) [][]string {
	heads := []string{""}
	remarks := false
	for _, row := range t.Rows {
		remarks = remarks || row.Remark != ""
		for _, v := range row.Values {
			if !slices.Contains(heads, v.Head) {
				heads = append(heads, v.Head)
			}
		}
	}
	columns := len(heads)
	if remarks {
		heads = append(heads, "")
	}
	lines := [][]string{heads}
	for _, row := range t.Rows {
		line := make([]string, len(heads))
		line[0] = row.Name
		for i := 1; i < columns; i++ {
			line[i] = "-"
		}
		if row.Skipped != "" {
			line[0] += ": not measured, " + row.Skipped
		}
		for _, v := range row.Values {
			line[slices.Index(heads, v.Head)] = v.text(goals)
		}
		if remarks {
			line[columns] = row.Remark
		}
		lines = append(lines, line)
	}
	return lines
}

// text returns the median with its unit; for a comparison, and for a figure that has a goal,
// also the spread.
func (v *Value) text(goals bool) string {
	format := func(f float64) string { return measure.Number(f) }
	unit := " " + string(v.Unit)
	switch v.Unit {
	case Times:
		format, unit = times, ""
	case Plain, PerSecond:
		unit = string(v.Unit)
	}
	text := format(v.Median) + unit
	if len(v.Rounds) > 1 && (v.Unit == Times || v.Goal != (Goal{})) {
		text += fmt.Sprintf(" (%s..%s)", format(v.Least), format(v.Most))
	}
	if goals && v.Verdict != "" {
		text += fmt.Sprintf(", %v: %s", v.Goal, v.Verdict)
	}
	return text
}

// times formats a comparison with two digits after the point, as it is judged, where they mean
// something.
func times(f float64) string {
	if f >= 100 {
		return measure.Number(f)
	}
	return fmt.Sprintf("%.2f", f)
}

// String returns the goal in words.
func (g Goal) String() string {
	switch {
	case g.None:
		return "none"
	case g.AtMost > 0:
		return fmt.Sprintf("at most %g", g.AtMost)
	case g.Aim > 0:
		return fmt.Sprintf("at least %g, aim %g", g.AtLeast, g.Aim)
	}
	return fmt.Sprintf("at least %g", g.AtLeast)
}

// aligned returns a line for each row of cells. Figures are aligned to the right; names,
// remarks, and the columns that have a spread, to the left. The name of a row that was not
// measured stands alone, as it takes more than its column.
func aligned(cells [][]string) []string {
	widths, left := make([]int, len(cells[0])), make([]bool, len(cells[0]))
	for _, row := range cells {
		for i, cell := range row {
			if i > 0 || !strings.Contains(cell, ": not measured, ") {
				widths[i] = max(widths[i], len(cell))
			}
			left[i] = left[i] || cells[0][i] == "" || strings.Contains(cell, "..") || strings.Contains(cell, ", at ")
		}
	}
	var lines []string
	for _, row := range cells {
		if strings.Contains(row[0], ": not measured, ") {
			lines = append(lines, row[0])
			continue
		}
		line := fmt.Sprintf("%-*s", widths[0], row[0])
		for i, cell := range row[1:] {
			width := widths[i+1]
			if left[i+1] {
				width = -width
			}
			line += fmt.Sprintf("  %*s", width, cell)
		}
		lines = append(lines, line)
	}
	return lines
}
