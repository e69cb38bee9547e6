package main

import (
	"crypto/tls"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/internal/testwait"
)

// The real command takes the sockets that a service manager hands over, on TCP and unix, and tells
// it when it is ready, reloads and stops.
func TestServeSystemd(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip("SIGHUP is ignored here, as under nohup, and so the command ignores it too")
	}
	cert := tlstest.NewCertificate(t)
	dir := t.TempDir()
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close()
	said := func(want string) {
		t.Helper()
		notify.SetReadDeadline(time.Now().Add(time.Minute))
		b := make([]byte, 1000)
		n, err := notify.Read(b)
		if err != nil || !strings.HasPrefix(string(b[:n]), want) {
			t.Errorf("%q, %v, not %q", b[:n], err, want)
		}
	}
	var sockets []*os.File
	for network, addr := range map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(dir, "serve")} {
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
	// The shell's exec keeps its process, whose number LISTEN_PID needs.
	start := func(args string) (*exec.Cmd, *testwait.Log, chan struct{}) {
		log, ended := new(testwait.Log), make(chan struct{})
		cmd := exec.Command("sh", "-c", "LISTEN_PID=$$ LISTEN_FDS=2 exec asynccrypto serve -cert "+cert.File+" -key "+cert.KeyFile+args)
		cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+notify.LocalAddr().String())
		cmd.Stderr, cmd.ExtraFiles = log, sockets
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() {
			defer close(ended)
			cmd.Wait()
		}()
		t.Cleanup(func() { cmd.Process.Kill() })
		return cmd, log, ended
	}
	cmd, log, ended := start("")
	said("READY=1")
	for _, f := range []string{`listening on (127\.0\.0\.1:\d+)`, `listening on unix:(\S+)`} {
		addr := log.Find(t, f, ended)[1]
		network := "tcp"
		if strings.HasPrefix(addr, "/") {
			network = "unix"
		}
		raw, err := net.Dial(network, addr)
		if err != nil {
			t.Fatal(err)
		}
		c := tls.Client(raw, &tls.Config{RootCAs: cert.Pool, ServerName: "localhost"})
		if err := c.Handshake(); err != nil {
			t.Error(addr, err)
		}
		c.Close()
	}
	if !signal.Ignored(syscall.SIGHUP) { // as it is for the children of nohup, too
		cmd.Process.Signal(syscall.SIGHUP)
		said("RELOADING=1\nMONOTONIC_USEC=")
		said("READY=1")
	}
	cmd.Process.Signal(syscall.SIGTERM)
	said("STOPPING=1")
	<-ended
	if !cmd.ProcessState.Success() {
		t.Error(cmd.ProcessState, log)
	}
	cmd, log, ended = start(" -addr :0")
	if <-ended; cmd.ProcessState.ExitCode() != 2 || !strings.Contains(log.String(), "has handed over 2 sockets (LISTEN_FDS); leave -addr out") {
		t.Error(cmd.ProcessState, log)
	}
}
