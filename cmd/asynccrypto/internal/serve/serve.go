// Package serve is the command asynccrypto serve: TLS before files, or before a plain backend.
package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/engines"
	"asynccrypto/cmd/asynccrypto/internal/eventlog"
	"asynccrypto/cmd/asynccrypto/internal/monitor"
	"asynccrypto/cmd/asynccrypto/internal/systemd"
	"asynccrypto/cmd/asynccrypto/internal/watch"
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
			err := run(o, f, args, std)
			if err != nil && o.logFormat == "json" {
				return cli.PrintedBy(err, func(message string) { eventlog.WriteError(std.Err, message) })
			}
			return err
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

A -key on a token (an HSM, a TPM, a smart card) is named by a URI of RFC 7512, such as
'pkcs11:token=T;object=O?module-path=/PATH.so&pin-source=file:/PATH'; "asynccrypto token" lists them.
The token signs up to -key-sessions at a time, each through a helper process ("p11-kit remote", of the
package p11-kit), and handshakes that wait for it cost no thread. A token that is gone is connected
again by itself. A PIN is tried once: if the token refuses it, all operations fail, and the log says
so. With -fallback-key, another place of the key signs while the first is unavailable or does not
answer within -key-timeout. At the start one of the two has to work: a key whose token is away is
looked up when the token is there, and is not used if it does not belong to the certificate. A wrong
PIN or a module that cannot be loaded is an error. When the files are read again, tokens stay open.

A -key on key servers ("asynccrypto keyserver -h") is named by a URI such as
'keyserver://HOST:PORT,HOST:PORT/NAME?cert=FILE&key=FILE&ca=FILE' or 'keyserver:///NAME?unix=PATH'. Then
no process that serves TLS has the key. A request that a server does not answer goes to another one. The
command starts also while all of them are away, since the certificate has the public key. The files of
the URI's cert and key are read again for each connection to a server.

SIGTERM or SIGINT stops accepting, lets connections end by themselves for the time of -grace, and
then closes the rest. The exit status is 0 if all had ended, and otherwise 1. It is also 1 if the
server does not start because the token of its only key is away, so that a later start may succeed,
and 2 if an option, a file or a PIN is wrong. A second SIGTERM or
SIGINT ends the command at once. SIGHUP reads the files of -cert, -key, -client-ca and -ticket-keys
again, and so does the server by itself when they have changed. A certificate is tried in a handshake
in memory before it is used. If one of the files can't be used, all stay as they were.

A service manager (systemd) may hand over sockets (LISTEN_FDS), which take the place of -addr. It is
told when the server is ready, reads its files again, and stops (NOTIFY_SOCKET; Type=notify-reload).
/healthz beside the metrics answers 200, and 503 once the server has been told to stop.

The log goes to stderr. Each handshake, connection or backend that fails gets a line with its peer and
its cause. Each cause gets at most five lines in ten seconds; a further line then gives the number of
failures that were left out.
If the reader of the log ends, the lines are lost and the server goes on. With -log json, an error
that ends the command is an object too, with the level ERROR, unless an option can't be parsed.
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

func run(o *options, f *cli.Flags, args []string, std cli.Stdio) error {
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

// serveUntil serves until a signal, and a second one if the first leaves connections to wait for.
func serveUntil(o *options, std cli.Stdio, signals <-chan os.Signal) error {
	log := eventlog.New(std.Err, o.logFormat)
	defer log.Close()
	keys, err := newKeys(o, log)
	if err != nil {
		return err
	}
	changed, stopWatching := watch.Files(keys.files, o.watch)
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
	defer keys.close()
	if err := keys.open(); err != nil {
		return err
	}
	listeners, err := listenAll(o)
	if err != nil {
		return err
	}
	for _, ln := range listeners {
		defer ln.Close()
	}
	health := &monitor.Health{}
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
	manager := &systemd.Manager{Log: log}
	manager.Ready()
	for {
		select {
		case err := <-served:
			return err
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				manager.Stopping()
				health.Stop()
				return drain(o, s, log, sig, signals)
			}
			manager.Reloading()
			keys.reload("hangup")
			manager.Ready()
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
	err := cli.AwaitEnd(down, signals, cancel)
	if errors.Is(err, errNotDrained) {
		return fmt.Errorf("%w after %v (-grace): cut off", err, o.grace)
	}
	if err == nil {
		log.Printf("all connections have ended")
	}
	return err
}

func newService(o *options, config *tls.Config, keys *keys, log *eventlog.Log) (service, error) {
	if o.proxy != "" {
		return newProxy(o, config, log)
	}
	return newHTTPService(o, config, keys, log)
}

// spareProcessors has a processor spare for each event loop, or one for net/http.
func spareProcessors(o *options) (restore func()) {
	switch {
	case !o.computes():
		return func() {}
	case o.proxy != "":
		return engines.SpareProcessors(o.workers.N + o.loops + 1)
	}
	return engines.SpareProcessors(o.workers.N + 1)
}
