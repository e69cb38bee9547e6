//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An interrupted measurement reports what it has, at once, though a server hangs; its exit status says what stopped it.
func TestHandshakesInterrupt(t *testing.T) {
	cert := newThrowAway(t)
	s := &tlsServer{t: t, config: cert.config()}
	hangs := make(chan bool, 1)
	addr := listen(t, func(n int, c net.Conn) {
		if n > 10 {
			select {
			case hangs <- true:
			default:
			}
			io.Copy(io.Discard, c)
			return
		}
		s.handle(n, c)
	})
	var stdout, stderr bytes.Buffer
	cmd := exec.Command("asynccrypto", "handshakes", "-json", "-seconds", "600", "-timeout", "600", "-c", "2", "-ca", cert.file, addr)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-hangs:
	case <-time.After(time.Minute):
		cmd.Process.Kill()
		t.Error("the server was not reached")
	}
	began := time.Now()
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait()
	if d := time.Since(began); d > 30*time.Second {
		t.Errorf("took %v to stop", d)
	}
	if got := cmd.ProcessState.ExitCode(); got != 130 {
		t.Errorf("exit status %d", got)
	}
	if e := stderr.String(); strings.Count(e, "\n") != 1 || !strings.HasPrefix(e, "asynccrypto handshakes: stopped by a signal (interrupt): ") {
		t.Errorf("%q", e)
	}
	var got jsonHandshakes
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil || !got.Interrupted || got.Succeeded < 1 || got.Succeeded > 10 || got.Failed != 0 {
		t.Errorf("%v: %s", err, stdout.String())
	}
}
