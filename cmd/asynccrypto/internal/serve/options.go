package serve

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/cli"
)

// options are those of the command. check fills in the defaults that depend on the machine.
type options struct {
	addr          string
	cert, key     string
	clientCA      string
	tls           string
	engine        string
	workers       int
	nice          int // -1: not given
	metrics       string
	idle, grace   time.Duration
	root, proxy   string
	loops         int
	maxHandshakes int
	dialTimeout   time.Duration
}

func newOptions(f *cli.Flags) *options {
	o := &options{addr: ":8443", nice: -1, idle: 5 * time.Minute, grace: 30 * time.Second, dialTimeout: 5 * time.Second}
	f.String(&o.root, "root", "DIR", "serve the files in this directory")
	f.String(&o.proxy, "proxy", "ADDR", "pass connections on to a plain backend at HOST:PORT or unix:PATH")
	f.String(&o.addr, "addr", "HOST:PORT", "where to listen; without HOST on all addresses, with port 0 on any free port")
	f.String(&o.cert, "cert", "FILE.pem", "the certificate, with its issuers after it (default a throw-away certificate, made in memory)")
	f.String(&o.key, "key", "FILE.pem", "its private key, not encrypted (default in the certificate's file)")
	f.String(&o.clientCA, "client-ca", "FILE.pem", "admit only clients with a certificate that one of these CAs has issued")
	f.String(&o.tls, "tls", "1.2|1.3", "only this version (default both)")
	f.String(&o.engine, "engine", "NAME", "multibuffer, workers or none (default as for speed); with none, crypto/tls signs by itself")
	f.Int(&o.workers, "workers", 1, 4096, "operations, or batches of eight, that the engine computes at once (default one for each core)")
	f.Func("nice", "N", "how much lower the priority of the workers' threads is, on Linux; 0 is the same priority as the rest "+
		"(default 10)", o.setNice)
	f.String(&o.metrics, "metrics", "ADDR", "serve figures for Prometheus, by plain HTTP at http://ADDR/metrics")
	f.Duration(&o.idle, "idle", "close a connection after this long without a byte")
	f.Duration(&o.grace, "grace", "how long connections may take to end once the command is told to stop")
	f.Section("With -proxy")
	f.Int(&o.loops, "loops", 1, 4096, "event loops, each with its share of the connections (default one for each core)")
	f.Int(&o.maxHandshakes, "max-handshakes", 1, 1_000_000, "handshakes in progress at a time; further ones wait (default 1000)")
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
	for _, name := range []string{"loops", "max-handshakes", "dial-timeout"} {
		if f.Given(name) && o.proxy == "" {
			return cli.Usagef("-%s is for -proxy; without it net/http serves, with a goroutine for each connection", name)
		}
	}
	for _, name := range []string{"workers", "nice"} {
		if f.Given(name) && o.engine == "none" {
			return cli.Usagef("-%s is for an engine, and -engine none was given", name)
		}
	}
	if f.Given("root") && f.Given("proxy") {
		return cli.Usagef("-root and -proxy exclude each other")
	}
	for _, s := range []struct{ name, value string }{
		{"root", o.root}, {"proxy", o.proxy}, {"cert", o.cert}, {"key", o.key}, {"client-ca", o.clientCA}, {"metrics", o.metrics},
	} {
		if f.Given(s.name) && s.value == "" {
			return cli.Usagef("-%s is empty", s.name)
		}
	}
	if o.key != "" && o.cert == "" {
		return cli.Usagef("-key without a certificate; give one with -cert FILE.pem")
	}
	if o.root != "" {
		if info, err := os.Stat(o.root); err != nil {
			return cli.Usagef("-root %s: %w", o.root, cli.Cause(err))
		} else if !info.IsDir() {
			return cli.Usagef("-root %s: not a directory", o.root)
		}
	}
	if err := checkAddress("addr", o.addr); err != nil {
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
	if o.nice < 0 {
		o.nice = 0
		if runtime.GOOS == "linux" {
			o.nice = 10
		}
	}
	return nil
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
