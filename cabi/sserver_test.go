//go:build unix

package cabi

import (
	"bufio"
	"bytes"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// negotiated matches the lines in which s_client shows the result of a handshake.
var negotiated = regexp.MustCompile(`(?m)^(Protocol version|Ciphersuite|Peer certificate|Hash used|Signature type|Server Temp Key): .*$`)

// client makes one handshake with openssl s_client, sends a line, and returns the lines of
// negotiated.
func client(t *testing.T, addr, version string) string {
	cmd := command(t, nil, "openssl", "s_client", "-connect", addr, version, "-brief")
	cmd.Stdin = strings.NewReader("hello\n")
	out, _ := cmd.CombinedOutput() // its status is that of the end of the connection
	lines := negotiated.FindAllString(string(out), -1)
	if len(lines) < 5 {
		t.Fatalf("s_client says: %s", out)
	}
	return strings.Join(lines, "\n")
}

// clients makes n handshakes with openssl s_time. It prints a star for each that succeeds, and
// ends with the first that fails, which must be after the server's last.
func clients(t *testing.T, addr, version string, n int) {
	made, err := 0, error(nil)
	var out []byte
	for made < n && err == nil {
		out, err = command(t, nil, "openssl", "s_time", "-connect", addr, "-new", "-time", "10", version).CombinedOutput()
		made += bytes.Count(out, []byte("*"))
	}
	if made != n {
		t.Fatalf("%d handshakes of %d: %v, %s", made, n, err, out)
	}
}

// serve starts openssl s_server on a free port. It returns the server's address, and a function
// that waits for the server's end and returns its output.
func serve(t *testing.T, env []string, args ...string) (addr string, end func() string) {
	t.Helper()
	cmd := command(t, env, "openssl", append([]string{"s_server", "-accept", "127.0.0.1:0"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe() // s_server ends when its input does
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	for addr == "" {
		line, err := lines.ReadString('\n')
		if err != nil {
			cmd.Wait()
			t.Fatalf("s_server does not listen: %v, %s", err, stderr.String())
		}
		if after, ok := strings.CutPrefix(line, "ACCEPT "); ok {
			addr = strings.TrimSpace(after)
		}
	}
	rest := make(chan []byte, 1)
	go func() { // the server must not wait for room in the pipe
		out, _ := io.ReadAll(lines)
		rest <- out
	}()
	return addr, func() string {
		t.Helper()
		out := <-rest
		if err := cmd.Wait(); err != nil {
			t.Errorf("s_server: %v", err)
		}
		stdin.Close()
		return string(out) + stderr.String()
	}
}

// TestSServer runs openssl s_server -async, which serves one connection at a time, with s_client
// and s_time as clients.
func TestSServer(t *testing.T) {
	t.Parallel()
	dir, e := plain(t), engine(t)
	single, many := repetitions(2, 10), repetitions(20, 1000)
	for _, kind := range []string{"rsa", "ec"} {
		cert, key := certificate(t, kind)
		for version, protocol := range map[string]string{"-tls1_2": "TLSv1.2", "-tls1_3": "TLSv1.3"} {
			t.Run(kind+version, func(t *testing.T) {
				serves := func(env []string) (result, out string) {
					addr, end := serve(t, env, "-cert", cert, "-key", key, "-engine", e, "-async", version,
						"-naccept", strconv.Itoa(single+many))
					result = client(t, addr, version)
					for range single - 1 {
						if again := client(t, addr, version); again != result {
							t.Fatalf("at first %s\nand then %s", result, again)
						}
					}
					clients(t, addr, version, many)
					return result, end()
				}
				theirs, _ := serves(nil)
				ours, out := serves(preload(dir))
				if theirs != ours || !strings.Contains(ours, "Protocol version: "+protocol) {
					t.Errorf("with libcrypto %s\nwith libasync %s", theirs, ours)
				}
				if n := pauses(t, out); n < single+many {
					t.Errorf("%d pauses in %d handshakes", n, single+many)
				}
			})
		}
	}
}
