package fleettest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/handshakes"
	"asynccrypto/cmd/asynccrypto/internal/keyserver"
	"asynccrypto/cmd/asynccrypto/internal/serve"
	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/internal/testwait"
	"asynccrypto/remote"
)

func TestMain(m *testing.M) {
	program := &cli.Program{Commands: []*cli.Command{keyserver.Command, serve.Command, handshakes.Command}}
	testscript.Main(m, map[string]func(){
		"asynccrypto": func() { os.Exit(program.Main(os.Args[1:], cli.Stdio{Out: os.Stdout, Err: os.Stderr})) },
	})
}

// process is a command that runs, and can be started anew.
type process struct {
	t     *testing.T
	args  []string // with the program
	ready string   // a pattern of the log
	cmd   *exec.Cmd
	log   *testwait.Log // of the last start
	ended chan struct{}
	err   error // valid once ended is closed
}

// start starts the command, and waits until it is ready. It is killed at the end of the test.
func (p *process) start() {
	p.t.Helper()
	p.cmd, p.log, p.ended = exec.Command(p.args[0], p.args[1:]...), new(testwait.Log), make(chan struct{})
	p.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0") // else with -race each takes a second to exit
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	cmd, ended := p.cmd, p.ended
	go func() {
		defer close(ended)
		p.err = cmd.Wait()
	}()
	p.t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
	})
	p.log.Find(p.t, p.ready, p.ended)
}

// signal sends a signal. With SIGKILL it waits for the end, and with SIGSTOP until all threads are
// stopped.
func (p *process) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatalf("%v: %v\n%s", sig, err, p.log)
	}
	if sig == syscall.SIGKILL {
		testwait.Receive(p.t, "the end of a process", p.ended)
	}
	if sig == syscall.SIGSTOP {
		testwait.Await(p.t, "a process to be stopped", p.isStopped)
	}
}

func (p *process) isStopped() bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.cmd.Process.Pid))
	for _, stat := range threads {
		// "12 (name) T ...": see proc_pid_stat(5).
		if text, err := os.ReadFile(stat); err != nil || !strings.Contains(string(text), ") T ") {
			return false
		}
	}
	return len(threads) > 0
}

// end tells the command to stop, which should say that all went well.
func (p *process) end() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	testwait.Receive(p.t, "the end of a process", p.ended)
	if p.err != nil {
		p.t.Errorf("%v\n%s", p.err, p.log)
	}
}

// logged waits for a line of the log.
func (p *process) logged(pattern string) {
	p.t.Helper()
	p.log.Find(p.t, pattern, p.ended)
}

// node is a process of the command keyserver.
type node struct {
	process
	name  string
	addr  string // of remote.Config.Nodes
	audit string // a file
}

// reload has a node read its files again, and waits for the end of that, with a line in the log.
func (n *node) reload(line string) {
	n.t.Helper()
	if signal.Ignored(syscall.SIGHUP) {
		n.t.Skip("SIGHUP is ignored here, as under nohup, and so the command ignores it too")
	}
	said := len(n.log.String())
	n.signal(syscall.SIGHUP)
	testwait.Await(n.t, line, func() bool {
		says := n.log.String()[said:]
		return strings.Contains(says, line) && strings.Contains(says, "keys: ") // which are read last
	})
}

// fleet is a set of nodes that have the same keys.
type fleet struct {
	t     *testing.T
	dir   string
	ca    *tlstest.Authority   // of nodes and clients
	cert  *tlstest.Certificate // of a client
	keys  map[string]crypto.Signer
	nodes []*node
}

// Names in the certificates of the client and of all nodes, which have their addresses, too.
const (
	clientName = "spiffe://test/client"
	nodeName   = "nodes.test"
)

// own is the identity of this process for a Unix socket.
var own = fmt.Sprintf("uid:%d", os.Getuid())

