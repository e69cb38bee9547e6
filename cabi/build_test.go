package cabi

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

var inCI = os.Getenv("CI") == "true"

// without skips a test for want of something, save in CI, where all has to be.
func without(t *testing.T, what string) {
	t.Helper()
	if inCI {
		t.Fatal(what)
	}
	t.Skip(what)
}

// inputs reads the folders of what make reads, so that Go's cache of test results knows of every file's size and time: it
// can't see what other programs read, and would tell of the library as it was.
var inputs = sync.OnceValue(func() error {
	for _, dir := range []string{".", "src", "include/openssl", "man", "test"} {
		if _, err := os.ReadDir(dir); err != nil {
			return err
		}
	}
	return nil
})

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

// limit is how long any program may take: one that hangs has failed.
const limit = 3 * time.Minute

// command is a program with the limit, and more environment.
func command(t *testing.T, env []string, name string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = time.Second
	return cmd
}

// run runs a program, which must succeed, and returns what it wrote to both outputs.
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
	name  string
	make  []string // variables
	needs string
}

var variants = []variant{
	{"gcc", nil, "gcc"},
	{"clang", []string{"CC=clang"}, "clang"},
	{"ucontext", []string{"CPPFLAGS=-DAC_UCONTEXT"}, "gcc"},
	{"sanitizers", []string{"SAN=address,undefined", "CFLAGS=-O1 -g"}, "gcc"},
}

var (
	tmp    string // of the whole run
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
	dir  string
	out  []byte
	err  error
}

// args are make's, for this variant in a folder.
func (v variant) args(dir string) []string {
	return append([]string{"-s", "CC=" + v.needs, "WERROR=-Werror", "B=" + dir}, v.make...)
}

// built returns the folder with a variant's library, and its tests in folder test. Each is made once.
func (v variant) built(t *testing.T) string {
	t.Helper()
	need(t, "make", v.needs)
	if err := exec.Command(v.needs, "-fsyntax-only", "-include", "stdio.h", "-x", "c", os.DevNull).Run(); err != nil {
		without(t, "the headers of the C library are not installed")
	}
	a, _ := builds.LoadOrStore(v.name, new(build))
	b := a.(*build)
	b.once.Do(func() {
		b.dir = filepath.Join(tmp, v.name)
		var tests []string
		sources, _ := filepath.Glob("test/*.c")
		for _, s := range sources {
			name := strings.TrimSuffix(filepath.Base(s), ".c")
			if name != "engine" && !strings.HasPrefix(name, "with_") {
				tests = append(tests, filepath.Join(b.dir, "test", name))
			}
		}
		b.out, b.err = exec.Command("make", append(append(v.args(b.dir), "all"), tests...)...).CombinedOutput()
	})
	if b.err != nil {
		t.Fatalf("make %v: %v\n%s", v.make, b.err, b.out)
	}
	return b.dir
}

// plain is the library as users have it.
func plain(t *testing.T) string { return variants[0].built(t) }

// each runs one of the tests in C, in every variant and under valgrind.
func each(t *testing.T, name string, env ...string) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			run(t, env, filepath.Join(v.built(t), "test", name))
		})
	}
	t.Run("valgrind", func(t *testing.T) {
		need(t, "valgrind")
		dir := plain(t)
		leaks := "--leak-check=full"
		switch name {
		case "control":
			t.Skip("valgrind rounds to nearest, always")
		case "overflow":
			t.Skip("valgrind reports the overflow itself, and ends the child")
		case "forks", "forks_first":
			leaks = "--leak-check=no" // what other threads had is leaked in a child
		}
		run(t, append(env, "CHECK_SLOW=1"), "valgrind", "-q", "--error-exitcode=9", leaks, "--errors-for-leak-kinds=definite",
			filepath.Join(dir, "test", name))
	})
}

// needHeaders needs OpenSSL's.
func needHeaders(t *testing.T) {
	t.Helper()
	need(t, "gcc", "openssl")
	if err := exec.Command("gcc", "-fsyntax-only", "-include", "openssl/async.h", "-x", "c", os.DevNull).Run(); err != nil {
		without(t, "OpenSSL's headers are not installed")
	}
}

// compile compiles one of the programs in folder test that are not make's, and returns its path.
func compile(t *testing.T, name string, args ...string) string {
	t.Helper()
	needHeaders(t)
	out := filepath.Join(t.TempDir(), name)
	run(t, nil, "gcc", append([]string{"-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O2", "-pthread", "-o", out, "test/" + name + ".c"}, args...)...)
	return out
}
