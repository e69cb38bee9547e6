// Package cli is the framework of the subcommands of asynccrypto: a [Command] with its options and
// its help, exit statuses, messages of one line, and signals.
package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// The exit statuses. Scripts can tell a mistake in the arguments from a failure.
const (
	ExitOK      = 0
	ExitFailure = 1
	ExitUsage   = 2
	exitSignal  = 128 // plus the signal's number, as shells do it
)

const programName = "asynccrypto"

// Stdio is where a command writes. Tests put buffers here.
type Stdio struct{ Out, Err io.Writer }

// Run is the work of a command. Its arguments are those that are neither options nor their values.
type Run func(args []string, std Stdio) error

// Command is a subcommand. Its help is printed from these fields and from the options that Setup
// declares, so that an option cannot differ from its description.
type Command struct {
	Name  string
	Short string // what it does: one sentence, without its full stop
	// Usage follows the command's name on the command line. Each line is one way to call it,
	// perhaps with an explanation.
	Usage     string
	Arguments string // explains the arguments, before the options; may be empty
	// Setup declares the options, each with its default and its help, and returns the function
	// that does the work once they have been parsed.
	Setup   func(*Flags) Run
	Long    string // paragraphs that follow the options; may be empty
	Example string // a session in a shell; may be empty
	// Subcommands do other work than the command, and have their own options. Their names are the
	// command's and a word more, as in "keyserver list".
	Subcommands []*Command
}

// Main runs the command with the arguments that follow its name, and returns the exit status. If the
// first of them names a subcommand, Main runs that. It writes errors, a line each, to std.Err.
func (c *Command) Main(args []string, std Stdio) int {
	if len(args) > 0 {
		if sub := named(c.Subcommands, c.Name+" "+args[0]); sub != nil {
			return sub.Main(args[1:], std)
		}
	}
	f := new(Flags)
	run := c.Setup(f)
	rest, err := f.parse(args)
	switch {
	case errors.Is(err, errHelp):
		c.help(std.Out)
		return ExitOK
	case err == nil:
		err = run(rest, std)
	}
	return fail(std, programName+" "+c.Name, err)
}

// Program is the command that a shell sees: a table of subcommands.
type Program struct {
	Short    string // what it does: one sentence, without its full stop
	Commands []*Command
	Long     string
	Example  string
}

// Main runs the subcommand that args begins with, and returns the exit status.
func (p *Program) Main(args []string, std Stdio) int {
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	switch {
	case name == "":
		return fail(std, programName, Usagef("no command; it is one of %s", p.names()))
	case isHelp(name):
		return p.explain(args, std)
	}
	c := named(p.Commands, name)
	if c == nil {
		return fail(std, programName, p.unknown(name))
	}
	return c.Main(args, std)
}

// isHelp reports whether an argument in the place of a command asks for the help.
func isHelp(arg string) bool {
	return arg == "help" || arg == "-h" || arg == "-help" || arg == "--help"
}

// explain is "asynccrypto help [COMMAND]".
func (p *Program) explain(args []string, std Stdio) int {
	if len(args) == 0 || len(args) == 1 && isHelp(args[0]) {
		p.help(std.Out)
		return ExitOK
	}
	c := named(p.Commands, args[0])
	if c == nil {
		return fail(std, programName, p.unknown(args[0]))
	}
	if len(args) == 2 {
		if sub := named(c.Subcommands, c.Name+" "+args[1]); sub != nil {
			sub.help(std.Out)
			return ExitOK
		}
	}
	if len(args) > 1 {
		return fail(std, programName, Usagef("unexpected argument %q; help explains one command at a time", args[1]))
	}
	c.help(std.Out)
	return ExitOK
}

// named returns the command of this name, or nil.
func named(commands []*Command, name string) *Command {
	for _, c := range commands {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func (p *Program) unknown(name string) error {
	return Usagef("unknown command %q; it is one of %s", name, p.names())
}

func (p *Program) names() string {
	var names []string
	for _, c := range p.Commands {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

// NoArguments returns a usage error unless args is empty.
func NoArguments(args []string) error {
	if len(args) > 0 {
		return Usagef("unexpected argument %q", args[0])
	}
	return nil
}

// fail prints err on one line and returns the exit status that goes with it. A nil error prints
// nothing.
func fail(std Stdio, who string, err error) int {
	if err == nil {
		return ExitOK
	}
	message, status := err.Error(), ExitFailure
	if _, ok := errors.AsType[*usageError](err); ok {
		message, status = fmt.Sprintf("%s (see %s -h)", message, who), ExitUsage
	} else if sig, ok := errors.AsType[*SignalError](err); ok {
		status = exitSignal + sig.number()
	}
	if own, ok := errors.AsType[*printedError](err); ok {
		own.print(withoutPINs(message))
	} else {
		fmt.Fprintf(std.Err, "%s: %s\n", who, OneLine(message))
	}
	return status
}
