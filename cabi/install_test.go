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

// These tests use the Makefile as users and packagers do.

// TestInstall checks that a program finds the installed library by pkg-config's file, that every
// function has a manual page, and that OpenSSL's files under the same prefix stay, whatever
// suffix its pages have.
func TestInstall(t *testing.T) {
	t.Parallel()
	dir := plain(t) // built for the default prefix
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
		return command(t, nil, "make", append(variants[0].args(dir), args...)...)
	}
	if out, err := make("install", "PREFIX=/opt/async", "DESTDIR="+dest).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	inEnv := make("-n", "install")
	inEnv.Env = append(inEnv.Env, "DESTDIR=/the/package", "PREFIX=/the/prefix")
	out, err := inEnv.CombinedOutput()
	if err != nil || !strings.Contains(string(out), " /the/package/the/prefix/lib/") || strings.Contains(string(out), "/usr/local") {
		t.Errorf("it ignores the environment's folders: %v\n%s", err, out)
	}
	out, err = make("install", "PREFIX=here", "DESTDIR="+dest+"/").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "here/lib: not an absolute path") {
		t.Errorf("it takes a relative prefix: %v\n%s", err, out)
	}
	for _, name := range append(slices.Clone(public), "ASYNC_STATUS_EAGAIN") {
		page := filepath.Join(root, "share/man/man3", name+".3async")
		text, err := os.ReadFile(page)
		if err != nil || !strings.Contains(string(text), name) {
			t.Errorf("no page for %s: %v", name, err)
		}
	}
	text, err := os.ReadFile(filepath.Join(root, "lib/pkgconfig/libasync.pc"))
	pc := string(text)
	if err != nil || !strings.Contains(pc, "prefix=/opt/async\n") || !strings.Contains(pc, " -I${includedir}/libasync\n") || strings.Contains(pc, "@") {
		t.Errorf("%v: %s", err, pc)
	}
	for _, link := range [][]string{
		{"-L" + root + "/lib", "-lasync", "-Wl,-rpath," + root + "/lib"},
		{root + "/lib/libasync.a", "-pthread", "-ldl"},
	} {
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

// TestMakeHelp checks that make help lists every target that is not a file.
func TestMakeHelp(t *testing.T) {
	t.Parallel()
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

// TestWarningsDontStop checks that a newer compiler, which warns of more, still builds the library.
func TestWarningsDontStop(t *testing.T) {
	t.Parallel()
	need(t, "make", "gcc")
	const warns = "CPPFLAGS=-Wstack-usage=1" // every function uses more
	for werror, stops := range map[string]bool{"WERROR=": false, "WERROR=-Werror": true} {
		dir := t.TempDir()
		object := filepath.Join(dir, "shared", "errors.c.o")
		out, err := command(t, nil, "make", "-s", "CC=gcc", "B="+dir, warns, werror, object).CombinedOutput()
		if (err != nil) != stops || !strings.Contains(string(out), "stack usage is") {
			t.Errorf("with %s: %v\n%s", werror, err, out)
		}
	}
}

// TestPackagersFlags builds with the flags of distributions, link-time optimisation included. The
// tests must pass, and programs must find the functions in libasync.a, which holds machine code
// all the same.
func TestPackagersFlags(t *testing.T) {
	t.Parallel()
	inCIOnly(t)
	need(t, "make", "nm")
	const cflags = "CFLAGS=-O3 -g -flto -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection"
	for _, cc := range []string{"gcc", "clang"} {
		t.Run(cc, func(t *testing.T) {
			t.Parallel()
			if runtime.GOARCH != "amd64" {
				t.Skip("-fcf-protection is for x86")
			}
			v := variant{name: "packager-" + cc, make: []string{cflags, "LDFLAGS=-Wl,-z,relro -Wl,--as-needed"}, cc: cc}
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
