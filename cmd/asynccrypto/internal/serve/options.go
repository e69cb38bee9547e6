package serve

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/serve/eventlog"
	"asynccrypto/cmd/asynccrypto/internal/tlsname"
)

// options are those of the command. check fills in the defaults that depend on the machine.
type options struct {
	addr          string
	addrGiven     bool
	certs, keys   []string // keys[i] belongs to certs[i]; no keys, or as many
	clientCA      string
	tls           string
	engine        string
	workers       int
	nice          int // -1: not given
	niceGiven     bool
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
	o := &options{addr: ":8443", nice: -1, idle: 5 * time.Minute, grace: 30 * time.Second, dialTimeout: 5 * time.Second,
		watch: 10 * time.Second, lookup: 30 * time.Second, logFormat: "text"}
	f.String(&o.root, "root", "DIR", "serve the files in this directory")
	f.String(&o.proxy, "proxy", "ADDR", "pass connections on to a plain backend at HOST:PORT or unix:PATH")
	f.String(&o.addr, "addr", "ADDR", "where to listen: HOST:PORT, without HOST on all addresses, with port 0 on any free port; or unix:PATH")
	f.Strings(&o.certs, "cert", "FILE.pem", "the certificate, with its issuers after it (default a throw-away certificate, made in memory); "+
		"of several, the client's server name and algorithms choose, and the first is for all others")
	f.Strings(&o.keys, "key", "FILE.pem", "the private key of the -cert in the same place, not encrypted (default in the certificate's file)")
	f.String(&o.clientCA, "client-ca", "FILE.pem", "admit only clients with a certificate that one of these CAs has issued")
	f.String(&o.ticketKeys, "ticket-keys", "FILE", "the keys of session tickets, 64 hexadecimal digits a line, for several servers "+
		"that resume each other's sessions: the first is for new tickets (default a key in memory, a new one each day)")
	f.Duration(&o.watch, "watch", "look this often whether the files of these four options have changed, and read them again")
	f.String(&o.tls, "tls", "1.2|1.3", "only this version (default both)")
	f.String(&o.engine, "engine", "NAME", "multibuffer, workers or none (default as for speed); with none, crypto/tls signs by itself")
	f.Int(&o.workers, "workers", 1, 4096, "operations, or batches of eight, that the engine computes at once (default one for each core)")
	f.Func("nice", "N", "how much lower the priority of the workers' threads is, on Linux; 0 is the same priority as the rest "+
		"(default 10)", o.setNice)
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

func (o *options) setNice(text string) error {
	n, err := strconv.Atoi(text)
	switch {
	case err != nil || n < 0 || n > 19:
		return errors.New("must be between 0 and 19")
	case n > 0 && runtime.GOOS != "linux":
		return fmt.Errorf("threads have no priority of their own on %s", runtime.GOOS)
	}
	o.nice = n
	return nil
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
		{"cert", shortest(o.certs)}, {"key", shortest(o.keys)},
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
	if o.root != "" {
		if info, err := os.Stat(o.root); err != nil {
			return cli.Usagef("-root %s: %w", o.root, cli.Cause(err))
		} else if !info.IsDir() {
			return cli.Usagef("-root %s: not a directory", o.root)
		}
	}
	o.addrGiven = f.Given("addr")
	if path, unix := strings.CutPrefix(o.addr, "unix:"); unix && (path == "" || len(path) > 100) {
		return cli.Usagef("-addr %q: give unix:PATH, with a path of 1 to 100 bytes", o.addr)
	} else if err := checkAddress("addr", o.addr); err != nil && !unix {
		return err
	}
	if o.metrics != "" {
		if err := checkAddress("metrics", o.metrics); err != nil {
			return err
		}
	}
	cores := runtime.GOMAXPROCS(0)
	o.workers, o.loops = cmp.Or(o.workers, cores), cmp.Or(o.loops, cores)
	o.maxHandshakes = cmp.Or(o.maxHandshakes, 1000)
	if o.niceGiven = o.nice >= 0; !o.niceGiven {
		o.nice = 0
		if runtime.GOOS == "linux" {
			o.nice = 10
		}
	}
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

// keyFile returns the file of the key that belongs to certificate i, or "" if the key is in the
// certificate's file.
func (o *options) keyFile(i int) string {
	if o.keys == nil {
		return ""
	}
	return o.keys[i]
}

func checkAddress(option, text string) error {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return cli.Usagef("-%s %q: not HOST:PORT, nor :PORT", option, text)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return cli.Usagef("-%s %q: no such port as %q", option, text, port)
	}
	return nil
}
