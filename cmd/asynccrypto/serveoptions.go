package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"time"

	"asynccrypto/asynctls"
)

// serveArguments takes the command line apart and fills in the defaults.
func serveArguments(args []string) (*serveOptions, error) {
	o := &serveOptions{nice: -1}
	fs := newFlags("serve")
	fs.StringVar(&o.cert, "cert", "", "")
	fs.StringVar(&o.key, "key", "", "")
	fs.StringVar(&o.clientCA, "client-ca", "", "")
	fs.StringVar(&o.tls, "tls", "", "")
	fs.StringVar(&o.addr, "addr", ":8443", "")
	fs.StringVar(&o.root, "root", "", "")
	fs.StringVar(&o.proxy, "proxy", "", "")
	fs.StringVar(&o.engine, "engine", "", "")
	numberVar(fs, &o.workers, "workers", 4096)
	fs.Func("nice", "", o.setNice)
	numberVar(fs, &o.loops, "loops", 4096)
	numberVar(fs, &o.maxHandshakes, "max-handshakes", 1_000_000)
	fs.StringVar(&o.metrics, "metrics", "", "")
	durationVar(fs, &o.dialTimeout, "dial-timeout", 5*time.Second)
	durationVar(fs, &o.idle, "idle", 5*time.Minute)
	durationVar(fs, &o.grace, "grace", 30*time.Second)
	rest, err := parseFlags(fs, args)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, usagef("unexpected argument %q", rest[0])
	}
	given := make(map[string]bool)
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for _, name := range []string{"loops", "max-handshakes", "dial-timeout"} {
		if given[name] && o.proxy == "" {
			return nil, usagef("-%s is for -proxy; HTTP is net/http's, with a goroutine for each connection", name)
		}
	}
	for _, name := range []string{"workers", "nice"} {
		if given[name] && o.engine == "none" {
			return nil, usagef("-%s is for an engine, and -engine none was given", name)
		}
	}
	if err := o.check(given); err != nil {
		return nil, err
	}
	cores := runtime.GOMAXPROCS(0)
	o.workers, o.loops = cmp.Or(o.workers, cores), cmp.Or(o.loops, cores)
	if o.nice < 0 {
		o.nice = 0
		if runtime.GOOS == "linux" {
			o.nice = 10
		}
	}
	return o, nil
}

// check finds what makes no sense together, or at all.
func (o *serveOptions) check(given map[string]bool) error {
	if given["root"] && given["proxy"] {
		return usagef("-root and -proxy exclude each other")
	}
	for name, value := range map[string]string{
		"root": o.root, "proxy": o.proxy, "cert": o.cert, "key": o.key, "client-ca": o.clientCA, "metrics": o.metrics,
	} {
		if given[name] && value == "" {
			return usagef("-%s is empty", name)
		}
	}
	if o.key != "" && o.cert == "" {
		return usagef("-key without a certificate; give one with -cert FILE.pem")
	}
	if o.root != "" {
		if info, err := os.Stat(o.root); err != nil {
			return usagef("-root %s: %w", o.root, cause(err))
		} else if !info.IsDir() {
			return usagef("-root %s: not a directory", o.root)
		}
	}
	for _, addr := range []struct{ option, text string }{{"addr", o.addr}, {"metrics", o.metrics}} {
		if addr.text == "" && addr.option == "metrics" {
			continue
		}
		_, port, err := net.SplitHostPort(addr.text)
		if err != nil {
			return usagef("-%s %q: not HOST:PORT, nor :PORT", addr.option, addr.text)
		}
		if _, err := net.LookupPort("tcp", port); err != nil {
			return usagef("-%s %q: no such port as %q", addr.option, addr.text, port)
		}
	}
	return nil
}

func (o *serveOptions) setNice(text string) error {
	n, err := strconv.Atoi(text)
	switch {
	case err != nil || n < 0 || n > 19:
		return fmt.Errorf("from 0 (as the rest) to 19 can be")
	case n > 0 && runtime.GOOS != "linux":
		return fmt.Errorf("threads have no priority of their own on %s", runtime.GOOS)
	}
	o.nice = n
	return nil
}

// durationVar defines an option that takes a time such as 30s or 5m; a bare number is seconds.
func durationVar(fs *flag.FlagSet, d *time.Duration, name string, otherwise time.Duration) {
	*d = otherwise
	fs.Func(name, "", func(text string) error {
		v, err := time.ParseDuration(text)
		if n, bare := strconv.ParseFloat(text, 64); bare == nil {
			v, err = time.Duration(n*float64(time.Second)), nil
		}
		if err != nil || v < time.Millisecond || v > 24*time.Hour {
			return fmt.Errorf("not a time from 1ms to 24h, such as 30s or 5m")
		}
		*d = v
		return nil
	})
}

// config is the server's, with keys that take part in handshakes as jobs.
func (o *serveOptions) config(keys *serveKeys) (*tls.Config, error) {
	c := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return keys.current.Load(), nil },
	}
	if err := onlyVersion(c, o.tls); err != nil {
		return nil, err
	}
	if o.clientCA != "" {
		text, err := readPEM(o.clientCA)
		if err != nil {
			return nil, usagef("-client-ca %s: %w", o.clientCA, err)
		}
		c.ClientCAs = x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(text) {
			return nil, usagef("-client-ca %s: holds no certificate in PEM form", o.clientCA)
		}
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return asynctls.Config(c), nil
}
