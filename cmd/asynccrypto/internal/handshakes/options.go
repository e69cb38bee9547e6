package handshakes

import (
	"time"

	"asynccrypto/cmd/asynccrypto/internal/cli"
)

// options are those of the command.
type options struct {
	time        time.Duration
	count       int // 0: for a time
	concurrency int
	rate        int // 0: without a pause
	timeout     time.Duration
	resume      bool
	json        bool
	offer       offer
}

// maxConcurrency is about as many sockets as one client address can open to one server address.
const maxConcurrency = 10_000

func newOptions(f *cli.Flags) *options {
	o := &options{time: 5 * time.Second, concurrency: 16, timeout: 10 * time.Second}
	f.Section("How much")
	f.Duration(&o.time, "time", "how long to measure")
	f.Also("seconds", "time")
	f.Int(&o.count, "count", 1, 1_000_000_000, "make this many handshakes, however long they take")
	f.Int(&o.concurrency, "concurrency", 1, maxConcurrency, "connections at a time")
	f.Also("c", "concurrency")
	f.Int(&o.rate, "rate", 1, 1_000_000, "begin at most this many per second, evenly spread (default as many as possible)")
	f.Duration(&o.timeout, "timeout", "how long a connection may take, and again its handshake")
	f.Bool(&o.resume, "resume", "measure resumed handshakes instead of full ones")
	f.Bool(&o.json, "json", "write an object instead of text")
	f.Section("What the client offers and accepts")
	o.offer.flags(f)
	return o
}

// check returns the address to measure.
func (o *options) check(f *cli.Flags, args []string) (address, error) {
	switch {
	case len(args) == 0:
		return address{}, cli.Usagef("no address; give the server's HOST:PORT")
	case len(args) > 1:
		return address{}, cli.Usagef("unexpected argument %q; one address is measured at a time", args[1])
	case f.Given("count") && f.Given("time"):
		return address{}, cli.Usagef("-time and -count exclude each other")
	}
	return parseAddress(args[0])
}
