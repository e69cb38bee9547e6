//go:build unix

package cabi

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// otherTLS is for libraries that Debian has no package of. LibreSSL 4.3 and AWS-LC 5.5 have passed with it.
var otherTLS = flag.String("tls", "", "the `folder` with include and lib of one more TLS library, for TestOtherTLS")

// TestOtherTLS makes connections in jobs, with TLS libraries that have no such facility, and with OpenSSL for comparison.
// Each is linked beside libasync, and knows nothing of it.
func TestOtherTLS(t *testing.T) {
	dir := plain(t)
	cert, key := certificate(t, "ec")
	const connections = 200
	counts := regexp.MustCompile(`(\S.*): (\d+) connections, (\d+) signatures, (\d+) waits\n`)
	try := func(t *testing.T, include, lib, says string) {
		program := compile(t, "with_other_tls", "-Iinclude", "-I"+include, "-L"+dir, "-L"+lib, "-lasync", "-lssl", "-lcrypto",
			"-Wl,-rpath,"+dir+":"+lib)
		out := run(t, []string{"ASYNC_STATS=1"}, program, cert, key, strconv.Itoa(connections))
		m := counts.FindStringSubmatch(out)
		if m == nil || !strings.Contains(m[1], says) {
			t.Fatalf("it is not of %s: %s", says, out)
		}
		t.Log(m[0])
		made, _ := strconv.Atoi(m[2])
		signed, _ := strconv.Atoi(m[3])
		waits, _ := strconv.Atoi(m[4])
		// Client and server also wait for each other, if only for the hello and its echo.
		if made != connections || signed != connections || waits < 3*connections || pauses(t, out) != waits {
			t.Errorf("wrong counts: %s", out)
		}
	}
	t.Run("OpenSSL", func(t *testing.T) { try(t, "include", dir, "OpenSSL 3") })
	t.Run("BoringSSL", func(t *testing.T) {
		const include = "/usr/include/android" // Debian's android-libboringssl-dev
		if _, err := os.Stat(include + "/openssl/base.h"); err != nil {
			without(t, "BoringSSL is not installed")
		}
		triplet, err := exec.Command("gcc", "-print-multiarch").Output()
		if err != nil {
			t.Fatal(err)
		}
		try(t, include, filepath.Join("/usr/lib", strings.TrimSpace(string(triplet)), "android"), "BoringSSL")
	})
	if *otherTLS != "" {
		t.Run("-tls", func(t *testing.T) {
			try(t, filepath.Join(*otherTLS, "include"), filepath.Join(*otherTLS, "lib"), "")
		})
	}
}
