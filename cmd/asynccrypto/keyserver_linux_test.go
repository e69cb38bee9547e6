package main

import (
	"context"
	"crypto"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/internal/testwait"
	"asynccrypto/remote"
)

// command is a command of asynccrypto that runs in a process of its own until the test ends.
type command struct {
	t     *testing.T
	cmd   *exec.Cmd
	log   *testwait.Log
	ended chan struct{}
}

func startCommand(t *testing.T, cmd *exec.Cmd) *command {
	t.Helper()
	c := &command{t: t, cmd: cmd, log: new(testwait.Log), ended: make(chan struct{})}
	cmd.Stderr = c.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.ended)
		cmd.Wait()
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-c.ended
	})
	return c
}

func (c *command) find(pattern string) []string {
	c.t.Helper()
	return c.log.Find(c.t, pattern, c.ended)
}

// stop tells it to stop, and expects success.
func (c *command) stop() {
	c.t.Helper()
	c.cmd.Process.Signal(syscall.SIGTERM)
	testwait.Receive(c.t, "the end", c.ended)
	if !c.cmd.ProcessState.Success() {
		c.t.Errorf("%v\n%s", c.cmd.ProcessState, c.log)
	}
}

// keyServer has the files of a key server in a directory: the key "web", and an allow file for this user
// and for localhost.
type keyServer struct {
	dir, socket, allow string
	cert               *tlstest.Certificate // of the key, of the server and of its clients
}

