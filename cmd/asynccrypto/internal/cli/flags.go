package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Flags are the options of a command, in the order of its help. Each method that declares one
// takes a pointer to its value, which holds the default, and the text of the help. The help adds
// the default unless that is the zero value; a default that is computed later stands in the text.
//
// Options may stand anywhere among the arguments, up to "--"; package flag stops at the first
// argument. An option that is given twice is a usage error, also under two names. Options of the
// method Strings may be given several times.
type Flags struct {
	sections []section
	byName   map[string]*option
}

// section is a group of options under a title of its own.
type section struct {
	title   string
	options []*option
}

type option struct {
	name   string
	other  string // a second name, or empty
	value  string // what the help calls the value; empty for an option without one
	usage  string
	preset string // the default as the help prints it, or empty
	set    func(text string) error
	given  string // the name that it was given by
	repeat bool   // may be given several times
}

var errHelp = errors.New("help")

// Section begins a group of options with a title in the help. Options declared before it are
// under "Options".
func (f *Flags) Section(title string) { f.sections = append(f.sections, section{title: title}) }

// Func declares an option whose value, which the help calls value, is parsed by set.
func (f *Flags) Func(name, value, usage string, set func(text string) error) {
	f.add(&option{name: name, value: value, usage: usage, set: set})
}

// String declares an option that takes any text.
func (f *Flags) String(p *string, name, value, usage string) {
	f.add(&option{name: name, value: value, usage: usage, preset: *p, set: func(text string) error {
		*p = text
		return nil
	}})
}

// Strings declares an option that takes any text and may be given several times, which the help
// says.
func (f *Flags) Strings(p *[]string, name, value, usage string) {
	f.add(&option{name: name, value: value, usage: usage, repeat: true, set: func(text string) error {
		*p = append(*p, text)
		return nil
	}})
}

// Bool declares an option that is on when it is given; "-name=false" turns it off.
func (f *Flags) Bool(p *bool, name, usage string) {
	f.add(&option{name: name, usage: usage, set: func(text string) (err error) {
		if *p, err = strconv.ParseBool(text); err != nil {
			return errors.New("neither true nor false")
		}
		return nil
	}})
}

// Int declares an option that takes a whole number from low to high.
func (f *Flags) Int(p *int, name string, low, high int, usage string) {
	preset := ""
	if *p != 0 {
		preset = strconv.Itoa(*p)
	}
	f.add(&option{name: name, value: "N", usage: usage, preset: preset, set: func(text string) error {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if errors.Is(err, strconv.ErrSyntax) {
			return errors.New("not a whole number")
		}
		if err != nil || n < low || n > high {
			return fmt.Errorf("must be between %d and %d", low, high)
		}
		*p = n
		return nil
	}})
}

// Duration declares an option that takes a time from 1ms to 24h: Go's 1m30s, or a number of
// seconds such as 90 or 0.5.
func (f *Flags) Duration(p *time.Duration, name, usage string) {
	preset := ""
	if *p != 0 {
		preset = shortest(*p)
	}
	f.add(&option{name: name, value: "TIME", usage: usage, preset: preset, set: func(text string) (err error) {
		*p, err = parseDuration(text)
		return err
	}})
}

func parseDuration(text string) (time.Duration, error) {
	const low, high = time.Millisecond, 24 * time.Hour
	d, err := time.ParseDuration(text)
	if s, bare := strconv.ParseFloat(text, 64); bare == nil {
		// The bounds come first: a float outside them need not fit in a Duration, and NaN is
		// within none.
		if !(s >= low.Seconds() && s <= high.Seconds()) {
			s = 0
		}
		d, err = time.Duration(s*float64(time.Second)), nil
	}
	if err != nil || d < low || d > high {
		return 0, errors.New("not a time from 1ms to 24h, such as 30s or 1m30s (a number alone is seconds)")
	}
	return d, nil
}

// shortest writes d as a user would type it: 5m where Duration.String has 5m0s.
func shortest(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Also gives an option that is declared already a second name: a shorter one, or the one that it
// had before.
func (f *Flags) Also(other, name string) {
	o := f.byName[name]
	o.other = other
	f.byName[other] = o
}

func (f *Flags) add(o *option) {
	if f.sections == nil {
		f.Section("Options")
	}
	last := &f.sections[len(f.sections)-1]
	last.options = append(last.options, o)
	if f.byName == nil {
		f.byName = make(map[string]*option)
	}
	f.byName[o.name] = o
}

// Given reports whether the option was given, be it with the value of its default.
func (f *Flags) Given(name string) bool { return f.byName[name].given != "" }

// parse sets the options and returns the arguments that are none. Errors are usage errors, or
// errHelp.
func (f *Flags) parse(args []string) (rest []string, err error) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			return append(rest, args...), nil
		}
		if len(arg) < 2 || arg[0] != '-' {
			rest = append(rest, arg)
			continue
		}
		name, text, hasText := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
		o := f.byName[name]
		switch {
		case o == nil && (name == "h" || name == "help"):
			return nil, errHelp
		case o == nil:
			return nil, Usagef("unknown option -%s", name)
		case o.given == name && !o.repeat:
			return nil, Usagef("-%s is given twice; give it once", name)
		case o.given != "" && !o.repeat:
			return nil, Usagef("-%s and -%s are the same option; give one of them", o.given, name)
		case hasText:
		case o.value == "":
			text = "true"
		case len(args) == 0:
			return nil, Usagef("-%s needs an argument: %s", name, o.value)
		default:
			text, args = args[0], args[1:]
		}
		o.given = name
		if err := o.set(text); err != nil {
			return nil, Usagef("-%s %q: %w", name, text, err)
		}
	}
	return rest, nil
}
