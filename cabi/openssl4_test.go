//go:build unix

package cabi

import (
	"os"
	"path/filepath"
	"testing"
)

// openSSL4 is the stand-in for OpenSSL 4 in test/with_openssl4.c.
type openSSL4 struct {
	t       *testing.T
	cc, dir string
}

// newOpenSSL4 builds the stand-in's libcrypto.so.4, and a library that runs jobs by it, as
// libssl.so.4 does.
func newOpenSSL4(t *testing.T, cc string) *openSSL4 {
	t.Helper()
	need(t, cc)
	o := &openSSL4{t, cc, t.TempDir()}
	versions := filepath.Join(o.dir, "map")
	if err := os.WriteFile(versions, []byte("OPENSSL_4.0.0 { global: *; };\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	o.compile("libcrypto.so.4", "-DLIBCRYPTO", "-shared", "-fPIC", "-Wl,-soname,libcrypto.so.4", "-Wl,--version-script,"+versions)
	o.compile("libssl.so.4", "-DCALLER", "-shared", "-fPIC", o.file("libcrypto.so.4"), "-Wl,-rpath,"+o.dir)
	return o
}

func (o *openSSL4) file(name string) string { return filepath.Join(o.dir, name) }

// compile compiles a part of the stand-in, and returns its file name.
func (o *openSSL4) compile(name string, args ...string) string {
	o.t.Helper()
	fixed := []string{"-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O2", "-pthread", "-Iinclude", "-o", o.file(name), "test/with_openssl4.c",
		"-Wl,--no-as-needed"}
	run(o.t, nil, o.cc, append(fixed, append(args, "-ldl")...)...)
	return o.file(name)
}

// test runs the stand-in's programs on the library in dir: preloaded under a program that was
// linked with libcrypto.so.4 alone, and linked before it and without it. In the last case
// libcrypto.so.4 comes in when the program is running already.
func (o *openSSL4) test(dir string) {
	o.t.Helper()
	libcrypto, libssl, here := o.file("libcrypto.so.4"), o.file("libssl.so.4"), "-Wl,-rpath,"+o.dir
	async := []string{"-L" + dir, "-lasync", "-Wl,-rpath," + dir, here}
	out := run(o.t, preload(dir), o.compile("preloaded", libcrypto, here), "4", libssl)
	if pauses(o.t, out) != 1 {
		o.t.Errorf("preloaded: %s", out)
	}
	run(o.t, nil, o.compile("first", append(async, libcrypto)...), "4", libssl)
	run(o.t, nil, o.compile("alone", async...), libssl)
}

// TestOpenSSL4 checks that libasync serves programs of OpenSSL 4, whose functions have another
// version than those of OpenSSL 3, and programs in which both versions are.
func TestOpenSSL4(t *testing.T) {
	t.Parallel()
	dir := plain(t)
	o := newOpenSSL4(t, "gcc")
	o.test(dir)
	// A program that opens libcrypto late.
	run(t, nil, compile(t, "with_opened", "-Iinclude", "-L"+dir, "-lasync", "-Wl,-rpath,"+dir), o.file("libcrypto.so.4"))
	// Both versions in one process.
	libssl3 := o.compile("libssl.so.3", "-DCALLER", "-shared", "-fPIC", "-lcrypto")
	run(t, nil, o.compile("both", "-L"+dir, "-lasync", "-Wl,-rpath,"+dir), libssl3, o.file("libssl.so.4"))
	run(t, preload(dir), o.compile("linked3", "-lcrypto"), o.file("libssl.so.4"), libssl3)
	run(t, preload(dir), o.compile("linked4", o.file("libcrypto.so.4"), "-Wl,-rpath,"+o.dir), libssl3, o.file("libssl.so.4"))
	run(t, nil, o.compile("static", "-Wl,--export-dynamic", filepath.Join(dir, "libasync.a")), libssl3, o.file("libssl.so.4"))
}
