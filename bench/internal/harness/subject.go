package harness

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"asynccrypto/internal/measure"
)

// Subject is one thing that the benchmark measures.
type Subject struct {
	Name  string
	Short string // one line for the list of subjects
	Long  string // for -h: both sides, how long it takes, and the programs that it needs

	// The defaults of -rounds and -time, without and with -quick. A subject without rounds of
	// its own has none of these flags.
	Rounds, QuickRounds int
	Slice, QuickSlice   time.Duration
	QuietShare          float64 // a slice with less of its CPU is disturbed; see [Quietly]

	// Flags declares the subject's own flags; it may be nil.
	Flags func(fs *flag.FlagSet)
	// Check looks at the values of the flags, and says whether they leave out a part of the
	// tables; it may be nil. Make its errors with [Usagef].
	Check func() (part bool, err error)
	// Instead, if not nil, does another task in place of measuring if a flag asks for it. It
	// reports whether it did.
	Instead func(ctx context.Context, stdout, stderr io.Writer) (done bool, err error)
	// Measure fills the run's result.
	Measure func(ctx context.Context, run *Run) error
	// Finish does more with the result, such as a plot; it may be nil.
	Finish func(r *Result) error
	// Roles are the mains of the processes that the subject starts with [StartChild], by name.
	Roles map[string]func(in io.Reader, out io.Writer) error
}

// Program is the benchmark: its subjects, and its other commands.
type Program struct {
	Name     string // as it is started: go run ./bench
	About    string
	Subjects []Subject // the first runs when none is named
	Commands []Command
}

// Command is something that the program does beside measuring.
type Command struct {
	Name, Short string
	Run         func(ctx context.Context, args []string, stdout io.Writer) error
}

// usageError is a mistake in the arguments: exit status 2.
type usageError string

func (e usageError) Error() string { return string(e) }

// Usagef returns an error about the arguments.
func Usagef(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

// Main runs the program, and ends it. In a process that [StartChild] has started it does what
// the role says.
func (p Program) Main() {
	if isChild, err := p.BeChild(); err != nil {
		fmt.Fprintln(os.Stderr, "bench: the process to measure in:", err)
		os.Exit(1)
	} else if isChild {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := p.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// BeChild carries out the role of this process, if it is a child.
func (p Program) BeChild() (isChild bool, err error) {
	if len(os.Args) != 3 || os.Args[1] != childArg {
		return false, nil
	}
	for _, s := range p.Subjects {
		if main := s.Roles[os.Args[2]]; main != nil {
			return true, main(os.Stdin, os.Stdout)
		}
	}
	return true, fmt.Errorf("there is no role %q", os.Args[2])
}

// Run is the program without the process: it returns the exit status.
func (p Program) Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := p.dispatch(ctx, args, stdout, stderr)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		err = errors.New("interrupted, nothing is reported")
	}
	var usage usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(stderr, "bench: %v; %s -h helps\n", err, p.Name)
		return 2
	}
	fmt.Fprintln(stderr, "bench:", err)
	return 1
}

func (p Program) dispatch(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	subject := p.Subjects[0]
	if len(args) > 0 {
		switch name := args[0]; {
		case slices.Contains([]string{"-h", "-help", "--help"}, name):
			_, err := io.WriteString(stdout, p.usage())
			return err
		case !strings.HasPrefix(name, "-"):
			if i := slices.IndexFunc(p.Commands, func(c Command) bool { return c.Name == name }); i >= 0 {
				return p.Commands[i].Run(ctx, args[1:], stdout)
			}
			i := slices.IndexFunc(p.Subjects, func(s Subject) bool { return s.Name == name })
			if i < 0 {
				return Usagef("there is no subject %q", name)
			}
			subject, args = p.Subjects[i], args[1:]
		}
	}
	return p.measure(ctx, subject, args, stdout, stderr)
}

func (p Program) usage() string {
	var b strings.Builder
	fmt.Fprintf(&b, "usage: %s [subject] [flags]\n\n%s\n\nsubjects:\n", p.Name, p.About)
	for i, s := range p.Subjects {
		note := ""
		if i == 0 {
			note = " (the default)"
		}
		fmt.Fprintf(&b, "  %-10s %s%s\n", s.Name, s.Short, note)
	}
	b.WriteString("\ncommands:\n")
	for _, c := range p.Commands {
		fmt.Fprintf(&b, "  %-10s %s\n", c.Name, c.Short)
	}
	fmt.Fprintf(&b, "\n%s SUBJECT -h lists the flags.\n", p.Name)
	return b.String()
}

// options are the flags that every subject has.
type options struct {
	rounds        int
	slice         time.Duration
	quick, asJSON bool
	save, force   bool
	results       string

	part bool
}

