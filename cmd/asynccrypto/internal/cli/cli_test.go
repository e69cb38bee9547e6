package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// options are those of the command echo, which the tests run.
type options struct {
	text  string
	loud  bool
	times int
	wait  time.Duration
	even  int
}

// echo returns a command that writes its options and arguments.
func echo() *Command {
	return &Command{
		Name:      "echo",
		Short:     "Write the arguments",
		Usage:     "[options] WORD...    words\n[options]            nothing",
		Arguments: "A WORD is any text.",
		Setup: func(f *Flags) Run {
			o := options{times: 3, wait: 5 * time.Minute}
			f.String(&o.text, "text", "FILE", "a text that is long enough to be broken into several lines, because the help has no "+
				"more than a hundred columns")
			f.Bool(&o.loud, "loud", "louder")
			f.Int(&o.times, "times", 1, 9, "how often")
			f.Section("More")
			f.Duration(&o.wait, "wait", "how long")
			f.Also("seconds", "wait")
			f.Func("even", "N", "an even number (default 0)", func(text string) error {
				if _, err := fmt.Sscan(text, &o.even); err != nil || o.even%2 != 0 {
					return errors.New("must be even")
				}
				return nil
			})
			f.Also("e", "even")
			return func(args []string, std Stdio) error {
				if len(args) == 1 && args[0] == "fail" {
					return errors.New("it failed\non two lines")
				}
				if len(args) == 1 && args[0] == "signal" {
					return fmt.Errorf("%w: nothing done", &SignalError{os.Interrupt})
				}
				if len(args) == 1 && args[0] == "own" {
					return PrintedBy(Usagef("no\nline"), func(message string) { fmt.Fprintf(std.Err, "<%s>", message) })
				}
				fmt.Fprintf(std.Out, "%q %v %d %v %d %v %q\n", o.text, o.loud, o.times, o.wait, o.even, f.Given("times"), args)
				return nil
			}
		},
		Long:    "It writes them all.",
		Example: "$ asynccrypto echo a\n\na",
	}
}

// program has echo and a command without arguments and options.
func program() *Program {
	twice := &Command{Name: "echo twice", Short: "Write the arguments twice", Usage: "WORD...   words", Setup: func(*Flags) Run {
		return func(args []string, std Stdio) error {
			if args == nil {
				return Usagef("no words")
			}
			fmt.Fprintf(std.Out, "%q %q\n", args, args)
			return nil
		}
	}}
	withSub := echo()
	withSub.Subcommands = []*Command{twice}
	return &Program{Short: "Test the package", Commands: []*Command{withSub, {Name: "other", Short: "Do nothing",
		Setup: func(*Flags) Run { return func(args []string, _ Stdio) error { return NoArguments(args) } }}}, Long: "A paragraph.",
		Example: "$ asynccrypto"}
}

func run(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = program().Main(args, Stdio{&out, &errs})
	return status, out.String(), errs.String()
}

func TestOptions(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, `"" false 3 5m0s 0 false []`},
		{[]string{"a", "-loud", "b", "-times", "3", "--text=x=y"}, `"x=y" true 3 5m0s 0 true ["a" "b"]`},
		{[]string{"-loud=false", "-wait", "1m30s", "-even", "4"}, `"" false 3 1m30s 4 false []`},
		{[]string{"-loud", "--", "-x", "--"}, `"" true 3 5m0s 0 false ["-x" "--"]`},
		{[]string{"-text", "--", "-", "-seconds", "0.25", ""}, `"--" false 3 250ms 0 false ["-" ""]`},
	} {
		status, stdout, stderr := run(append([]string{"echo"}, test.args...)...)
		if status != ExitOK || stdout != test.want+"\n" || stderr != "" {
			t.Errorf("%q: status %d, %s%s", test.args, status, stdout, stderr)
		}
	}
}

// A subcommand runs if its word stands first, and else the word is an argument.
func TestSubcommand(t *testing.T) {
	if status, stdout, _ := run("echo", "twice", "a"); status != ExitOK || stdout != `["a"] ["a"]`+"\n" {
		t.Errorf("status %d, %s", status, stdout)
	}
	if status, stdout, _ := run("echo", "a", "twice"); status != ExitOK || !strings.Contains(stdout, `["a" "twice"]`) {
		t.Errorf("status %d, %s", status, stdout)
	}
}

