package serve

import (
	"cmp"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/engines"
	"asynccrypto/cmd/asynccrypto/internal/eventlog"
	"asynccrypto/cmd/asynccrypto/internal/keyring"
	"asynccrypto/cmd/asynccrypto/internal/listen"
	"asynccrypto/cmd/asynccrypto/internal/tlsname"
)

// options are those of the command. check fills in the defaults that depend on the machine.
type options struct {
	addr          string
	addrGiven     bool
	certs, keys   []string // keys[i] belongs to certs[i]; no keys, or as many
	fallbackKeys  []string // likewise; "-" for none
	ring          keyring.Options
	clientCA      string
	tls           string
	engine        string
	workers       engines.Workers
	metrics       string
	logFormat     string
	access        bool
	idle, grace   time.Duration
	root, proxy   string
	alpn          []string
	proxyProtocol int // 1, 2, or 0 for none
	// proxyProtocolFrom is that of tlsserver.Server, or nil.
	proxyProtocolFrom func(remote netip.AddrPort) bool
	ticketKeys        string
	watch             time.Duration
	maxConns          int
	loops             int
	maxHandshakes     int
	dialTimeout       time.Duration
	lookup            time.Duration
}

func newOptions(f *cli.Flags) *options {
	o := &options{addr: ":8443", idle: 5 * time.Minute, grace: 30 * time.Second, dialTimeout: 5 * time.Second,
		watch: 10 * time.Second, lookup: 30 * time.Second, logFormat: "text"}
	f.String(&o.root, "root", "DIR", "serve the files in this directory")
	f.String(&o.proxy, "proxy", "ADDR", "pass connections on to a plain backend at HOST:PORT or unix:PATH")
	f.String(&o.addr, "addr", "ADDR", "where to listen: HOST:PORT, without HOST on all addresses, with port 0 on any free port; or unix:PATH")
	f.Strings(&o.certs, "cert", "FILE.pem", "the certificate, with its issuers after it (default a throw-away certificate, made in memory); "+
		"of several, the client's server name and algorithms choose, and the first is for all others")
	f.Strings(&o.keys, "key", "FILE.pem|URI", "the private key of the -cert in the same place: in a file that is not encrypted, on a "+
		"token, or on key servers (default in the certificate's file)")
	f.Strings(&o.fallbackKeys, "fallback-key", "FILE.pem|URI", "the same private key in another place, which signs while -key is "+
		"unavailable, for the -cert in the same place; - for none")
	o.ring.DeclareTimeout(f, time.Second)
	o.ring.Declare(f)
	f.String(&o.clientCA, "client-ca", "FILE.pem", "admit only clients with a certificate that one of these CAs has issued")
	f.String(&o.ticketKeys, "ticket-keys", "FILE", "the keys of session tickets, 64 hexadecimal digits a line, for several servers "+
		"that resume each other's sessions: the first is for new tickets (default a key in memory, a new one each day)")
	f.Duration(&o.watch, "watch", "look this often whether the files of these four options have changed, and read "+
		"them again once they have stayed the same for as long")
	f.String(&o.tls, "tls", "1.2|1.3", "only this version (default both)")
	f.String(&o.engine, "engine", "NAME", "multibuffer, workers or none (default as for speed); with none, crypto/tls signs by itself")
	o.workers.Declare(f)
	f.String(&o.metrics, "metrics", "ADDR", "serve figures for Prometheus, by plain HTTP at http://ADDR/metrics, and whether the "+
		"server accepts connections at http://ADDR/healthz")
	f.String(&o.logFormat, "log", "text|json", "the lines of the log: text, or JSON objects as those of Go's log/slog")
	f.Bool(&o.access, "access", "log each request; not with -proxy, which knows of no requests")
	f.Duration(&o.idle, "idle", "close a connection after this long without a byte")
	f.Int(&o.maxConns, "max-conns", 1, 10_000_000, "accept at most this many connections at a time; further ones wait (default no limit)")
	f.Duration(&o.grace, "grace", "how long connections may take to end once the command is told to stop")
	f.Section("With -proxy")
	f.Func("alpn", "LIST", "application protocols of the backend, such as h2,http/1.1 or h2 alone (gRPC); the backend speaks "+
		"them without TLS", o.setALPN)
	f.Int(&o.proxyProtocol, "proxy-protocol", 1, 2, "begin each connection to the backend with a header of this version of the PROXY "+
		"protocol, which names the client; version 2 also says its server name and protocol")
	f.Func("proxy-protocol-from", "LIST", "expect such a header, of either version, from balancers at these addresses, such as "+
		"10.0.0.0/8,2001:db8::/32 or unix; a connection from there must begin with one, and any other with none", o.setProxyProtocolFrom)
	f.Int(&o.loops, "loops", 1, 4096, "event loops, each with its share of the connections (default one for each core)")
	f.Int(&o.maxHandshakes, "max-handshakes", 1, 1_000_000, "handshakes in progress at a time; further ones wait (default 1000)")
	f.Duration(&o.lookup, "lookup", "look the backend's name up this often, for new connections; if that fails its addresses stay")
	f.Duration(&o.dialTimeout, "dial-timeout", "how long a connection to the backend may take to be established")
	return o
}

