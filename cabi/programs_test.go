//go:build unix

package cabi

import (
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// The programs of these tests, of haproxy_test.go and of sserver_test.go were linked with
// libcrypto and do not know of libasync. Each runs as it is and with libasync preloaded. The
// library's own count shows that it ran the jobs.

var statsLine = regexp.MustCompile(`libasync: process \d+: (\d+) starts, (\d+) pauses, (\d+) finishes\n`)

// pauses returns the number of pauses in a program's output, which must have one line of
// ASYNC_STATS.
func pauses(t *testing.T, out string) (n int) {
	t.Helper()
	m := statsLine.FindAllStringSubmatch(out, -1)
	if len(m) != 1 || m[0][1] != m[0][3] {
		t.Fatalf("not one line of ASYNC_STATS, or jobs that never finished:\n%s", out)
	}
	n, _ = strconv.Atoi(m[0][2])
	return n
}

// engine compiles the engine of the tests, which signs in a thread.
func engine(t *testing.T) string {
	return compile(t, "engine", "-shared", "-fPIC", "-lcrypto")
}

// certificate makes a key, of kind rsa or ec, and a certificate for localhost.
func certificate(t *testing.T, kind string) (cert, key string) {
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	args := []string{"req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
		"-keyout", key, "-out", cert}
	if kind == "rsa" {
		args = append(args, "-newkey", "rsa:2048")
	} else {
		args = append(args, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
	}
	run(t, nil, "openssl", args...)
	return cert, key
}

// TestTLS makes handshakes through libssl's asynchronous mode, eight at once, with wakes by fd
// and by callback.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir, e := plain(t), engine(t)
	program := compile(t, "with_tls", "-lssl", "-lcrypto")
	handshakes := strconv.Itoa(repetitions(50, 500))
	for _, kind := range []string{"rsa", "ec"} {
		cert, key := certificate(t, kind)
		for _, version := range []string{"1.2", "1.3"} {
			for _, wake := range []string{"fd", "callback"} {
				t.Run(kind+" "+version+" "+wake, func(t *testing.T) {
					args := []string{e, cert, key, version, wake, handshakes}
					theirs, ours := run(t, nil, program, args...), run(t, preload(dir), program, args...)
					waits := 0 // after the loop, those of ours
					for _, out := range []string{theirs, ours} {
						m := regexp.MustCompile(`(\d+) handshakes, (\d+) waits, by ` + wake).FindStringSubmatch(out)
						if m == nil {
							t.Fatal(out)
						}
						made, _ := strconv.Atoi(m[1])
						if waits, _ = strconv.Atoi(m[2]); waits < made {
							t.Errorf("the server did not wait in each handshake: %s", out)
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

// TestSpeed runs openssl speed with eight jobs, each of which must pause.
func TestSpeed(t *testing.T) {
	t.Parallel()
	dir, e := plain(t), engine(t)
	for _, algorithm := range []string{"rsa2048", "ecdsap256"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			args := []string{"speed", "-seconds", "1", "-elapsed", "-engine", e, "-async_jobs", "8", algorithm}
			if algorithm != "rsa2048" {
				inCIOnly(t)
			}
			if inCI {
				run(t, nil, "openssl", args...)
			}
			if n := pauses(t, run(t, preload(dir), "openssl", args...)); n < 8 {
				t.Errorf("%d pauses", n)
			}
		})
	}
}
