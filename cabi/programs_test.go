//go:build unix

package cabi

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The programs below were linked with libcrypto and know nothing of libasync. Each runs as it is and with libasync
// preloaded; the library's own count says that it did the work.

var statsLine = regexp.MustCompile(`libasync: process \d+: (\d+) starts, (\d+) pauses, (\d+) finishes\n`)

// pauses is the count in the one line of ASYNC_STATS that a program wrote.
func pauses(t *testing.T, out string) (n int) {
	t.Helper()
	m := statsLine.FindAllStringSubmatch(out, -1)
	if len(m) != 1 || m[0][1] != m[0][3] {
		t.Fatalf("not one line of ASYNC_STATS, or jobs that never finished:\n%s", out)
	}
	n, _ = strconv.Atoi(m[0][2])
	return n
}

// engine compiles the test's engine.
func engine(t *testing.T) string {
	return compile(t, "engine", "-shared", "-fPIC", "-lcrypto")
}

// certificate makes a key and a certificate, of kind rsa or ec.
func certificate(t *testing.T, kind string) (cert, key string) {
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	args := []string{"req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", cert}
	if kind == "rsa" {
		args = append(args, "-newkey", "rsa:2048")
	} else {
		args = append(args, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
	}
	run(t, nil, "openssl", args...)
	return cert, key
}

// handshakes is for each of the combinations below.
func handshakes() string {
	if inCI {
		return "500"
	}
	return "100"
}

// TestTLS makes handshakes through libssl's asynchronous mode, eight at once, woken by fd and by callback.
func TestTLS(t *testing.T) {
	dir, e := plain(t), engine(t)
	program := compile(t, "with_tls", "-lssl", "-lcrypto")
	for _, kind := range []string{"rsa", "ec"} {
		cert, key := certificate(t, kind)
		for _, version := range []string{"1.2", "1.3"} {
			for _, wake := range []string{"fd", "callback"} {
				t.Run(kind+" "+version+" "+wake, func(t *testing.T) {
					args := []string{e, cert, key, version, wake, handshakes()}
					theirs, ours := run(t, nil, program, args...), run(t, preload(dir), program, args...)
					waits := 0 // at last those of ours
					for _, out := range []string{theirs, ours} {
						m := regexp.MustCompile(`(\d+) handshakes, (\d+) waits, by ` + wake).FindStringSubmatch(out)
						if m == nil {
							t.Fatal(out)
						}
						made, _ := strconv.Atoi(m[1])
						if waits, _ = strconv.Atoi(m[2]); waits < made {
							t.Errorf("the server did not wait for each: %s", out)
						}
					}
					if n := pauses(t, ours); n < waits {
						t.Errorf("%d pauses, %d waits", n, waits)
					}
				})
			}
		}
	}
}

// TestSpeed runs openssl speed with jobs.
func TestSpeed(t *testing.T) {
	dir, e := plain(t), engine(t)
	for _, algorithm := range []string{"rsa2048", "ecdsap256"} {
		args := []string{"speed", "-seconds", "1", "-elapsed", "-engine", e, "-async_jobs", "8", algorithm}
		run(t, nil, "openssl", args...)
		if n := pauses(t, run(t, preload(dir), "openssl", args...)); n < 50 {
			t.Errorf("%s: %d pauses", algorithm, n)
		}
	}
}

// freePort is a port that nobody listens on, for the moment.
func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// serve starts a server, waits until it answers, and returns what stops it and returns its output.
func serve(t *testing.T, env []string, port string, stop syscall.Signal, name string, args ...string) func() string {
	t.Helper()
	cmd := command(t, env, name, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	stdin, err := cmd.StdinPipe() // s_server ends with it
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			c.Close()
			break
		}
		if time.Since(began) > 20*time.Second {
			cmd.Process.Kill()
			cmd.Wait()
			t.Fatalf("%s does not listen: %s", name, out.String())
		}
	}
	return func() string {
		t.Helper()
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		if stop != 0 {
			cmd.Process.Signal(stop)
		}
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			cmd.Process.Kill()
			<-ended
			t.Errorf("%s had to be killed", name)
		}
		stdin.Close()
		return out.String()
	}
}

const haproxyConfig = `
global
    ssl-mode-async
    nbthread 2
    tune.ssl.cachesize 0
defaults
    mode http
    timeout connect 5s
    timeout client 10s
    timeout server 10s
frontend f
    bind 127.0.0.1:%s ssl crt %s
    http-request return status 200 content-type text/plain string "hello"
`

// Debian's HAProxy is built without the keyword ssl-engine; OpenSSL's own configuration loads the engine as well.
const opensslConfig = `
openssl_conf = init
[init]
engines = engines
[engines]
asyncengine = asyncengine
[asyncengine]
dynamic_path = %s
default_algorithms = ALL
`

// TestHAProxy has HAProxy serve on jobs, with two threads, under openssl s_time.
func TestHAProxy(t *testing.T) {
	dir, e := plain(t), engine(t)
	need(t, "haproxy")
	if about := run(t, nil, "haproxy", "-vv"); !strings.Contains(about, "+OPENSSL") || !strings.Contains(about, "OpenSSL version : OpenSSL 3") {
		without(t, "this HAProxy is not built with OpenSSL 3: "+about)
	}
	cert, key := certificate(t, "rsa")
	both := filepath.Join(t.TempDir(), "both.pem")
	var pem []byte
	for _, file := range []string{cert, key} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pem = append(pem, text...)
	}
	write := func(path, text string) string {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write(both, string(pem))
	conf := write(filepath.Join(t.TempDir(), "openssl.cnf"), fmt.Sprintf(opensslConfig, e))
	connections := regexp.MustCompile(`(\d+) connections in \d+ real seconds`)
	for name, env := range map[string][]string{"libcrypto": nil, "libasync": preload(dir)} {
		t.Run(name, func(t *testing.T) {
			port := freePort(t)
			cfg := write(filepath.Join(t.TempDir(), "haproxy.cfg"), fmt.Sprintf(haproxyConfig, port, both))
			end := serve(t, append([]string{"OPENSSL_CONF=" + conf}, env...), port, syscall.SIGUSR1, "haproxy", "-db", "-f", cfg)
			made := 0
			for _, version := range []string{"-tls1_2", "-tls1_3"} {
				out := run(t, nil, "openssl", "s_time", "-connect", "127.0.0.1:"+port, "-new", "-time", "1", version, "-www", "/")
				m := connections.FindStringSubmatch(out)
				if m == nil {
					t.Fatalf("s_time says: %s", out)
				}
				n, _ := strconv.Atoi(m[1])
				made += n
			}
			out := end()
			t.Logf("%d handshakes", made)
			if made < 20 {
				t.Errorf("only %d handshakes: %s", made, out)
			}
			if env != nil {
				if p := pauses(t, out); p < made {
					t.Errorf("%d pauses in %d handshakes", p, made)
				}
			}
		})
	}
}