// Each mistake ends with status 2, nothing on stdout, and one line that points to the help.
func TestMistakes(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, `asynccrypto: no command; it is one of echo, other (see asynccrypto -h)`},
		{[]string{"sine"}, `asynccrypto: unknown command "sine"; it is one of echo, other (see asynccrypto -h)`},
		{[]string{"help", "sine"}, `asynccrypto: unknown command "sine"; it is one of echo, other (see asynccrypto -h)`},
		{[]string{"help", "echo", "x"}, `asynccrypto: unexpected argument "x"; help explains one command at a time (see asynccrypto -h)`},
		{[]string{"echo", "-no"}, `asynccrypto echo: unknown option -no (see asynccrypto echo -h)`},
		{[]string{"echo", "a", "-text"}, `asynccrypto echo: -text needs an argument: FILE (see asynccrypto echo -h)`},
		{[]string{"echo", "-text", "a", "b", "-text", "a"}, `asynccrypto echo: -text is given twice; give it once (see asynccrypto echo -h)`},
		{[]string{"echo", "-loud", "--loud=false"}, `asynccrypto echo: -loud is given twice; give it once (see asynccrypto echo -h)`},
		{[]string{"echo", "-wait", "1", "-seconds", "2"}, `asynccrypto echo: -wait and -seconds are the same option; give one of them (see asynccrypto echo -h)`},
		{[]string{"echo", "-loud=3"}, `asynccrypto echo: -loud "3": neither true nor false (see asynccrypto echo -h)`},
		{[]string{"echo", "-times", "x"}, `asynccrypto echo: -times "x": not a whole number (see asynccrypto echo -h)`},
		{[]string{"echo", "-times", "10"}, `asynccrypto echo: -times "10": must be between 1 and 9 (see asynccrypto echo -h)`},
		{[]string{"echo", "-times", "99999999999999999999"}, `asynccrypto echo: -times "99999999999999999999": must be between 1 and 9 (see asynccrypto echo -h)`},
		{[]string{"other", "x"}, `asynccrypto other: unexpected argument "x" (see asynccrypto other -h)`},
		{[]string{"echo", "twice"}, `asynccrypto echo twice: no words (see asynccrypto echo twice -h)`},
		{[]string{"echo", "twice", "-loud"}, `asynccrypto echo twice: unknown option -loud (see asynccrypto echo twice -h)`},
		{[]string{"help", "echo", "twice", "x"}, `asynccrypto: unexpected argument "twice"; help explains one command at a time (see asynccrypto -h)`},
		{[]string{"help", "other", "twice"}, `asynccrypto: unexpected argument "twice"; help explains one command at a time (see asynccrypto -h)`},
		{[]string{"echo", "-even", "3\n"}, `asynccrypto echo: -even "3\n": must be even (see asynccrypto echo -h)`},
	} {
		status, stdout, stderr := run(test.args...)
		if status != ExitUsage || stdout != "" || stderr != test.want+"\n" {
			t.Errorf("%q: status %d, %s%s", test.args, status, stdout, stderr)
		}
	}
}

func TestFailures(t *testing.T) {
	if status, _, stderr := run("echo", "fail"); status != ExitFailure || stderr != `asynccrypto echo: it failed\non two lines`+"\n" {
		t.Errorf("status %d: %s", status, stderr)
	}
	if status, _, stderr := run("echo", "signal"); status != 130 ||
		stderr != "asynccrypto echo: stopped by a signal (interrupt): nothing done\n" {
		t.Errorf("status %d: %s", status, stderr)
	}
	if status, _, stderr := run("echo", "own"); status != ExitUsage || stderr != "<no\nline (see asynccrypto echo -h)>" {
		t.Errorf("status %d: %s", status, stderr)
	}
}