func (o *options) declare(fs *flag.FlagSet, s Subject) {
	if s.Rounds > 0 {
		fs.IntVar(&o.rounds, "rounds", s.Rounds, fmt.Sprintf("measure everything `N` times; with -quick %d times", s.QuickRounds))
		fs.DurationVar(&o.slice, "time", s.Slice, fmt.Sprintf("measure one side of a pair for this `DURATION` in a round; with -quick %v", s.QuickSlice))
		fs.BoolVar(&o.quick, "quick", false, "short rounds: a first idea, not a figure to quote")
	}
	fs.BoolVar(&o.asJSON, "json", false, "print every round and the summary as one JSON object")
	fs.BoolVar(&o.save, "save", false, "keep the result in the results folder, in a file named after the kind of CPU")
	fs.BoolVar(&o.force, "force", false, "save a result even if it is disturbed, quick or partial; it is marked as such")
	fs.StringVar(&o.results, "results", "", "the results `FOLDER` (default: bench/results in the checkout)")
}

// parse reads the flags of a subject.
func (s Subject) parse(args []string) (o options, fs *flag.FlagSet, err error) {
	fs = flag.NewFlagSet(s.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	o.declare(fs, s)
	if s.Flags != nil {
		s.Flags(fs)
	}
	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		return o, fs, err
	} else if err != nil {
		return o, fs, Usagef("%s: %v", s.Name, err)
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if o.quick && !given["rounds"] {
		o.rounds = s.QuickRounds
	}
	if o.quick && !given["time"] {
		o.slice = s.QuickSlice
	}
	switch {
	case fs.NArg() > 0:
		return o, fs, Usagef("%s: unexpected argument %q", s.Name, fs.Arg(0))
	case s.Rounds == 0:
	case o.rounds < 1:
		return o, fs, Usagef("%s: -rounds %d: at least one round is needed", s.Name, o.rounds)
	case o.slice < time.Millisecond || o.slice > 10*time.Minute:
		return o, fs, Usagef("%s: -time %v: must be between 1ms and 10m", s.Name, o.slice)
	}
	if s.Check != nil {
		if o.part, err = s.Check(); err != nil {
			return o, fs, err
		}
	}
	if (o.quick || o.part) && o.save && !o.force {
		return o, fs, Usagef("%s: -save keeps whole results; add -force to keep a quick or partial one", s.Name)
	}
	return o, fs, nil
}

// help prints the flags from where they are declared.
func (p Program) help(w io.Writer, s Subject, fs *flag.FlagSet) {
	fmt.Fprintf(w, "usage: %s %s [flags]\n\n%s\n\n%s\n\nflags:\n", p.Name, s.Name, s.Short, s.Long)
	fs.SetOutput(w)
	fs.PrintDefaults()
}

func (p Program) measure(ctx context.Context, s Subject, args []string, stdout, stderr io.Writer) error {
	o, fs, err := s.parse(args)
	if errors.Is(err, flag.ErrHelp) {
		p.help(stdout, s, fs)
		return nil
	} else if err != nil {
		return err
	}
	if s.Instead != nil {
		if done, err := s.Instead(ctx, stdout, stderr); done || err != nil {
			return err
		}
	}
	folder := o.results
	if o.save && folder == "" { // found now, not when the figures are there
		root, err := Checkout(ctx)
		if err != nil {
			return err
		}
		folder = filepath.Join(root, "bench", "results")
	}
	run := NewRun(s, o.rounds, o.slice, o.quick, measure.NewProgress(stderr))
	run.Result.Command = commandLine(p.Name+" "+s.Name, fs)
	run.Result.Part = o.part
	err = s.Measure(ctx, run)
	run.Progress.Clear()
	if err != nil {
		return err
	}
	r := run.Result
	r.Conclude()
	if s.Finish != nil {
		if err := s.Finish(r); err != nil {
			return err
		}
	}
	if o.asJSON {
		err = writeJSON(stdout, r)
	} else {
		err = r.Text(stdout)
	}
	if err != nil || !o.save {
		return err
	}
	if r.Disturbed && !o.force {
		return errors.New("not saved: other programs had a part of the cores; run it on a quiet machine, or add -force")
	}
	file, err := r.Save(folder)
	if err == nil {
		fmt.Fprintln(stderr, "saved", file)
	}
	return err
}

// commandLine returns the command that repeats a run. A path is somebody's own: the name of the
// flag's value stands for it.
func commandLine(command string, fs *flag.FlagSet) string {
	fs.Visit(func(f *flag.Flag) {
		value := f.Value.String()
		switch placeholder, _ := flag.UnquoteUsage(f); {
		case f.Name == "force" || f.Name == "json" || f.Name == "results":
			return
		case placeholder == "" && value == "true":
			command += " -" + f.Name
			return
		case strings.ContainsAny(value, `/\`):
			value = placeholder
		case strings.ContainsAny(value, " |*()$'"):
			value = "'" + value + "'"
		}
		command += " -" + f.Name + " " + value
	})
	return command
}

// NewRun returns a run of a subject with an empty result.
func NewRun(s Subject, rounds int, slice time.Duration, quick bool, progress *measure.Progress) *Run {
	return &Run{
		Rounds: rounds, Slice: slice, Quick: quick, Progress: progress, quietShare: s.QuietShare,
		Result: &Result{Subject: s.Name, Machine: thisMachine(), Rounds: rounds, SliceNS: slice.Nanoseconds(), Quick: quick},
	}
}
