// Command asynccrypto measures asynchronous cryptography and TLS servers, serves TLS, signs files, and says what this
// machine can do.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/speed"
)

// The exit statuses. A user's mistake is told from a failure so that scripts can tell them apart.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
	exitSignal  = 128 // plus the signal's number, as shells have it
)

// command is a subcommand. run gets the arguments after its name.
type command struct {
	name  string
	usage string
	run   func(args []string, std stdio) error
}

// stdio is where a command writes; tests put buffers here.
type stdio struct{ out, err io.Writer }

func commands() []command {
	return []command{
		{"sign", signUsage, signCommand},
		{"serve", serveUsage, serveCommand},
		{"handshakes", handshakesUsage, handshakesCommand},
		{"engines", enginesUsage, enginesCommand},
	}
}

func main() { os.Exit(run(os.Args[1:], stdio{os.Stdout, os.Stderr})) }

func run(args []string, std stdio) int {
	if len(args) == 0 {
		return fail(std, "asynccrypto", usagef("no command; it is one of speed, sign, serve, handshakes, engines"))
	}
	name := args[0]
	switch name {
	case "-h", "-help", "--help", "help":
		fmt.Fprint(std.out, mainUsage)
		return exitOK
	}
	if name == speed.Command.Name {
		return speed.Command.Main(args[1:], cli.Stdio{Out: std.out, Err: std.err})
	}
	for _, c := range commands() {
		if c.name != name {
			continue
		}
		err := c.run(args[1:], std)
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(std.out, c.usage)
			return exitOK
		}
		return fail(std, "asynccrypto "+name, err)
	}
	return fail(std, "asynccrypto", usagef("unknown command %q; it is one of speed, sign, serve, handshakes, engines", name))
}

// fail prints err's one line, and returns the exit status that goes with it.
func fail(std stdio, who string, err error) int {
	if err == nil {
		return exitOK
	}
	var usage *usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(std.err, "%s: %s (%s -h explains)\n", who, oneLine(err.Error()), who)
		return exitUsage
	}
	fmt.Fprintf(std.err, "%s: %s\n", who, oneLine(err.Error()))
	var sig *signalError
	if errors.As(err, &sig) {
		return exitSignal + sig.number()
	}
	return exitFailure
}

// oneLine writes what does not show as itself, and may be in a file's name or come from a peer, as Go would: a message is
// one line, and nothing in it can pass for two, move the cursor or turn the text round.
func oneLine(s string) string {
	var b strings.Builder
	for _, r := range s {
		if !unicode.IsPrint(r) {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
