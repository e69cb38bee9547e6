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

// otherTLS tests with a library that Debian has no package of. LibreSSL 4.3 and AWS-LC 5.5 have
// passed.
var otherTLS = flag.String("tls", "", "the `folder` with include and lib of one more TLS library, for TestOtherTLS")

// TestOtherTLS makes connections in jobs with TLS libraries that have no asynchronous jobs of
// their own, and with OpenSSL for comparison. Each is linked beside libasync, and does not know
// of it.
func TestOtherTLS(t *testing.T) {
	t.Parallel()
	dir := plain(t)
	cert, key := certificate(t, "ec")
	connections := repetitions(50, 200)
	counts := regexp.MustCompile(`(\S.*): (\d+) connections, (\d+) signatures, (\d+) waits\n`)
	try := func(t *testing.T, include, lib, name string) {
		program := compile(t, "with_other_tls", "-Iinclude", "-I"+include, "-L"+dir, "-L"+lib, "-lasync", "-lssl", "-lcrypto",
			"-Wl,-rpath,"+dir+":"+lib)
		out := run(t, []string{"ASYNC_STATS=1"}, program, cert, key, strconv.Itoa(connections))
		m := counts.FindStringSubmatch(out)
		if m == nil || !strings.Contains(m[1], name) {
			t.Fatalf("it was not linked with %q: %s", name, out)
		}
		t.Log(m[0])
		made, _ := strconv.Atoi(m[2])
		signed, _ := strconv.Atoi(m[3])
		waits, _ := strconv.Atoi(m[4])
		// Client and server also wait for each other, at least for the hello and its echo.
		if made != connections || signed != connections || waits < 3*connections || pauses(t, out) != waits {
			t.Errorf("wrong counts: %s", out)
		}
	}
	t.Run("OpenSSL", func(t *testing.T) { try(t, "include", dir, "OpenSSL 3") })
	t.Run("BoringSSL", func(t *testing.T) {
		const include = "/usr/include/android" // of Debian's package android-libboringssl-dev
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
