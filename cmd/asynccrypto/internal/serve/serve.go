// Package serve is the command asynccrypto serve: TLS before files, or before a plain backend.
package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/serve/eventlog"
	"asynccrypto/internal/measure"
)

// Command serves TLS.
var Command = &cli.Command{
	Name:  "serve",
	Short: "Serve files over HTTPS, or terminate TLS for a plain backend",
	Usage: `
[options] -root DIR      the files in DIR, over HTTP/2 and HTTP/1.1
[options] -proxy ADDR    any TCP service at ADDR: HOST:PORT or unix:PATH
[options]                a page that shows what the connection has negotiated
`,
	Setup: func(f *cli.Flags) cli.Run {
		o := newOptions(f)
		return func(args []string, std cli.Stdio) error {
			if err := cli.NoArguments(args); err != nil {
				return err
			}
			if err := o.check(f); err != nil {
				return err
			}
			// When the reader of the log has ended, the next line would otherwise end the server.
			signal.Ignore(syscall.SIGPIPE)
			signals, stop := cli.Signals(2)
			defer stop()
			return serveUntil(o, std, signals)
		}
	},
	Long: `
A TIME is written as 90s, 5m or 1m30s; a number alone is seconds.

With -root, names that begin with a dot are hidden, except .well-known, and so are files outside DIR
that a symbolic link points to. With -proxy, bytes are passed on unchanged. When one side ends its
direction, the other side sees that end, and the opposite direction goes on. If the backend can't be
reached, the client's connection is closed. The backend's name is looked up again every -lookup.

Defaults protect open connections from a flood of handshakes: a bounded number of signing workers,
at low priority, and GOMAXPROCS = workers + loops + 1 with -proxy, workers + 1 without, so that Go
always has a processor that no worker or loop occupies. Set GOMAXPROCS in the environment to
override. Fewer workers, such as -workers 1, leave more for everything else.

SIGTERM or SIGINT stops accepting, lets connections end by themselves for the time of -grace, and
then closes the rest. The exit status is 0 if all had ended, and otherwise 1. A second SIGTERM or
SIGINT ends the command at once. SIGHUP reads the files of -cert, -key, -client-ca and -ticket-keys
again, and so does the server by itself when they have changed. A certificate is tried in a handshake
in memory before it is used. If one of the files can't be used, all stay as they were.

A service manager (systemd) may hand over sockets (LISTEN_FDS), which take the place of -addr. It is
told when the server is ready, reads its files again, and stops (NOTIFY_SOCKET; Type=notify-reload).
/healthz beside the metrics answers 200, and 503 once the server has been told to stop.

The log goes to stderr. Each handshake, connection or backend that fails gets a line with its peer and
its cause. Each cause gets at most five lines in ten seconds; a further line then gives the number of
failures that were left out.
If the reader of the log ends, the lines are lost and the server goes on.
`,
	Example: `
$ asynccrypto serve -cert cert.pem -key key.pem -proxy localhost:8080 &
2026-11-23 04:18:21 certificate cert.pem: CN=localhost, RSA-2048, until 2026-12-23
2026-11-23 04:18:21 engine multibuffer, 2 workers at nice 10: RSA-2048 signatures up to eight at a time, on AVX-512 IFMA
2026-11-23 04:18:21 proxy to localhost:8080; 2 event loops, 1,000 handshakes at a time, GOMAXPROCS 5
2026-11-23 04:18:21 listening on [::]:8443 (https://localhost:8443/)
$ curl --cacert cert.pem https://localhost:8443/
$ kill %1
2026-11-23 04:18:26 terminated: accepting no more; up to 30s for 0 open connections to end, and a second signal ends at once
2026-11-23 04:18:26 all connections have ended
`,
}

// serveUntil serves until a signal, and a second one if the first leaves connections to wait for.
func serveUntil(o *options, std cli.Stdio, signals <-chan os.Signal) error {
	log := eventlog.New(std.Err, o.logFormat)
	defer log.Close()
	keys, err := newKeys(o, log)
	if err != nil {
		return err
	}
	changed, stopWatching := watchFiles(keys.files(), o.watch)
	defer stopWatching()
	config, err := keys.config()
	if err != nil {
		return err
	}
	defer spareProcessors(o)()
	s, err := newService(o, config, keys, log)
	if err != nil {
		return err
	}
	if err := keys.open(); err != nil {
		return err
	}
	defer keys.close()
	listeners, err := listenAll(o)
	if err != nil {
		return err
	}
	for _, ln := range listeners {
		defer ln.Close()
	}
	health := &health{}
	stopMetrics, err := serveMetrics(o, keys, s, health, log)
	if err != nil {
		return err
	}
	defer stopMetrics()
	log.Printf("%s", s.describe())
	ctx, cancel := context.WithCancel(context.Background())
	var background sync.WaitGroup
	background.Go(func() { s.background(ctx) })
	defer background.Wait()
	defer cancel()
	served := make(chan error, len(listeners))
	for _, ln := range listeners {
		log.Printf("listening on %s", describeAddress(ln.Addr()))
		go func() { served <- s.serve(ln) }()
	}
	manager := &serviceManager{log: log}
	manager.notify("READY=1")
	for {
		select {
		case err := <-served:
			return err
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				manager.notify("STOPPING=1")
				health.stopping.Store(true)
				return drain(o, s, log, sig, signals)
			}
			manager.reloading()
			keys.reload("hangup")
			manager.notify("READY=1")
		case <-changed:
			keys.reload("files changed")
		}
	}
}

// drain lets the open connections end. Being told to stop is no failure.
func drain(o *options, s service, log *eventlog.Log, sig os.Signal, signals <-chan os.Signal) error {
	log.Printf("%s: accepting no more; up to %v for %s to end, and a second signal ends at once",
		sig, o.grace, measure.Count(s.connections(), "open connection"))
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
				log.Printf("all connections have ended")
			}
			return err
		case sig := <-signals:
			if sig == syscall.SIGHUP {
				continue
			}
			cancel()
			<-down
			return &cli.SignalError{Signal: sig}
		}
	}
}

func newService(o *options, config *tls.Config, keys *keys, log *eventlog.Log) (service, error) {
	if o.proxy != "" {
		return newProxy(o, config, log)
	}
	return newHTTPService(o, config, keys, log)
}

// spareProcessors sets GOMAXPROCS so that an event loop, or net/http, finds a free P even while
// all workers compute. Otherwise it would wait for a time slice of 10 ms to end, again and again.
// A GOMAXPROCS in the environment stays.
func spareProcessors(o *options) (restore func()) {
	old := runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") != "" || o.engine == "none" {
		return func() {}
	}
	want := o.workers + 1
	if o.proxy != "" {
		want += o.loops
	}
	runtime.GOMAXPROCS(max(old, want))
	return func() { runtime.GOMAXPROCS(old) }
}
