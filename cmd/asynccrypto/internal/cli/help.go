package cli

import (
	"fmt"
	"io"
	"strings"
)

// helpWidth is where the texts of options are wrapped. The other texts are wrapped as they are
// written.
const helpWidth = 98

// help writes the whole help in one piece.
func (c *Command) help(w io.Writer) {
	f := new(Flags)
	c.Setup(f)
	var b strings.Builder
	fmt.Fprintf(&b, "%s.\n\nUsage:\n", c.Short)
	for _, c := range append([]*Command{c}, c.Subcommands...) {
		for line := range strings.SplitSeq(strings.Trim(c.Usage, "\n"), "\n") {
			b.WriteString("    " + strings.TrimRight(programName+" "+c.Name+" "+line, " ") + "\n")
		}
	}
	paragraph(&b, c.Arguments)
	f.help(&b)
	paragraph(&b, c.Long)
	example(&b, c.Example)
	io.WriteString(w, b.String())
}

func (p *Program) help(w io.Writer) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s.\n\nUsage:\n    %s COMMAND [options] [arguments]\n\nCommands:\n", p.Short, programName)
	for _, c := range p.Commands {
		fmt.Fprintf(&b, "    %-11s %s\n", c.Name, c.Short)
	}
	fmt.Fprintf(&b, "\n\"%[1]s help COMMAND\", or \"%[1]s COMMAND -h\", explains a command and its options.\n", programName)
	paragraph(&b, p.Long)
	example(&b, p.Example)
	io.WriteString(w, b.String())
}

// help writes the sections. The texts of all options begin in the same column.
func (f *Flags) help(b *strings.Builder) {
	column := 0
	for _, s := range f.sections {
		for _, o := range s.options {
			column = max(column, len(o.head()))
		}
	}
	for _, s := range f.sections {
		fmt.Fprintf(b, "\n%s:\n", s.title)
		for _, o := range s.options {
			head := o.head()
			for line := range strings.Lines(wrap(o.text(), helpWidth-column-6)) {
				fmt.Fprintf(b, "    %-*s  %s", column, head, line)
				head = ""
			}
			b.WriteString("\n")
		}
	}
}

func (o *option) head() string {
	return strings.TrimRight("-"+o.name+" "+o.value, " ")
}

// text is the usage, the default and the other name.
func (o *option) text() string {
	var notes []string
	if o.preset != "" {
		notes = append(notes, "default "+o.preset)
	}
	if o.repeat {
		notes = append(notes, "may be given several times")
	}
	if o.other != "" {
		notes = append(notes, "also -"+o.other)
	}
	note := strings.Join(notes, "; ")
	if note == "" {
		return o.usage
	}
	if usage, ok := strings.CutSuffix(o.usage, ")"); ok { // it ends with a default of its own
		return usage + "; " + note + ")"
	}
	return o.usage + " (" + note + ")"
}

// wrap breaks text between words into lines of at most width bytes, unless a word is longer.
func wrap(text string, width int) string {
	var b strings.Builder
	used := 0
	for _, word := range strings.Fields(text) {
		switch {
		case used == 0:
		case used+1+len(word) > width:
			b.WriteString("\n")
			used = 0
		default:
			b.WriteString(" ")
			used++
		}
		b.WriteString(word)
		used += len(word)
	}
	return b.String()
}

func paragraph(b *strings.Builder, text string) {
	if text != "" {
		b.WriteString("\n" + strings.Trim(text, "\n") + "\n")
	}
}

// example indents a session.
func example(b *strings.Builder, text string) {
	if text == "" {
		return
	}
	b.WriteString("\nExample:\n")
	for line := range strings.Lines(strings.Trim(text, "\n") + "\n") {
		if line != "\n" {
			line = "    " + line
		}
		b.WriteString(line)
	}
}
