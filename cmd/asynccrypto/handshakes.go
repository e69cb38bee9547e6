package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// handshakesOptions are the options of handshakes.
type handshakesOptions struct {
	seconds     seconds
	count       int // 0: for a time
	concurrency int
	rate        int // 0: as fast as they go
	timeout     seconds
	resume      bool
	json        bool
	tls         tlsOptions
}

const (
	defaultHandshakeTime = 5 * time.Second
	// maxConcurrency is what the sockets of one client address and one server address still allow.
	maxConcurrency = 10_000
)

func handshakesCommand(args []string, std stdio) error {
	o, addr, err := handshakesArguments(args)
	if err != nil {
		return err
	}
	server, err := parseAddress(addr)
	if err != nil {
		return err
	}
	config, err := o.tls.config(server)
	if err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	p := newProgress(std.err)
	defer p.clear()
	l := newLoad(o, server, config)
	if err := l.prepare(ctx, p); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("%w: nothing had been measured yet", context.Cause(ctx))
		}
		return fmt.Errorf("%s: %w", addr, err)
	}
	l.run(ctx, p)
	p.clear()
	r := l.report()
	if o.json {
		err = r.writeJSON(std.out)
	} else {
		err = r.writeText(std.out)
	}
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: what was measured until then is reported", context.Cause(ctx))
	}
	return r.verdict()
}

// handshakesArguments takes the command line apart.
func handshakesArguments(args []string) (o *handshakesOptions, addr string, err error) {
	o = &handshakesOptions{concurrency: 16, timeout: seconds(10 * time.Second)}
	fs := newFlags("handshakes")
	fs.Var(&o.seconds, "seconds", "")
	numberVar(fs, &o.count, "count", 1_000_000_000)
	numberVar(fs, &o.concurrency, "concurrency", maxConcurrency)
	numberVar(fs, &o.concurrency, "c", maxConcurrency)
	numberVar(fs, &o.rate, "rate", 1_000_000)
	fs.Var(&o.timeout, "timeout", "")
	fs.BoolVar(&o.resume, "resume", false, "")
	fs.BoolVar(&o.json, "json", false, "")
	o.tls.flags(fs)
	rest, err := parseFlags(fs, args)
	switch {
	case err != nil:
		return nil, "", err
	case len(rest) == 0:
		return nil, "", usagef("no address; give the server's HOST:PORT")
	case len(rest) > 1:
		return nil, "", usagef("unexpected argument %q; one address is measured at a time", rest[1])
	case o.count > 0 && o.seconds > 0:
		return nil, "", usagef("-seconds and -count exclude each other")
	}
	if o.seconds == 0 {
		o.seconds = seconds(defaultHandshakeTime)
	}
	return o, rest[0], nil
}

// numberVar defines an option that takes a number from 1 to most.
func numberVar(fs *flag.FlagSet, n *int, name string, most int) {
	fs.Func(name, "", func(text string) error {
		v, err := strconv.Atoi(strings.TrimSpace(text))
		if errors.Is(err, strconv.ErrSyntax) {
			return errors.New("not a whole number")
		}
		if err != nil || v < 1 || v > most {
			return fmt.Errorf("at least 1 and at most %d can be", most)
		}
		*n = v
		return nil
	})
}
