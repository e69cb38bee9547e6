//go:build unix

package cabi

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// negotiated are the lines of s_client that tell what came of a handshake.
var negotiated = regexp.MustCompile(`(?m)^(Protocol version|Ciphersuite|Peer certificate|Hash used|Signature type|Server Temp Key): .*$`)

// client makes one handshake with openssl s_client, sends a line, and returns what was negotiated.
func client(t *testing.T, port, version string) string {
	cmd := command(t, nil, "openssl", "s_client", "-connect", "127.0.0.1:"+port, version, "-brief")
	cmd.Stdin = strings.NewReader("hello\n")
	out, _ := cmd.CombinedOutput() // its status is that of the end of the connection
	lines := negotiated.FindAllString(string(out), -1)
	if len(lines) < 5 {
		t.Fatalf("s_client says: %s", out)
	}
	return strings.Join(lines, "\n")
}

// clients makes handshakes with openssl s_time, as many as the server takes. s_time prints a star for each that succeeds, and
// ends with the first that fails: then the server must be at its end.
func clients(t *testing.T, port, version string, many int) {
	made, err := 0, error(nil)
	var out []byte
	for made < many && err == nil {
		out, err = command(t, nil, "openssl", "s_time", "-connect", "127.0.0.1:"+port, "-new", "-time", "10", version).CombinedOutput()
		made += bytes.Count(out, []byte("*"))
	}
	if made != many {
		t.Fatalf("%d handshakes of %d: %v, %s", made, many, err, out)
	}
}

// TestSServer runs openssl s_server -async with s_client and, since that makes but one handshake, s_time. The server takes
// a connection at a time, and ends after so many.
func TestSServer(t *testing.T) {
	dir, e := plain(t), engine(t)
	const single = 10
	many := 100
	if inCI {
		many = 1000
	}
	for _, kind := range []string{"rsa", "ec"} {
		cert, key := certificate(t, kind)
		for version, says := range map[string]string{"-tls1_2": "TLSv1.2", "-tls1_3": "TLSv1.3"} {
			t.Run(kind+version, func(t *testing.T) {
				serves := func(env []string) (told, out string) {
					port := freePort(t)
					end := serve(t, env, port, 0, "openssl", "s_server", "-accept", "127.0.0.1:"+port, "-cert", cert, "-key", key,
						"-engine", e, "-async", "-quiet", version, "-naccept", strconv.Itoa(1+single+many)) // with serve's own
					told = client(t, port, version)
					for range single - 1 {
						if again := client(t, port, version); again != told {
							t.Fatalf("at first %s\nand then %s", told, again)
						}
					}
					clients(t, port, version, many)
					return told, end()
				}
				theirs, _ := serves(nil)
				ours, out := serves(preload(dir))
				if theirs != ours || !strings.Contains(ours, "Protocol version: "+says) {
					t.Errorf("with libcrypto %s\nwith libasync %s", theirs, ours)
				}
				if p := pauses(t, out); p < single+many {
					t.Errorf("%d pauses in %d handshakes", p, single+many)
				}
			})
		}
	}
}