func newKeyServer(t *testing.T) *keyServer {
	k := &keyServer{dir: t.TempDir(), cert: tlstest.NewCertificate(t)}
	k.socket, k.allow = filepath.Join(k.dir, "s"), filepath.Join(k.dir, "allow")
	key, err := os.ReadFile(k.cert.KeyFile)
	if err == nil {
		err = errors.Join(os.WriteFile(filepath.Join(k.dir, "web.pem"), key, 0o600),
			os.WriteFile(k.allow, fmt.Appendf(nil, "allow uid:%d sign web\nallow dns:localhost sign web\n", os.Getuid()), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// network are the options for gRPC, beside -grpc.
func (k *keyServer) network() []string {
	return []string{"-cert", k.cert.File, "-key", k.cert.KeyFile, "-client-ca", k.cert.File}
}

// start starts the server with options.
func (k *keyServer) start(t *testing.T, args ...string) *command {
	t.Helper()
	args = append(append([]string{"keyserver", "-allow", k.allow}, args...), filepath.Join(k.dir, "web.pem"))
	return startCommand(t, exec.Command("asynccrypto", args...))
}

// uri is the URI of the key on a server on the network.
func (k *keyServer) uri(addr string) string {
	return fmt.Sprintf("keyserver://%s/web?cert=%s&key=%s&ca=%s", addr, k.cert.File, k.cert.KeyFile, k.cert.File)
}

// The real command takes the sockets that a service manager hands over, by their names and else by
// their kind, and tells it when it is ready, reloads and stops.
func TestKeyServerSystemd(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip("SIGHUP is ignored here, as under nohup, and so the command ignores it too")
	}
	k := newKeyServer(t)
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(k.dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close()
	said := func(want string) {
		t.Helper()
		notify.SetReadDeadline(testwait.Limit())
		b := make([]byte, 1000)
		n, err := notify.Read(b)
		if err != nil || !strings.HasPrefix(string(b[:n]), want) {
			t.Errorf("%q, %v, not %q", b[:n], err, want)
		}
	}
	var sockets []*os.File
	for _, path := range []string{"", k.socket, filepath.Join(k.dir, "g")} {
		network, addr := "unix", path
		if path == "" {
			network, addr = "tcp", "127.0.0.1:0"
		}
		ln, err := net.Listen(network, addr)
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		f, err := ln.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		sockets = append(sockets, f)
	}
	start := func(names string, args ...string) *command {
		// The shell's exec keeps its process, whose number LISTEN_PID needs.
		cmd := exec.Command("sh", append([]string{"-c", `LISTEN_PID=$$ exec asynccrypto keyserver "$@"`, "sh", "-allow", k.allow, filepath.Join(k.dir, "web.pem")}, args...)...)
		cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+notify.LocalAddr().String(), "LISTEN_FDS=3", "LISTEN_FDNAMES="+names)
		cmd.ExtraFiles = sockets
		return startCommand(t, cmd)
	}
	c := start("any:any:grpc", k.network()...)
	said("READY=1")
	addr := c.find(`listening on (127\.0\.0\.1:\d+), gRPC`)[1]
	c.find(`listening on ` + filepath.Join(k.dir, "g") + `, gRPC`)
	c.find(`listening on unix:` + k.socket + "\n")
	for _, uri := range []string{k.uri(addr), "keyserver:///web?unix=" + k.socket} {
		if out, err := exec.Command("asynccrypto", "keyserver", "list", uri).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
	c.cmd.Process.Signal(syscall.SIGHUP)
	said("RELOADING=1\nMONOTONIC_USEC=")
	said("READY=1")
	c.stop()
	said("STOPPING=1")
	for _, test := range []struct {
		names, want string
		status      int
		args        []string
	}{
		{"", `-unix: the service manager has handed over 2 sockets for that (LISTEN_FDS); leave -unix out`, 2, append(k.network(), "-unix", "x")},
		{"", `-grpc: the service manager has handed over 1 socket for that (LISTEN_FDS); leave -grpc out`, 2, append(k.network(), "-grpc", ":0")},
		{"", `a socket for gRPC, which the service manager has handed over (LISTEN_FDS), needs a certificate`, 2, nil},
		{"unix", `with FileDescriptorName=unix, which is no Unix socket`, 1, k.network()},
	} {
		c := start(test.names, test.args...)
		if <-c.ended; c.cmd.ProcessState.ExitCode() != test.status || !strings.Contains(c.log.String(), test.want) {
			t.Errorf("%v\n%s", c.cmd.ProcessState, c.log)
		}
	}
}

// A server that was killed has left its socket, which the next one replaces; one that lives keeps it.
// The permissions are those of -unix-mode, whatever the umask.
func TestKeyServerSocket(t *testing.T) {
	k := newKeyServer(t)
	other := filepath.Join(k.dir, "other")
	old := syscall.Umask(0o077)
	c := k.start(t, "-unix", k.socket, "-unix", other, "-unix-mode", "0662")
	syscall.Umask(old)
	c.find("listening on unix:" + other)
	for _, path := range []string{k.socket, other} {
		if info, err := os.Stat(path); err != nil || info.Mode() != os.ModeSocket|0o662 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	}
	second := k.start(t, "-unix", k.socket)
	if <-second.ended; second.cmd.ProcessState.ExitCode() != 1 || !strings.Contains(second.log.String(), "-unix "+k.socket+": address already in use; ") {
		t.Errorf("%v\n%s", second.cmd.ProcessState, second.log)
	}
	c.cmd.Process.Kill()
	<-c.ended
	third := k.start(t, "-unix", k.socket)
	third.find("listening on unix:")
	if info, err := os.Stat(k.socket); err != nil || info.Mode() != os.ModeSocket|0o660 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	third.stop()
}

// The commands sign and speed use a key on a server, by both ways, and a fallback takes over when the
// server is away.
func TestKeyServerSign(t *testing.T) {
	k := newKeyServer(t)
	c := k.start(t, append(k.network(), "-unix", k.socket, "-grpc", "127.0.0.1:0")...)
	addr := c.find(`listening on (\S+), gRPC`)[1]
	file := filepath.Join(k.dir, "file")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("asynccrypto", args...).CombinedOutput()
		if err != nil {
			t.Errorf("%q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	local := "keyserver:///web?unix=" + k.socket
	for _, uri := range []string{local, k.uri(addr)} {
		run("sign", "-key", uri, file)
		run("verify", "-key", k.cert.File, file)
	}
	if out := run("speed", "-time", "1ms", "-async-jobs", "1,3", "-key", local); !strings.Contains(out, "ECDSA P-256 signatures by the key servers unix:"+k.socket+"\n") ||
		!strings.Contains(out, "none was wrong") {
		t.Error(out)
	}
	if out := run("speed", "-time", "1ms", "-async-jobs", "2", "-json", "-key", local); !strings.Contains(out, `"engine": "remote"`) {
		t.Error(out)
	}
	c.stop()
	out := run("sign", "-key", local, "-fallback-key", k.cert.KeyFile, file)
	if strings.Count(out, "warning: -key: remote: ") != 1 {
		t.Error(out)
	}
	run("verify", "-key", k.cert.File, file)
}

// serve starts while all key servers are away, fails handshakes in time, and serves when one is there. It
// goes on through a rolling restart of two without a failed handshake. The allow file holds the key to
// handshakes of TLS 1.3.
func TestServeKeyServers(t *testing.T) {
	k := newKeyServer(t)
	if err := os.WriteFile(k.allow, fmt.Appendf(nil, "allow uid:%d sign:tls13-server web\n", os.Getuid()), 0o600); err != nil {
		t.Fatal(err)
	}
	sockets := []string{k.socket, filepath.Join(k.dir, "second")}
	uri := "keyserver:///web?unix=" + sockets[0] + "&unix=" + sockets[1]
	s := startCommand(t, exec.Command("asynccrypto", "serve", "-addr", "127.0.0.1:0", "-tls", "1.3", "-metrics", "127.0.0.1:0", "-cert", k.cert.File, "-key", uri))
	addr := s.find(`listening on (\S+)`)[1]
	s.find(`warning: key keyserver:///web is looked up later, because its place is away: -key: remote: `)
	handshake := func() error {
		ctx, cancel := context.WithDeadline(t.Context(), testwait.Limit())
		defer cancel()
		c, err := (&tls.Dialer{Config: &tls.Config{RootCAs: k.cert.Pool, ServerName: "localhost"}}).DialContext(ctx, "tcp", addr)
		if err == nil {
			c.Close()
		}
		return err
	}
	if err := handshake(); err == nil {
		t.Error("a handshake without a key")
	}
	var nodes []*command
	for _, socket := range sockets {
		n := k.start(t, "-unix", socket)
		n.find("listening on unix:")
		nodes = append(nodes, n)
	}
	s.find(`the key is used from now on: its place is there \(key keyserver:///web\)`)
	e, err := remote.New(remote.Config{Nodes: []string{"unix:" + sockets[0], "unix:" + sockets[1]}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	up := func() {
		testwait.Await(t, "both servers to be up", func() bool {
			n := e.Nodes()
			return len(n) == 2 && n[0].Up && n[1].Up
		})
	}
	stop, done := make(chan struct{}), make(chan error, 1)
	var n atomic.Int64
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := handshake(); err != nil {
				done <- fmt.Errorf("after %d handshakes: %w", n.Load(), err)
				return
			}
			n.Add(1)
		}
	}()
	up()
	for i, socket := range sockets {
		nodes[i].stop()
		enough := n.Load() + 10
		testwait.Await(t, "handshakes while one server is left", func() bool { return n.Load() > enough || len(done) > 0 })
		nodes[i] = k.start(t, "-unix", socket)
		nodes[i].find("listening on unix:")
		up()
	}
	close(stop)
	if err := <-done; err != nil {
		t.Errorf("%v\n%s", err, s.log)
	}
	signer, err := e.Signer(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signer.Sign(nil, make([]byte, 32), crypto.SHA256); !errors.Is(err, remote.ErrDenied) {
		t.Errorf("a digest was signed: %v", err)
	}
	s.stop()
}
