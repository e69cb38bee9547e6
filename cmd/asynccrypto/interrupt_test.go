//go:build unix

package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/internal/testwait"
)

// An interrupted command leaves whole signatures and nothing else, and its exit status tells the
// signal. One of its files is so large that reading it would take a quarter of an hour.
func TestInterruptSign(t *testing.T) {
	for sig, status := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		dir := t.TempDir()
		args := []string{"sign", "-key", "rsa.pem", "huge"}
		write := func(name string, text []byte) {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("rsa.pem", testKeys()["rsa.pem"])
		write("huge", nil)
		if err := os.Truncate(filepath.Join(dir, "huge"), 1<<40); err != nil {
			t.Skipf("no sparse files here: %v", err)
		}
		for i := range 300 {
			name := strconv.Itoa(i)
			write(name, []byte(name))
			args = append(args, name)
		}
		var stderr bytes.Buffer
		cmd := exec.Command("asynccrypto", args...)
		cmd.Dir, cmd.Stderr = dir, &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill() })
		signatures := func() []string {
			found, _ := filepath.Glob(filepath.Join(dir, "*.sig"))
			return found
		}
		testwait.Await(t, "a signature", func() bool { return len(signatures()) > 0 })
		cmd.Process.Signal(sig)
		cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != status {
			t.Errorf("%v: exit status %d, %s", sig, got, stderr.String())
		}
		if s := stderr.String(); strings.Count(s, "\n") != 1 || !strings.HasPrefix(s, "asynccrypto sign: stopped by a signal ("+sig.String()+"): signed ") {
			t.Errorf("%v: %q", sig, s)
		}
		if left := temporaryFiles(dir); len(left) > 0 {
			t.Errorf("%v: left behind: %v", sig, left)
		}
		for _, name := range signatures() {
			if info, err := os.Stat(name); err != nil || info.Size() != 1024/8 {
				t.Errorf("%v: %s is not whole", sig, name)
			}
		}
	}
}

// An interrupted verification does not wait for the file that it reads.
func TestInterruptVerify(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string][]byte{"rsa.pub": testKeys()["rsa.pub"], "bad": nil, "bad.sig": nil, "huge": nil, "huge.sig": nil} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(filepath.Join(dir, "huge"), 1<<40); err != nil {
		t.Skipf("no sparse files here: %v", err)
	}
	cmd := exec.Command("asynccrypto", "verify", "-key", "rsa.pub", "huge", "bad")
	cmd.Dir = dir
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	lines := bufio.NewReader(stderr)
	if line, _ := lines.ReadString('\n'); line != "asynccrypto verify: bad: the signature bad.sig is not valid\n" {
		t.Errorf("%q", line)
	}
	cmd.Process.Signal(syscall.SIGINT)
	rest, _ := io.ReadAll(lines)
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 130 || string(rest) != "asynccrypto verify: stopped by a signal (interrupt): verified 0 of 2 files\n" {
		t.Errorf("exit status %d, %q", got, rest)
	}
}

// An interrupted measurement reports its figures at once, even if the server hangs, and its exit
// status tells the signal.
func TestHandshakesInterrupt(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	hangs := make(chan bool, 1)
	addr := tlstest.Listen(t, func(n int, c net.Conn) {
		if n > 10 {
			select {
			case hangs <- true:
			default:
			}
			io.Copy(io.Discard, c)
			return
		}
		if s := tls.Server(c, cert.Config()); s.Handshake() == nil {
			io.Copy(io.Discard, s)
		}
	})
	var stdout, stderr bytes.Buffer
	// Without the interrupt it would outlast the tests.
	cmd := exec.Command("asynccrypto", "handshakes", "-json", "-seconds", "7200", "-timeout", "7200", "-c", "2", "-ca", cert.File, addr)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	testwait.Receive(t, "a connection to the server", hangs)
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 130 {
		t.Errorf("exit status %d", got)
	}
	if e := stderr.String(); strings.Count(e, "\n") != 1 || !strings.HasPrefix(e, "asynccrypto handshakes: stopped by a signal (interrupt): ") {
		t.Errorf("%q", e)
	}
	var got struct {
		Interrupted       bool
		Succeeded, Failed int
	}
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil || !got.Interrupted || got.Succeeded < 1 || got.Succeeded > 10 || got.Failed != 0 {
		t.Errorf("%v: %s", err, stdout.String())
	}
}
