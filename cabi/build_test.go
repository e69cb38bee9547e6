package cabi

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// With CI=true in the environment the tests run everything, with all repetitions. By default they
// take the samples that find most mistakes in a few seconds: see variant.built, each, inCIOnly
// and CHECK_QUICK in test/check.h.
var inCI = os.Getenv("CI") == "true"

// inCIOnly skips a test that only CI has the time for.
func inCIOnly(t *testing.T) {
	t.Helper()
	if !inCI {
		t.Skip("runs with CI=true")
	}
}

// repetitions returns all in CI, and few otherwise.
func repetitions(few, all int) int {
	if inCI {
		return all
	}
	return few
}

// without skips a test because something is not installed. In CI the test fails: there everything
// must be installed.
func without(t *testing.T, reason string) {
	t.Helper()
	if inCI {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// inputs reads the folders that make reads. Go's cache of test results cannot see which files
// other programs read; this makes it notice every change of a file's size or time.
var inputs = sync.OnceValue(func() error {
	for _, dir := range []string{".", "src", "include/openssl", "man", "test"} {
		if _, err := os.ReadDir(dir); err != nil {
			return err
		}
	}
	return nil
})

// need skips the test unless the programs are installed. Every test calls it first, if only by
// way of plain.
func need(t *testing.T, programs ...string) {
	t.Helper()
	if err := inputs(); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "linux" {
		t.Skip("libasync is tested on linux")
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			without(t, p+" is not installed")
		}
	}
}

// limit ends a program that hangs. No program takes nearly as long, on a busy machine either.
const limit = 3 * time.Minute

// command returns a command that is killed after the limit, with env added to its environment.
func command(t *testing.T, env []string, name string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	if !inCI {
		cmd.Env = append(cmd.Env, "CHECK_QUICK=1")
	}
	cmd.WaitDelay = time.Second
	return cmd
}

// run runs a program, which must succeed, and returns its output and its errors.
func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	out, err := command(t, env, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// variant is a way to build the library and its tests.
type variant struct {
	name   string
	make   []string // variables
	cc     string
	tests  []string // nil for all
	shares bool     // by default only libasync.so is built; the first variant's tests preload it
}

var variants = []variant{
	{name: "gcc", cc: "gcc"},
	{name: "clang", cc: "clang", shares: true},
	{name: "ucontext", make: []string{"CPPFLAGS=-DAC_UCONTEXT"}, cc: "gcc", shares: true},
	{name: "sanitizers", make: []string{"SAN=address,undefined", "CFLAGS=-O1 -g"}, cc: "gcc"},
}

// args returns the arguments by which make builds the variant in dir.
func (v variant) args(dir string) []string {
	jobs := fmt.Sprint("-j", runtime.NumCPU())
	return append([]string{"-s", jobs, "CC=" + v.cc, "WERROR=-Werror", "B=" + dir}, v.make...)
}

var (
	tmp    string // removed at the end of the run
	builds sync.Map
)

func TestMain(m *testing.M) {
	var err error
	if tmp, err = os.MkdirTemp("", "libasync"); err != nil {
		panic(err)
	}
	status := m.Run()
	os.RemoveAll(tmp)
	os.Exit(status)
}

type build struct {
	once sync.Once
	out  []byte
	err  error
}

// built returns the folder with the variant's library, and its tests in folder test. All tests
// share one build.
func (v variant) built(t *testing.T) string {
	t.Helper()
	need(t, "make", v.cc)
	if err := exec.Command(v.cc, "-fsyntax-only", "-include", "stdio.h", "-x", "c", os.DevNull).Run(); err != nil {
		without(t, v.cc+" has no headers of the C library")
	}
	dir := filepath.Join(tmp, v.name)
	a, _ := builds.LoadOrStore(v.name, new(build))
	b := a.(*build)
	b.once.Do(func() {
		args := append(v.args(dir), filepath.Join(dir, "libasync.so"))
		if inCI || !v.shares {
			tests := v.tests
			if tests == nil {
				tests = cTests()
			}
			for _, name := range tests {
				args = append(args, filepath.Join(dir, "test", name))
			}
		}
		if inCI || v.name == variants[0].name {
			args = append(args, "all")
		}
		b.out, b.err = exec.Command("make", args...).CombinedOutput()
	})
	if b.err != nil {
		t.Fatalf("make %v: %v\n%s", v.make, b.err, b.out)
	}
	return dir
}

// cTests returns the names of the tests that need nothing but libasync.
func cTests() (names []string) {
	sources, _ := filepath.Glob("test/*.c")
	for _, s := range sources {
		name := strings.TrimSuffix(filepath.Base(s), ".c")
		if name != "engine" && !strings.HasPrefix(name, "with_") {
			names = append(names, name)
		}
	}
	return names
}

// plain returns the folder with the library as users build it.
func plain(t *testing.T) string { return variants[0].built(t) }

// each runs one of the C tests in every variant, and under valgrind.
func each(t *testing.T, name string) {
	t.Parallel()
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			dir := v.built(t)
			if v.shares && !inCI {
				run(t, []string{"LD_PRELOAD=" + filepath.Join(dir, "libasync.so.1")}, filepath.Join(plain(t), "test", name))
			} else {
				run(t, nil, filepath.Join(dir, "test", name))
			}
		})
	}
	t.Run("valgrind", func(t *testing.T) {
		t.Parallel()
		need(t, "valgrind")
		leaks := "--leak-check=full"
		switch name {
		case "control":
			t.Skip("valgrind always rounds to nearest")
		case "overflow":
			t.Skip("valgrind reports the overflow itself, and ends the child")
		case "forks", "forks_first":
			leaks = "--leak-check=no" // a child has lost what other threads had allocated
		}
		if name != "frees" && name != "memory" { // they free the most
			inCIOnly(t)
		}
		run(t, []string{"CHECK_SLOW=1"}, "valgrind", "-q", "--error-exitcode=9", leaks,
			"--errors-for-leak-kinds=definite", filepath.Join(plain(t), "test", name))
	})
}

// needHeaders skips the test unless OpenSSL's headers are installed.
func needHeaders(t *testing.T) {
	t.Helper()
	need(t, "gcc", "openssl")
	if err := exec.Command("gcc", "-fsyntax-only", "-include", "openssl/async.h", "-x", "c", os.DevNull).Run(); err != nil {
		without(t, "OpenSSL's headers are not installed")
	}
}

// compile compiles one of the programs in folder test that make does not build, and returns its
// path.
func compile(t *testing.T, name string, args ...string) string {
	t.Helper()
	needHeaders(t)
	out := filepath.Join(t.TempDir(), name)
	fixed := []string{"-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O2", "-pthread", "-o", out, "test/" + name + ".c"}
	run(t, nil, "gcc", append(fixed, args...)...)
	return out
}
