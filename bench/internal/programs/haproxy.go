package programs

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"asynccrypto/bench/internal/harness"
)

const hintHAProxy = "install it (Debian, Ubuntu: apt install haproxy; Fedora: dnf install haproxy)"

// HAProxy is an installed HAProxy.
type HAProxy struct {
	Path    string
	Version string // as "HAProxy 2.6.12-1+deb12u4"
	OpenSSL string // that it runs with, as "OpenSSL 3.0.22 25 Aug 2026"
}

// FindHAProxy looks for a command. The error is a [*harness.Missing] unless ctx ends.
func FindHAProxy(ctx context.Context, command string) (*HAProxy, error) {
	path, err := find(command, hintHAProxy)
	if err != nil {
		return nil, err
	}
	out, err := harness.Output(ctx, harness.NoPin, path, "-vv")
	if ctx.Err() != nil {
		return nil, ctx.Err()
	} else if err != nil {
		return nil, &harness.Missing{What: fmt.Sprintf("%s -vv does not answer (%v)", command, err), Hint: hintHAProxy}
	}
	h := &HAProxy{Path: path}
	for line := range strings.Lines(out) {
		if v, ok := strings.CutPrefix(line, "HAProxy version "); ok {
			h.Version = "HAProxy " + strings.Fields(v)[0]
		}
		if v, ok := strings.CutPrefix(line, "Running on OpenSSL version : "); ok {
			h.OpenSSL = strings.TrimSpace(v)
		}
	}
	if h.Version == "" || h.OpenSSL == "" {
		return nil, &harness.Missing{What: command + " is no HAProxy with OpenSSL", Hint: hintHAProxy}
	}
	return h, nil
}

// Release returns the first two numbers of the OpenSSL, as "3.5"; empty for a library that is not
// OpenSSL.
func (h *HAProxy) Release() string {
	return (&harness.OpenSSL{Version: h.OpenSSL}).Release()
}

// HAProxyServer is how HAProxy is to run.
type HAProxyServer struct {
	Key     Key
	Async   bool     // ssl-mode-async: handshakes are jobs
	MaxConn int      // 0: enough for the clients of a load
	Env     []string // beside this process's environment, as NAME=value
}

// haproxyConfig has one thread, no log and no resumption. Idle connections stay.
const haproxyConfig = `global
    nbthread 1
    maxconn %d
    tune.ssl.cachesize 0
%sdefaults
    mode http
    timeout connect 5s
    timeout server 1m
    timeout client 1m
    timeout http-keep-alive 10m
frontend bench
    bind %s ssl crt bench.pem no-tls-tickets ssl-min-ver TLSv1.3
    http-request return status 200 content-type text/plain string ok
`

// Start starts HAProxy on one CPU, or anywhere for [harness.NoPin].
func (h *HAProxy) Start(cpu int, o HAProxyServer) (*Server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	async := ""
	if o.Async {
		async = "    ssl-mode-async\n"
	}
	dir, err := folder(map[string][]byte{
		"haproxy.cfg": fmt.Appendf(nil, haproxyConfig, cmp.Or(o.MaxConn, 4000), async, addr),
		// The key stands first: behind certificates not every program finds a handle.
		"bench.pem": append(append([]byte{}, o.Key.Key...), o.Key.Cert...),
	})
	if err != nil {
		return nil, err
	}
	const log = "stderr"
	stderr, err := os.Create(filepath.Join(dir, log))
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	defer stderr.Close()
	cmd := exec.Command(h.Path, "-db", "-f", "haproxy.cfg")
	cmd.Dir, cmd.Stderr = dir, stderr
	cmd.Env = append(cmd.Environ(), o.Env...)
	return start(cpu, &Server{Addr: addr, program: "HAProxy", dir: dir, log: log, cmd: cmd})
}
