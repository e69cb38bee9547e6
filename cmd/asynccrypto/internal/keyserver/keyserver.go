// Package keyserver is the command asynccrypto keyserver: private keys that sign for other processes.
package keyserver

import (
	"os"
	"os/signal"
	"sync"
	"syscall"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/eventlog"
	"asynccrypto/cmd/asynccrypto/internal/monitor"
	"asynccrypto/cmd/asynccrypto/internal/systemd"
	"asynccrypto/cmd/asynccrypto/internal/watch"
)

// Command signs for other processes.
var Command = &cli.Command{
	Name:  "keyserver",
	Short: "Hold private keys, and sign with them for other processes and machines",
	Usage: `
-allow FILE -unix PATH [options] KEY...
-allow FILE -grpc ADDR -cert FILE -key FILE -client-ca FILE [options] KEY...
`,
	Arguments: `
With -unix the server is for processes of this machine, with -grpc for other machines; it may have both.
A KEY is a file with a private key that is not encrypted, a directory, of which every file *.pem or
*.key with a private key counts, or the URI of a key on a token (RFC 7512), such as
'pkcs11:token=T;object=O?module-path=/PATH.so&pin-source=file:/PATH'. The name of a key is that of its
file without .pem or .key, and that of a key on a token is its object.`,
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
Nothing is signed for a client that the file of -allow does not name. Each line names a client, an
operation and keys; lines add up, and # begins a comment:
    allow uid:33               sign               www       a user of this machine, by -unix
    allow user:caddy           sign:pss,sha256    www api   the same, by the user's name
    allow dns:app.example.com  sign               api       a name in a client's certificate, by -grpc
    allow spiffe://example/lb  sign:tls13-server  www       a URI there; only handshakes of TLS 1.3
Without words after sign any hash and padding is allowed, but not PKCS #1 v1.5 without a hash: that is
the word nohash. Every request is checked against the file that is in force at that moment.

An engine signs with keys of files, up to eight at a time, at low priority. A token signs with its own
keys, up to -key-sessions at a time. With -fallback-key, another place of the key
of the same name signs while the first is unavailable or does not answer within -key-timeout.

SIGHUP reads all files again, also those that are new in directories, and opens the file of -audit
again. The server reads files again by itself when they have changed, within twice the time of -watch.
A certificate is changed without the loss of a request: open connections stay as they are. If a new file
can't be used, the old content stays in use, and the log says why.

SIGTERM or SIGINT drains the server: clients ask other servers, requests under way are answered, for up
to the time of -drain. The exit status is 0 if all were, and otherwise 1. A second SIGTERM or SIGINT
ends the command at once.

A service manager (systemd) may hand over sockets (LISTEN_FDS), which take the place of -unix and -grpc:
Unix sockets are for the former and TCP sockets for the latter, unless FileDescriptorName says unix or
grpc. It is told when the server is ready, reads its files again, and stops (NOTIFY_SOCKET;
Type=notify-reload). /healthz beside the metrics answers 200, and 503 once the server has been told to
stop, and while nothing is signed because the audit log can't be written. The standard health service
of gRPC says the same. The log goes to stderr.

Clients are Go programs with package asynccrypto/remote, and the commands sign, serve and speed with
-key 'keyserver:///NAME?unix=PATH' or -key 'keyserver://HOST:PORT/NAME?cert=FILE&key=FILE&ca=FILE'.
"asynccrypto keyserver list URI" shows the keys that such a client may use.
Programs with OpenSSL, such as HAProxy and nginx, are clients by this project's provider for OpenSSL. In
the place of their key's file they have the one that "asynccrypto keyserver handle KEY.pem" prints. It has
no secret.
`,
	Example: `
$ cat allow
allow user:www-data sign web
$ asynccrypto keyserver -allow allow -unix /run/keys.sock web.pem &
2026-11-29 04:18:21 allow file allow: read
2026-11-29 04:18:21 engine multibuffer, 2 workers at nice 10
2026-11-29 04:18:21 1 key: web (RSA-2048)
2026-11-29 04:18:21 listening on unix:/run/keys.sock
$ sudo -u www-data asynccrypto keyserver list 'keyserver:///?unix=/run/keys.sock'
node                 address              state
unix:/run/keys.sock  unix:/run/keys.sock  up

key  kind      may   on
web  RSA-2048  sign  unix:/run/keys.sock
`,
	Subcommands: []*cli.Command{handleCommand, listCommand},
}

func run(o *options, f *cli.Flags, args []string, std cli.Stdio) error {
	if err := o.check(f, args); err != nil {
		return err
	}
	// When the reader of the log has ended, the next line would otherwise end the server.
	signal.Ignore(syscall.SIGPIPE)
	signals, stop := cli.Signals(2)
	defer stop()
	return serveUntil(o, std, signals)
}

// serveUntil serves until a signal, and a second one if the first leaves requests to wait for.
func serveUntil(o *options, std cli.Stdio, signals <-chan os.Signal) error {
	log := eventlog.New(std.Err, o.logFormat)
	defer log.Close()
	d := &daemon{o: o, log: log, manager: systemd.Manager{Log: log}, reloads: monitor.NewReloads()}
	d.health.Ill = d.ill
	sockets, err := takeSockets(o)
	if err != nil {
		return err
	}
	defer sockets.close()
	changed, stopWatching := watch.Files(o.files, o.watch)
	defer stopWatching()
	defer d.close()
	if err := d.open(sockets.grpc != nil || o.grpc != ""); err != nil {
		return err
	}
	if err := sockets.open(o); err != nil {
		return err
	}
	stopMetrics, err := d.serveMetrics()
	if err != nil {
		return err
	}
	defer stopMetrics()
	running := d.serve(sockets)
	defer running.wait()
	reloads := make(chan string, 1)
	var reloading sync.WaitGroup
	reloading.Go(func() {
		for why := range reloads {
			d.reload(why)
		}
	})
	defer reloading.Wait()
	defer close(reloads)
	d.manager.Ready()
	reload := func(why string) {
		select {
		case reloads <- why:
		default: // one is waiting, which will read the files as they are now
		}
	}
	for {
		select {
		case err := <-running.failed:
			d.server.Close()
			return err
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				return d.drain(running, sig, signals)
			}
			reload("hangup")
		case <-changed:
			reload("files changed")
		}
	}
}
