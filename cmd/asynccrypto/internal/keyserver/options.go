package keyserver

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/engines"
	"asynccrypto/cmd/asynccrypto/internal/eventlog"
	"asynccrypto/cmd/asynccrypto/internal/keyring"
	"asynccrypto/cmd/asynccrypto/internal/keyuri"
	"asynccrypto/cmd/asynccrypto/internal/listen"
)

// options are those of the command, with its arguments.
type options struct {
	unix          []string
	unixMode      fs.FileMode
	grpc          string
	cert, key     string
	clientCA      string
	allow         string
	audit         string
	auditFull     string
	inFlight      int
	keys          []string // the arguments
	fallbackKeys  []string
	fallbacks     map[string]string // the fallbackKeys by the names of their keys
	ring          keyring.Options
	workers       engines.Workers
	watch         time.Duration
	drain         time.Duration
	metrics       string
	logFormat     string
	networkOption string // an option that was given and is for gRPC, or empty
}

// Choices of -audit-full.
var auditFull = []string{"refuse", "continue"}

func newOptions(f *cli.Flags) *options {
	o := &options{unixMode: 0o660, auditFull: "refuse", inFlight: 256, watch: 10 * time.Second, drain: 30 * time.Second, logFormat: "text"}
	f.String(&o.allow, "allow", "FILE", "who may use which key, and for what; required")
	f.Strings(&o.unix, "unix", "PATH", "listen on this Unix socket; clients are known by their users")
	f.Func("unix-mode", "MODE", "the permissions of the Unix sockets, in octal digits (default 0660)", o.setUnixMode)
	f.String(&o.grpc, "grpc", "ADDR", "listen at HOST:PORT, without HOST on all addresses, with port 0 on any free port: gRPC with "+
		"TLS 1.3; clients are known by the names in their certificates")
	f.String(&o.cert, "cert", "FILE.pem", "the server's certificate for -grpc, with its issuers after it")
	f.String(&o.key, "key", "FILE.pem", "the private key of -cert, in a file that is not encrypted (default in the certificate's file)")
	f.String(&o.clientCA, "client-ca", "FILE.pem", "the CAs that issue the certificates of clients for -grpc")
	f.String(&o.audit, "audit", "FILE", "write a line of JSON for each signature and each refusal to the end of this file")
	f.String(&o.auditFull, "audit-full", "refuse|continue", "what happens while a line can't be written, such as on a full disk: sign "+
		"nothing, or sign without a line")
	f.Int(&o.inFlight, "in-flight", 1, 1_000_000, "requests at a time of each client, over all its connections; further ones are answered as busy")
	f.Strings(&o.fallbackKeys, "fallback-key", "FILE.pem|URI", "the same private key as the one with its name among the arguments, in "+
		"another place, which signs while the first is unavailable")
	o.ring.DeclareTimeout(f, time.Second)
	o.ring.Declare(f)
	o.workers.Declare(f)
	f.Duration(&o.watch, "watch", "look this often whether files have changed, and read them again once "+
		"they have stayed the same for as long")
	f.Duration(&o.drain, "drain", "how long requests under way may take once the command is told to stop")
	f.String(&o.metrics, "metrics", "ADDR", "serve figures for Prometheus, by plain HTTP at http://ADDR/metrics, and whether the "+
		"server signs at http://ADDR/healthz")
	f.String(&o.logFormat, "log", "text|json", "the lines of the log: text, or JSON objects as those of Go's log/slog")
	return o
}

func (o *options) setUnixMode(text string) error {
	mode, err := strconv.ParseUint(text, 8, 32)
	if err != nil || mode == 0 || mode > 0o777 {
		return errors.New("not permissions in octal digits, such as 0660 or 0600")
	}
	o.unixMode = fs.FileMode(mode)
	return nil
}

// check refuses options and arguments that make no sense, alone or together, and fills in the rest.
func (o *options) check(f *cli.Flags, args []string) error {
	o.keys = args
	if !slices.Contains(eventlog.Formats, o.logFormat) {
		return cli.Usagef("-log %q: must be %s", o.logFormat, strings.Join(eventlog.Formats, " or "))
	}
	if !slices.Contains(auditFull, o.auditFull) {
		return cli.Usagef("-audit-full %q: must be %s", o.auditFull, strings.Join(auditFull, " or "))
	}
	for _, s := range []struct{ name, value string }{
		{"grpc", o.grpc}, {"cert", o.cert}, {"key", o.key}, {"client-ca", o.clientCA}, {"allow", o.allow}, {"audit", o.audit}, {"metrics", o.metrics},
	} {
		if f.Given(s.name) && s.value == "" {
			return cli.Usagef("-%s is empty", s.name)
		}
	}
	switch {
	case o.allow == "" && slices.ContainsFunc(args, keyuri.Is):
		return cli.Usagef("key servers have no keys for another one; to show them: asynccrypto keyserver list URI")
	case o.allow == "":
		return cli.Usagef("no allow file, so that nobody may use a key; give one with -allow FILE")
	case len(args) == 0:
		return cli.Usagef("no keys; name files, directories or URIs of keys on tokens after the options")
	case f.Given("audit-full") && o.audit == "":
		return cli.Usagef("-audit-full is for -audit")
	}
	if f.Given("unix-mode") && o.unix == nil {
		return cli.Usagef("-unix-mode is for -unix")
	}
	for _, path := range o.unix {
		if !listen.PathFits(path) {
			return cli.Usagef("-unix %q: give a path of 1 to 100 bytes", path)
		}
	}
	for _, name := range []string{"cert", "key", "client-ca"} {
		if f.Given(name) {
			o.networkOption = name
		}
	}
	if o.grpc != "" {
		if err := listen.CheckTCP("grpc", o.grpc); err != nil {
			return err
		}
		if err := o.checkNetwork("-grpc"); err != nil {
			return err
		}
	}
	if o.metrics != "" {
		if err := listen.CheckTCP("metrics", o.metrics); err != nil {
			return err
		}
	}
	o.workers.Complete()
	if err := cmp.Or(keyring.CheckTimeout(f, o.fallbackKeys != nil), o.ring.CheckTokens(f, slices.Concat(o.keys, o.fallbackKeys)...)); err != nil {
		return err
	}
	return o.checkKeys()
}

// checkNetwork returns a usage error if an option that gRPC needs is missing. The parameter why says
// where gRPC comes from.
func (o *options) checkNetwork(why string) error {
	for _, s := range []struct{ name, value string }{{"cert", o.cert}, {"client-ca", o.clientCA}} {
		if s.value == "" {
			return cli.Usagef("%s needs a certificate for the server and the CAs of its clients; give -%s FILE.pem", why, s.name)
		}
	}
	return nil
}
