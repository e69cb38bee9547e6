package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"asynccrypto/asynctls/tlsserver"
)

// serveOptions are the options of serve; those of numbers are 0 where they were not given.
type serveOptions struct {
	cert, key     string
	clientCA      string
	tls           string
	addr          string
	root, proxy   string
	engine        string
	workers       int
	nice          int // -1: not given
	loops         int
	maxHandshakes int
	metrics       string
	dialTimeout   time.Duration
	idle, grace   time.Duration
}

// errNotDrained is a service's error when -grace ran out.
var errNotDrained = errors.New("had not ended")

// service is what is behind the TLS: HTTP, or a relay to another server.
type service interface {
	// describe says in a line what is served, and with what.
	describe() string
	// serve accepts until shutdown or close, and then returns nil.
	serve(net.Listener) error
	// shutdown stops accepting, and returns when the last connection has ended by itself. When ctx is done first it
	// closes what is left, and the error wraps errNotDrained.
	shutdown(ctx context.Context) error
	// connections is how many are open.
	connections() int
	// Stats is for metrics.
	Stats() tlsserver.Stats
}

func serveCommand(args []string, std stdio) error {
	o, err := serveArguments(args)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 2)
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(sig) {
			signal.Notify(signals, sig)
		}
	}
	defer signal.Stop(signals)
	return serveUntil(o, std, signals)
}

// serveUntil serves until a signal, and a second one if the first leaves something to wait for.
func serveUntil(o *serveOptions, std stdio, signals <-chan os.Signal) error {
	l := newServeLog(std.err)
	defer l.close()
	keys, err := newServeKeys(o, l)
	if err != nil {
		return err
	}
	config, err := o.config(keys)
	if err != nil {
		return err
	}
	defer o.spareProcessors(keys.kind != nil)()
	s, err := newService(o, config, keys, l)
	if err != nil {
		return err
	}
	if err := keys.open(); err != nil {
		return err
	}
	defer keys.close()
	ln, err := net.Listen("tcp", o.addr)
	if err != nil {
		return listenError("-addr", o.addr, err)
	}
	defer ln.Close()
	stopMetrics, err := serveMetrics(o.metrics, o.proxy != "", keys, s, l)
	if err != nil {
		return err
	}
	defer stopMetrics()
	l.printf("%s", s.describe())
	l.printf("listening on %s (%s)", ln.Addr(), browserAddress(ln.Addr()))
	served := make(chan error, 1)
	go func() { served <- s.serve(ln) }()
	for {
		select {
		case err := <-served:
			return err
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				return drain(o, s, l, sig, signals)
			}
			keys.reload()
		}
	}
}

// drain lets what is under way end. It is no failure to be told to stop.
func drain(o *serveOptions, s service, l *serveLog, sig os.Signal, signals <-chan os.Signal) error {
	l.printf("%s: accepting no more; up to %v for %s to end, and a second signal ends at once",
		sig, o.grace, count(s.connections(), "open connection"))
	ctx, cancel := context.WithTimeoutCause(context.Background(), o.grace, errNotDrained)
	defer cancel()
	down := make(chan error, 1)
	go func() { down <- s.shutdown(ctx) }()
	for {
		select {
		case err := <-down:
			if errors.Is(err, errNotDrained) {
				return fmt.Errorf("%w after %v (-grace): cut off", err, o.grace)
			}
			if err == nil {
				l.printf("all connections have ended")
			}
			return err
		case sig := <-signals:
			if sig == syscall.SIGHUP {
				continue
			}
			cancel()
			<-down
			return &signalError{sig}
		}
	}
}

func newService(o *serveOptions, config *tls.Config, keys *serveKeys, l *serveLog) (service, error) {
	if o.proxy != "" {
		return newProxyService(o, config, l)
	}
	return newHTTPService(o, config, keys, l)
}

// spareProcessors sets GOMAXPROCS so that an event loop, or net/http, finds a P free though all workers compute: else
// they wait for a time slice of 10 ms to end, again and again. What the operator has set in the environment stays.
func (o *serveOptions) spareProcessors(engine bool) (restore func()) {
	old := runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") != "" || !engine {
		return func() {}
	}
	if want := o.workers + 1; o.proxy == "" {
		runtime.GOMAXPROCS(max(old, want))
	} else {
		runtime.GOMAXPROCS(max(old, want+o.loops))
	}
	return func() { runtime.GOMAXPROCS(old) }
}

// listenError says what the system has against an address, and what to do.
func listenError(option, addr string, err error) error {
	hint := ""
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		hint = "; something listens there already: stop it, or give another address, port 0 for any that is free"
	case errors.Is(err, os.ErrPermission):
		hint = "; ports below 1024 may be for root alone: give another, such as :8443"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		hint = "; it is not one of this machine's addresses"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	if sys, ok := errors.AsType[*os.SyscallError](err); ok {
		err = sys.Err
	}
	return fmt.Errorf("%s %s: %w%s", option, addr, err, hint)
}

// browserAddress is addr as a URL that works on this machine.
func browserAddress(addr net.Addr) string {
	a, ok := addr.(*net.TCPAddr)
	if !ok {
		return addr.String()
	}
	host := "localhost"
	if !a.IP.IsUnspecified() && !a.IP.IsLoopback() {
		host = a.IP.String()
	}
	return "https://" + net.JoinHostPort(host, fmt.Sprint(a.Port)) + "/"
}
