package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
)

const usageText = `usage: go run ./bench [sub-benchmark] [flags]

Measures this project beside others in one run, in turns, and prints medians, ratios and their spread, and what became of
the targets. A ratio is of two measurements a moment apart. For facility, cabi and reactor it is of nanoseconds or bytes, so that
below 1 is faster, or smaller; for sign it is of signatures/s, so that above 1 is faster; tls says with each what it is of.

sub-benchmarks:
%s
flags:
  -rounds N       measure everything N times (default: facility, cabi and reactor 21, sign and tls 7; with
                  -quick 3 and 2)
  -quick          short rounds: a first idea, not a figure to quote
  -json           every round and the summary as one JSON object
flags of sign:
  -openssl PATH   the openssl command to run speed of (default: the first in PATH); cabi has it too
  -node PATH      measure beside the OpenSSL inside a Node.js too (24 and later carry 3.5); "-node node" takes the first in PATH
  -crypto-mb DIR  measure beside Intel's crypto_mb too: the prefix it is installed to, or INCLUDEDIR,LIBDIR
  -keys N         how many keys are many (default 64)
  -plot FILE.svg  also draw signatures/s against the number of jobs
flags of tls:
  -only PATTERN   the sections that match this regular expression, of
                  "rsa2048 x25519", "rsa2048 default curves", "p256 x25519", latency, memory, echo and wake
  -seconds S      how long each server is measured in a round (default 3, with -quick 0.5)

facility takes a minute. Its other side needs a C compiler and OpenSSL's headers (Debian: apt install gcc libssl-dev);
without them ours is measured alone. CC, CFLAGS and LDFLAGS are honoured, for an OpenSSL in a place of its own. cabi takes
two minutes, make and the openssl command besides, and Linux. reactor takes 20 seconds, and a C compiler on Linux. sign takes
under four minutes, and needs nothing; its second of each openssl speed is left out where there is none. -node adds half a
minute, and so does -crypto-mb, which needs a C compiler and OpenSSL's headers; what these two name and is not there ends the
run before it begins. tls takes a quarter of an hour, two cores that have nothing else to do, and nginx (Debian: apt install
nginx), which is left out where there is none. It measures latency from a process that runs in real time, and so should be
run by root.

  $ go run ./bench -quick
  $ CFLAGS=-I/opt/openssl/include LDFLAGS="-L/opt/openssl/lib -Wl,-rpath,/opt/openssl/lib" go run ./bench
  $ go run ./bench -json -rounds 31 > before.json
  $ go run ./bench sign -openssl /opt/openssl/bin/openssl -plot sign.svg
  $ go run ./bench sign -node /opt/node/bin/node -crypto-mb /opt/crypto_mb
  $ go run ./bench tls -quick -only 'rsa2048|p256'
`

// stdio is where a sub-benchmark writes: its report, and what its user should see meanwhile.
type stdio struct {
	out, err io.Writer
}

// command is a sub-benchmark. It gets the arguments after its name and parses its own flags.
type command struct {
	name, about string
	run         func(ctx context.Context, args []string, std stdio) error
}

// commands lists the sub-benchmarks; the first is the one that runs when none is named.
var commands = []command{
	{"facility", "jobs and wait contexts: nanoseconds an operation, memory of a paused job (the default)", facility},
	{"cabi", "libasync, the C library: the facility's calls and openssl speed -async_jobs, beside libcrypto", cabi},
	{"reactor", "waking jobs on one event loop, beside epoll with an eventfd for each in C", reactorCommand},
	{"sign", "signatures/s on one core through the multi-buffer engine, beside crypto/rsa and openssl speed", sign},
	{"tls", "TLS servers: handshakes, latency, memory and echoes, beside crypto/tls, net/http and nginx", tlsCommand},
}

// usageError is a mistake in the arguments: exit status 2.
type usageError string

func (e usageError) Error() string { return string(e) + "; go run ./bench -h lists what there is" }

func main() {
	if isChild, err := beAnyChild(); err != nil {
		fmt.Fprintln(os.Stderr, "bench: the process to measure in:", err)
		os.Exit(1)
	} else if isChild {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := run(ctx, os.Args[1:], stdio{os.Stdout, os.Stderr})
	stop()
	os.Exit(status)
}

// beAnyChild is the main of the processes that sub-benchmarks start, if this is one.
func beAnyChild() (isChild bool, err error) {
	if len(os.Args) != 2 {
		return false, nil
	}
	switch os.Args[1] {
	case childArg:
		return true, beChild(os.Stdin, os.Stdout)
	case tlsServerArg:
		return true, beTLSServer(os.Stdin, os.Stdout)
	case tlsClientArg:
		return true, beTLSClient(os.Stdin, os.Stdout)
	}
	return false, nil
}

// run is main without the process: it returns the exit status.
func run(ctx context.Context, args []string, std stdio) int {
	cmd := commands[0]
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		named, ok := find(args[0])
		if !ok {
			return report(std, usageError(fmt.Sprintf("no sub-benchmark %q", args[0])))
		}
		cmd, args = named, args[1:]
	}
	err := cmd.run(ctx, args, std)
	if err != nil && ctx.Err() != nil {
		err = errors.New("interrupted, nothing is reported")
	}
	return report(std, err)
}

func find(name string) (command, bool) {
	for _, c := range commands {
		if c.name == name {
			return c, true
		}
	}
	return command{}, false
}

// report turns what a sub-benchmark returned into a line for the user and an exit status.
func report(std stdio, err error) int {
	if err == nil {
		return 0
	}
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(std.out, usage())
		return 0
	}
	fmt.Fprintln(std.err, "bench:", err)
	if _, ok := errors.AsType[usageError](err); ok {
		return 2
	}
	return 1
}

func usage() string {
	var list strings.Builder
	for _, c := range commands {
		fmt.Fprintf(&list, "  %-11s %s\n", c.name, c.about)
	}
	return fmt.Sprintf(usageText, list.String())
}

// parseFlags parses a sub-benchmark's flags; it takes no other arguments.
func parseFlags(fs *flag.FlagSet, args []string) error {
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		return err
	} else if err != nil {
		return usageError(fs.Name() + ": " + err.Error())
	}
	if fs.NArg() > 0 {
		return usageError(fmt.Sprintf("%s: unexpected argument %q", fs.Name(), fs.Arg(0)))
	}
	return nil
}