// The help of a command is the same in all the ways to ask for it, and says everything that is
// declared.
func TestHelp(t *testing.T) {
	const want = `Write the arguments.

Usage:
    asynccrypto echo [options] WORD...    words
    asynccrypto echo [options]            nothing
    asynccrypto echo twice WORD...   words

A WORD is any text.

Options:
    -text FILE  a text that is long enough to be broken into several lines, because the help has
                no more than a hundred columns
    -loud       louder
    -times N    how often (default 3)

More:
    -wait TIME  how long (default 5m; also -seconds)
    -even N     an even number (default 0; also -e)

It writes them all.

Example:
    $ asynccrypto echo a

    a
`
	for _, args := range [][]string{{"help", "echo"}, {"echo", "-h"}, {"echo", "a", "-loud", "--help"}, {"echo", "-help"}} {
		if status, stdout, stderr := run(args...); status != ExitOK || stdout != want || stderr != "" {
			t.Errorf("%q: status %d, %s\n%s", args, status, stderr, stdout)
		}
	}
	const other = "Do nothing.\n\nUsage:\n    asynccrypto other\n"
	if status, stdout, _ := run("other", "-h"); status != ExitOK || stdout != other {
		t.Errorf("status %d\n%s", status, stdout)
	}
	const twice = "Write the arguments twice.\n\nUsage:\n    asynccrypto echo twice WORD...   words\n"
	for _, args := range [][]string{{"help", "echo", "twice"}, {"echo", "twice", "-h"}} {
		if status, stdout, _ := run(args...); status != ExitOK || stdout != twice {
			t.Errorf("%q: status %d\n%s", args, status, stdout)
		}
	}
	_, all, _ := run("help")
	for _, want := range []string{"Test the package.\n\n", "\n    echo        Write the arguments\n    other       Do nothing\n", "\nA paragraph.\n",
		"\nExample:\n    $ asynccrypto\n"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
	for _, ask := range [][]string{{"-h"}, {"-help"}, {"--help"}, {"help", "-h"}, {"help", "help"}} {
		if status, stdout, _ := run(ask...); status != ExitOK || stdout != all {
			t.Errorf("%q: status %d\n%s", ask, status, stdout)
		}
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"3": 3 * time.Second, "0.25": 250 * time.Millisecond, "1e-3": time.Millisecond, "86400": 24 * time.Hour,
		"1m30s": 90 * time.Second, "5m": 5 * time.Minute, "24h": 24 * time.Hour, "100ms": 100 * time.Millisecond,
		"": 0, "0": 0, "-1": 0, "-1s": 0, "86401": 0, "25h": 0, "Inf": 0, "-Inf": 0, "NaN": 0, "1e300": 0, "soon": 0, "999us": 0,
	} {
		if got, err := parseDuration(text); (err != nil) != (want == 0) || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for d, want := range map[time.Duration]string{
		30 * time.Second: "30s", 5 * time.Minute: "5m", time.Hour: "1h", 90 * time.Second: "1m30s", 10 * time.Second: "10s",
		70 * time.Minute: "1h10m", time.Millisecond: "1ms",
	} {
		if got := shortest(d); got != want {
			t.Errorf("%v is written %s", d, got)
		}
	}
}

func TestOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"plain: é":     "plain: é",
		"no\nfile":     `no\nfile`,
		"\x1b[2Jgone":  `\x1b[2Jgone`,
		"it's a quote": "it's a quote",
		// A peer's certificate, which errors quote, can hold what makes a terminal show other
		// text than there is.
		"a\u202egnp.exe\u2028b":            `a\u202egnp.exe\u2028b`,
		"cut \xc3":                         "cut \ufffd",
		`no "pkcs11:?PIN-VALUE=1234" here`: `no "pkcs11:?pin-value=..." here`,
		"pkcs11:?pin-value=1%2034&module-path=/m.so: no file": "pkcs11:?pin-value=...&module-path=/m.so: no file",
	} {
		if got := OneLine(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestCause(t *testing.T) {
	dir := t.TempDir()
	_, open := os.Open(filepath.Join(dir, "none"))
	rename := os.Rename(filepath.Join(dir, "none"), filepath.Join(dir, "other"))
	other := errors.New("something else")
	for _, err := range []error{open, rename, fmt.Errorf("wrapped: %w", open)} {
		if got := Cause(err); !errors.Is(got, os.ErrNotExist) || strings.Contains(got.Error(), "none") {
			t.Errorf("%v: %v", err, got)
		}
	}
	if got := Cause(other); got != other {
		t.Errorf("%v", got)
	}
}

// A file is replaced as a whole, or nothing of the attempt is left.
func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, text := range []string{"one", "two"} {
		if err := WriteFile(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "taken"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(filepath.Join(dir, "taken"), nil); err == nil {
		t.Error("a directory was replaced")
	}
	if err := WriteFile(filepath.Join(dir, "none", "file"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, []string{"file", "taken"}) {
		t.Errorf("%q", names)
	}
}

// A file that is larger than the limit is not read whole.
func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := ReadFile(path, 1<<20); err != nil || len(text) != 1<<20 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	if text, err := ReadFile(path, 1<<20-1); err == nil || text != nil {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	if _, err := ReadFile(path+"x", 1); !errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error(), path) {
		t.Error(err)
	}
}