// check refuses options that make no sense, alone or together, and fills in the rest.
func (o *options) check(f *cli.Flags) error {
	for _, name := range []string{"alpn", "proxy-protocol", "proxy-protocol-from", "loops", "max-handshakes", "lookup", "dial-timeout"} {
		if f.Given(name) && o.proxy == "" {
			return cli.Usagef("-%s is for -proxy; without it net/http serves, with a goroutine for each connection", name)
		}
	}
	for _, name := range []string{"workers", "nice"} {
		if f.Given(name) && o.engine == "none" {
			return cli.Usagef("-%s is for an engine, and -engine none was given", name)
		}
	}
	if !slices.Contains(eventlog.Formats, o.logFormat) {
		return cli.Usagef("-log %q: must be %s", o.logFormat, strings.Join(eventlog.Formats, " or "))
	}
	if o.access && o.proxy != "" {
		return cli.Usagef("-access is for HTTP; -proxy passes on bytes and knows of no requests")
	}
	if f.Given("root") && f.Given("proxy") {
		return cli.Usagef("-root and -proxy exclude each other")
	}
	for _, s := range []struct{ name, value string }{
		{"root", o.root}, {"proxy", o.proxy}, {"client-ca", o.clientCA}, {"ticket-keys", o.ticketKeys}, {"metrics", o.metrics},
		{"cert", shortest(o.certs)}, {"key", shortest(o.keys)}, {"fallback-key", shortest(o.fallbackKeys)},
	} {
		if f.Given(s.name) && s.value == "" {
			return cli.Usagef("-%s is empty", s.name)
		}
	}
	switch {
	case o.keys != nil && o.certs == nil:
		return cli.Usagef("-key without a certificate; give one with -cert FILE.pem")
	case o.keys != nil && len(o.keys) != len(o.certs):
		return cli.Usagef("-cert is given %d times and -key %d times; give a -key for each -cert, or none where the key is in the "+
			"certificate's file", len(o.certs), len(o.keys))
	}
	if o.fallbackKeys != nil && len(o.fallbackKeys) != len(o.certs) {
		return cli.Usagef("-cert is given %d times and -fallback-key %d times; give a -fallback-key for each -cert, - where there is none",
			len(o.certs), len(o.fallbackKeys))
	}
	if err := cmp.Or(keyring.CheckTimeout(f, o.fallbackKeys != nil), o.ring.CheckTokens(f, slices.Concat(o.keys, o.fallbackKeys)...)); err != nil {
		return err
	}
	if o.root != "" {
		if info, err := os.Stat(o.root); err != nil {
			return cli.Usagef("-root %s: %w", o.root, cli.Cause(err))
		} else if !info.IsDir() {
			return cli.Usagef("-root %s: not a directory", o.root)
		}
	}
	o.addrGiven = f.Given("addr")
	if path, unix := strings.CutPrefix(o.addr, "unix:"); unix && !listen.PathFits(path) {
		return cli.Usagef("-addr %q: give unix:PATH, with a path of 1 to 100 bytes", o.addr)
	} else if err := listen.CheckTCP("addr", o.addr); err != nil && !unix {
		return err
	}
	if o.metrics != "" {
		if err := listen.CheckTCP("metrics", o.metrics); err != nil {
			return err
		}
	}
	o.workers.Complete()
	o.loops, o.maxHandshakes = cmp.Or(o.loops, runtime.GOMAXPROCS(0)), cmp.Or(o.maxHandshakes, 1000)
	return nil
}

// shortest returns the shortest of the texts, to find an empty one.
func shortest(texts []string) string {
	if texts == nil {
		return ""
	}
	return slices.MinFunc(texts, func(a, b string) int { return len(a) - len(b) })
}

func (o *options) setALPN(text string) (err error) {
	o.alpn, err = tlsname.ParseALPN(text)
	return err
}

// setProxyProtocolFrom parses prefixes, addresses, and unix for the peers of a unix socket.
func (o *options) setProxyProtocolFrom(text string) error {
	var prefixes []netip.Prefix
	unix := false
	for item := range strings.SplitSeq(text, ",") {
		if item == "unix" {
			unix = true
			continue
		}
		prefix, err := netip.ParsePrefix(item)
		if ip, noPrefix := netip.ParseAddr(item); noPrefix == nil {
			prefix, err = netip.PrefixFrom(ip, ip.BitLen()), nil
		}
		if err != nil || prefix.Addr().Is4In6() || prefix.Addr().Zone() != "" {
			return fmt.Errorf("%q is not an address, nor a prefix such as 10.0.0.0/8, nor unix", item)
		}
		prefixes = append(prefixes, prefix)
	}
	o.proxyProtocolFrom = func(remote netip.AddrPort) bool {
		if !remote.IsValid() {
			return unix
		}
		ip := remote.Addr().Unmap().WithZone("")
		return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(ip) })
	}
	return nil
}

// keysOf returns the values of -key and -fallback-key for certificate i. Either may be empty. The
// key is in the certificate's file if there is no -key.
func (o *options) keysOf(i int) (key, fallback string) {
	if o.keys != nil {
		key = o.keys[i]
	}
	if o.fallbackKeys != nil && o.fallbackKeys[i] != "-" {
		fallback = o.fallbackKeys[i]
	}
	return key, fallback
}

// computes reports whether an engine has something to compute: a key that is not on a token.
func (o *options) computes() bool {
	inFile := func(key string) bool { return key != "-" && !keyring.IsURI(key) }
	return o.engine != "none" && (o.keys == nil || slices.ContainsFunc(slices.Concat(o.keys, o.fallbackKeys), inFile))
}
