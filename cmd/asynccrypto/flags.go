package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// usageError is a mistake in what the user gave: exit status 2.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

func newFlags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // the error is printed once, on one line, by fail
	fs.Usage = func() {}
	return fs
}

// parseFlags parses options wherever they stand among the arguments, up to "--", and returns the arguments that are not
// options. The flag package alone stops at the first of those, and would take the option in "speed rsa2048 -json" for
// an algorithm.
func parseFlags(fs *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
			return nil, err
		} else if err != nil {
			return nil, usagef("%s", strings.ReplaceAll(err.Error(), "flag provided but not defined:", "unknown option"))
		}
		used := len(args) - fs.NArg()
		if fs.NArg() == 0 || used > 0 && args[used-1] == "--" {
			return append(rest, fs.Args()...), nil
		}
		rest, args = append(rest, fs.Arg(0)), fs.Args()[1:]
	}
}

// maxJobs is far beyond what helps, and still fits in memory: a paused job costs a few KB.
const maxJobs = 100_000

// jobCounts is the value of -async-jobs: ascending, each once.
type jobCounts []int

func (c *jobCounts) String() string {
	var s []string
	for _, n := range *c {
		s = append(s, strconv.Itoa(n))
	}
	return strings.Join(s, ",")
}

// Set parses a list such as "1,8,64".
func (c *jobCounts) Set(list string) error {
	var counts []int
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil {
			return fmt.Errorf("%q is not a number of jobs; give a list such as 1,8,64", s)
		}
		if n < 1 || n > maxJobs {
			return fmt.Errorf("%d jobs; from 1 to %d can be kept in flight", n, maxJobs)
		}
		counts = append(counts, n)
	}
	slices.Sort(counts)
	*c = slices.Compact(counts)
	return nil
}

// seconds is the value of -seconds; 0 means that it was not given.
type seconds time.Duration

func (s *seconds) String() string {
	return strconv.FormatFloat(time.Duration(*s).Seconds(), 'g', -1, 64)
}

// Set parses a number of seconds, a fraction too.
func (s *seconds) Set(text string) error {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return errors.New("not a number of seconds, such as 3 or 0.5")
	}
	if math.IsNaN(f) || f < 0.001 || f > 3600 {
		return errors.New("a number of seconds is from 0.001 to 3600")
	}
	*s = seconds(f * float64(time.Second))
	return nil
}