// newFleet makes nodes, and does not start them. Each is "unix" or "grpc". They allow this process all
// that their keys can do, unless the file allow in dir is changed.
func newFleet(t *testing.T, nodes ...string) *fleet {
	t.Helper()
	f := &fleet{t: t, dir: t.TempDir(), ca: tlstest.NewAuthority(t), keys: testKeys()}
	f.cert = f.ca.Issue(t, []string{clientName})
	names := slices.Sorted(maps.Keys(f.keys))
	for _, name := range names {
		f.write(name+".pem", privatePEM(t, f.keys[name]))
	}
	f.write("allow", fmt.Appendf(nil, "allow %[1]s sign %[3]s\nallow %[2]s sign %[3]s\n", own, clientName, strings.Join(names, " ")))
	for i, kind := range nodes {
		f.nodes = append(f.nodes, f.node(i, kind))
	}
	return f
}

func (f *fleet) node(i int, kind string) *node {
	n := &node{name: fmt.Sprint("node", i)}
	n.audit = f.path(n.name + ".audit")
	args := []string{"asynccrypto", "keyserver", "-allow", f.path("allow"), "-audit", n.audit, "-watch", "1h", "-workers", "2", "-nice", "0"}
	if kind == "unix" {
		path := f.path(n.name)
		n.addr = "unix:" + path
		args = append(args, "-unix", path)
	} else {
		host := nextAddress()
		n.addr = host + ":7070"
		cert := f.ca.Issue(f.t, []string{host, nodeName})
		args = append(args, "-grpc", n.addr, "-cert", cert.File, "-key", cert.KeyFile, "-client-ca", f.ca.File)
	}
	for name := range f.keys {
		args = append(args, f.path(name+".pem"))
	}
	n.process = process{t: f.t, args: args, ready: `listening on `}
	return n
}

func (f *fleet) start() {
	f.t.Helper()
	for _, n := range f.nodes {
		n.start()
	}
}

func (f *fleet) path(name string) string { return filepath.Join(f.dir, name) }

// write replaces a file of dir.
func (f *fleet) write(name string, text []byte) {
	f.t.Helper()
	if err := os.WriteFile(f.path("new"), text, 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(f.path("new"), f.path(name)); err != nil {
		f.t.Fatal(err)
	}
}

// engine returns an engine whose nodes are those of the fleet, unless change says otherwise. It is
// closed at the end of the test.
func (f *fleet) engine(change ...func(*remote.Config)) *remote.Engine {
	f.t.Helper()
	c := remote.Config{TLS: clientTLS(f.cert), VerifyAll: true, Logger: slog.New(slog.DiscardHandler)}
	for _, n := range f.nodes {
		c.Nodes = append(c.Nodes, n.addr)
	}
	for _, f := range change {
		f(&c)
	}
	e, err := remote.New(c)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { e.Close() })
	return e
}

func clientTLS(c *tlstest.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{c.Certificate}, RootCAs: c.Pool, ServerName: nodeName}
}

// up waits until node i of the engine is up, or is not.
func (f *fleet) up(e *remote.Engine, i int, want bool) {
	f.t.Helper()
	testwait.Await(f.t, fmt.Sprintf("node %d to be up: %v", i, want), func() bool {
		nodes := e.Nodes()
		return i < len(nodes) && nodes[i].Up == want
	})
}

// signer returns the signer of a key. It does not ask a node.
func (f *fleet) signer(e *remote.Engine, name string) remote.Signer {
	f.t.Helper()
	s, err := e.SignerFor(f.keys[name].Public())
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

// patient returns a context that ends when the test gives up.
func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithDeadline(context.Background(), testwait.Limit())
	t.Cleanup(cancel)
	return ctx
}

var addresses atomic.Int32

// nextAddress returns a loopback address that nothing else on the machine uses. So a node can listen
// at the same port of it again: no outgoing connection can have taken that.
func nextAddress() string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", pid>>8&0xff, pid&0xff, 1+addresses.Add(1))
}

// testKeys returns a key of each kind that the tests use.
var testKeys = sync.OnceValue(func() map[string]crypto.Signer {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return map[string]crypto.Signer{"rsa": rsaKey, "ec": ec, "ed": ed}
})

func privatePEM(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
