//go:build unix

package cabi

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestMusl builds libasync for musl. It runs the C tests there, and the programs of OpenSSL 4,
// whose versions musl's loader ignores.
func TestMusl(t *testing.T) {
	t.Parallel()
	need(t, "make", "musl-gcc", "readelf")
	v := variant{name: "musl", cc: "musl-gcc"}
	dir := filepath.Join(t.TempDir(), v.name)
	out := run(t, nil, "make", append(v.args(dir), "check")...)
	if !strings.Contains(out, "\nthreads\n") && !strings.HasSuffix(out, "\nthreads") {
		t.Errorf("make check did not run all tests:\n%s", out)
	}
	if needed := run(t, nil, "readelf", "-d", filepath.Join(dir, "libasync.so")); strings.Contains(needed, "libc.so.6") {
		t.Errorf("it needs glibc:\n%s", needed)
	}
	newOpenSSL4(t, v.cc).test(dir)
}
