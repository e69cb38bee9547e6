//go:build linux

package provider

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

// Thousands of connections, whose handshakes were jobs, do nothing. Each costs HAProxy one file more than
// with the private key, and less than a kilobyte.
func TestHAProxyIdleConnections(t *testing.T) {
	t.Parallel()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	// HAProxy makes room for twice as many files as connections, which the wait fds need.
	n := min(repetitions(500, 10_000), int(limit.Cur)/2-500)
	cost := func(n int, plain bool) (files, bytes float64) {
		s := newSite(t, "p256", plain)
		s.useConfig(earlyThread)
		global := []string{"maxconn " + strconv.Itoa(n+100)}
		if !plain {
			global = append(global, "ssl-mode-async")
		}
		haproxy(s, global...)
		s.hold(16) // it allocates what it keeps
		filesBefore, bytesBefore := s.files(), s.memory()
		s.hold(n)
		return float64(s.files()-filesBefore) / float64(n), float64(s.memory()-bytesBefore) / float64(n)
	}
	plainFiles, plainBytes := cost(n/8, true)
	files, bytes := cost(n, false)
	t.Logf("%d connections, each: %.3f files and %.0f bytes, with the private key %.3f and %.0f", n, files, bytes, plainFiles, plainBytes)
	if files > plainFiles+1.01 {
		t.Errorf("%.3f files for a connection, with the private key %.3f", files, plainFiles)
	}
	if whole && bytes > plainBytes+1024 { // of few connections the memory says little
		t.Errorf("%.0f bytes for a connection, with the private key %.0f", bytes, plainBytes)
	}
}

// memory returns the bytes of memory that are the site's processes' alone.
func (s *site) memory() (sum int) {
	s.t.Helper()
	for _, pid := range s.processes() {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			s.t.Fatal(err)
		}
		_, after, _ := bytes.Cut(text, []byte("\nPrivate_Dirty:"))
		kilobytes, err := strconv.Atoi(string(bytes.Fields(after)[0]))
		if err != nil {
			s.t.Fatal(err)
		}
		sum += kilobytes << 10
	}
	return sum
}

// hold makes n connections of TLS 1.3, with a request on each, and keeps them open until the end of the
// test. They can be used no more: the state of TLS is dropped.
func (s *site) hold(n int) {
	s.t.Helper()
	open, errs := make([]net.Conn, n), make([]error, n)
	var clients sync.WaitGroup
	for first := range 8 {
		clients.Go(func() {
			for i := first; i < n; i += 8 {
				c, err := s.dial(s.addr, clientConfig(tls.VersionTLS13))
				if err == nil {
					open[i], err = c.NetConn(), keepAlive(c)
				}
				if errs[i] = err; err != nil {
					return
				}
			}
		})
	}
	clients.Wait()
	s.t.Cleanup(func() {
		for _, c := range open {
			if c != nil {
				c.Close()
			}
		}
	})
	if err := errors.Join(errs...); err != nil {
		s.fatal("%v", err)
	}
}

// keepAlive makes a request of HTTP after which the connection can be used again.
func keepAlive(c net.Conn) error {
	if _, err := io.WriteString(c, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(answer.Body)
	if err == nil && (string(body) != "hello" || answer.Close) {
		err = fmt.Errorf("it answers %q and closes: %v", body, answer.Close)
	}
	return err
}
