package cabi

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The Makefile, as users and packagers meet it.

// TestInstall: a program finds by pkg-config's file what was installed elsewhere, and a manual page for every function.
// What OpenSSL has under the same prefix, by whatever suffix of its pages, stays.
func TestInstall(t *testing.T) {
	plain(t)
	dest := t.TempDir()
	root := filepath.Join(dest, "opt/async")
	theirs := []string{"include/openssl/async.h"}
	for _, suffix := range []string{"3", "3ssl", "3ossl"} {
		theirs = append(theirs, "share/man/man3/ASYNC_start_job."+suffix, "share/man/man3/ASYNC_pause_job."+suffix)
	}
	for _, name := range theirs {
		os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o777)
		if err := os.WriteFile(filepath.Join(root, name), []byte("theirs"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	make := func(args ...string) *exec.Cmd {
		return command(t, nil, "make", append([]string{"-s", "CC=gcc", "B=" + filepath.Join(tmp, "install")}, args...)...)
	}
	if out, err := make("all").CombinedOutput(); err != nil { // for another prefix
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := make("install", "PREFIX=/opt/async", "DESTDIR="+dest).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	inEnv := make("-n", "install")
	inEnv.Env = append(inEnv.Env, "DESTDIR=/the/package", "PREFIX=/the/prefix")
	if out, err := inEnv.CombinedOutput(); err != nil || !strings.Contains(string(out), " /the/package/the/prefix/lib/") || strings.Contains(string(out), "/usr/local") {
		t.Errorf("it does not go where the environment says: %v\n%s", err, out)
	}
	if out, err := make("install", "PREFIX=here", "DESTDIR="+dest+"/").CombinedOutput(); err == nil || !strings.Contains(string(out), "here/lib: not an absolute path") {
		t.Errorf("it takes a relative prefix: %v\n%s", err, out)
	}
	for _, name := range append(slices.Clone(public), "ASYNC_STATUS_EAGAIN") {
		page := filepath.Join(root, "share/man/man3", name+".3async")
		text, err := os.ReadFile(page)
		if err != nil || !strings.Contains(string(text), name) {
			t.Errorf("no page for %s: %v", name, err)
		}
	}
	pc, err := os.ReadFile(filepath.Join(root, "lib/pkgconfig/libasync.pc"))
	if err != nil || !strings.Contains(string(pc), "prefix=/opt/async\n") || !strings.Contains(string(pc), " -I${includedir}/libasync\n") || strings.Contains(string(pc), "@") {
		t.Errorf("%v: %s", err, pc)
	}
	for _, link := range [][]string{{"-L" + root + "/lib", "-lasync", "-Wl,-rpath," + root + "/lib"}, {root + "/lib/libasync.a", "-pthread", "-ldl"}} {
		program := filepath.Join(t.TempDir(), "functions")
		run(t, nil, "gcc", append([]string{"-I" + root + "/include/libasync", "-o", program, "test/functions.c"}, link...)...)
		run(t, nil, program)
	}
	if out, err := make("uninstall", "PREFIX=/opt/async", "DESTDIR="+dest).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var left []string
	filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if text, _ := os.ReadFile(path); !d.IsDir() && string(text) == "theirs" {
			path, _ = filepath.Rel(root, path)
			left = append(left, path)
		} else if !d.IsDir() || d.Name() == "libasync" {
			t.Errorf("%s is left behind", path)
		}
		return err
	})
	if slices.Sort(theirs); !slices.Equal(left, theirs) {
		t.Errorf("of OpenSSL's %q there are only %q", theirs, left)
	}
}

// TestMakeHelp: all that make is asked for by name is in its help, and is no folder's name to it.
func TestMakeHelp(t *testing.T) {
	need(t, "make")
	help := run(t, nil, "make", "-s", "help")
	text, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	_, phony, _ := strings.Cut(string(text), "\n.PHONY: ")
	for _, name := range strings.Fields(phony) {
		if name != "all" && name != "test" && name != "help" && !strings.Contains(help, "make "+name) {
			t.Errorf("%s is not in\n%s", name, help)
		}
	}
	if would := run(t, nil, "make", "-n", "B="+t.TempDir(), "test"); !strings.Contains(would, "functions") {
		t.Errorf("make test does nothing: %s", would)
	}
}

// TestWarningsDontStop: a compiler that comes after this release, and warns of more, builds it all the same.
func TestWarningsDontStop(t *testing.T) {
	need(t, "make", "gcc")
	const warns = "CPPFLAGS=-Wstack-usage=1" // which no function satisfies
	for werror, stops := range map[string]bool{"WERROR=": false, "WERROR=-Werror": true} {
		dir := t.TempDir()
		object := filepath.Join(dir, "shared", "errors.c.o")
		out, err := command(t, nil, "make", "-s", "CC=gcc", "B="+dir, warns, werror, object).CombinedOutput()
		if (err != nil) != stops || !strings.Contains(string(out), "stack usage is") {
			t.Errorf("with %s: %v\n%s", werror, err, out)
		}
	}
}

// TestPackagersFlags: with what distributions compile by, link-time optimisation included, there is a libasync.a of machine
// code, whose functions are found, and the tests pass.
func TestPackagersFlags(t *testing.T) {
	need(t, "make", "nm")
	const cflags = "CFLAGS=-O3 -g -flto -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection"
	for _, cc := range []string{"gcc", "clang"} {
		t.Run(cc, func(t *testing.T) {
			if runtime.GOARCH != "amd64" {
				t.Skip("-fcf-protection is for x86")
			}
			v := variant{"packager-" + cc, []string{cflags, "LDFLAGS=-Wl,-z,relro -Wl,--as-needed"}, cc}
			dir := v.built(t)
			for _, name := range []string{"breaks", "control", "functions", "threads", "unwind"} {
				run(t, nil, filepath.Join(dir, "test", name))
			}
			program := filepath.Join(t.TempDir(), "functions")
			run(t, nil, "gcc", "-Iinclude", "-o", program, "test/functions.c", filepath.Join(dir, "libasync.a"), "-pthread")
			run(t, nil, program)
		})
	}
}
