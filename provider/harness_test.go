//go:build linux

package provider

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// With CI=true in the environment a test fails that lacks what it needs, instead of skipping.
var inCI = os.Getenv("CI") == "true"

// whole says that the tests run with all their repetitions and variants, which take a quarter of an
// hour: "make check" sets it. By default they take samples: see repetitions, wholeOnly, and CHECK_QUICK in
// the C programs.
var whole = os.Getenv("CHECK_WHOLE") == "true"

// wholeOnly skips a test that takes long.
func wholeOnly(t *testing.T) {
	t.Helper()
	if !whole {
		t.Skip("runs with CHECK_WHOLE=true, as make check has it")
	}
}

// repetitions returns all for a whole run, and few otherwise.
func repetitions(few, all int) int {
	if whole {
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

// need skips the test unless the programs are installed.
func need(t *testing.T, programs ...string) {
	t.Helper()
	inputs()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			without(t, p+" is not installed")
		}
	}
}

// inputs reads the folders that make and the C compiler read. Go's cache of test results cannot see
// which files other programs read; this makes it notice every change of a file's size or time.
var inputs = sync.OnceFunc(func() {
	for _, dir := range []string{".", "src", "test", "../cabi/src"} {
		os.ReadDir(dir)
	}
})

// command returns a command that is killed at the end of the test, with env added to its environment.
func command(t *testing.T, env []string, name string, args ...string) *exec.Cmd {
	return commandUntil(t.Context(), env, name, args...)
}

// lasting is command for a program that launch starts and ends with all that descends from it. With
// command, the descendants would be left behind.
func lasting(env []string, name string, args ...string) *exec.Cmd {
	return commandUntil(context.Background(), env, name, args...)
}

func commandUntil(ctx context.Context, env []string, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	if !whole {
		cmd.Env = append(cmd.Env, "CHECK_QUICK=1")
	}
	cmd.WaitDelay = time.Second
	return cmd
}

// limit ends a program that hangs. No program takes nearly as long, on a busy machine either.
const limit = 5 * time.Minute

// run runs a program, which must succeed, and returns its output and its errors.
func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	out, err := commandUntil(ctx, env, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

var tmp string // removed at the end of the run; users without rights can reach it

func TestMain(m *testing.M) {
	var err error
	if tmp, err = os.MkdirTemp("", "prov"); err != nil {
		panic(err)
	}
	if err = os.Chmod(tmp, 0o755); err != nil {
		panic(err)
	}
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin") // servers are there
	status := m.Run()
	os.RemoveAll(tmp)
	os.Exit(status)
}

// newDir makes a folder that every user can reach, and whose path is short enough for sockets. It is
// removed at the end of the test.
func newDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(tmp, "")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// builds holds what the tests share: a program or library is built once.
var builds sync.Map

// build runs a command once for all tests, and returns the path in tmp that it makes.
func build(t *testing.T, name string, cmd *exec.Cmd) (path string) {
	t.Helper()
	once, _ := builds.LoadOrStore(name, sync.OnceValue(func() error {
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", cmd, err, out)
		}
		return nil
	}))
	if err := once.(func() error)(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(tmp, name)
}

// asynccrypto builds the command of this project, and returns its path.
func asynccrypto(t *testing.T) string {
	t.Helper()
	return build(t, "asynccrypto", exec.Command("go", "build", "-pgo=off", "-o", filepath.Join(tmp, "asynccrypto"), "../cmd/asynccrypto"))
}

// libasync builds the facility of jobs that can be preloaded, and returns the library's path.
func libasync(t *testing.T) string {
	t.Helper()
	need(t, "make", "gcc")
	jobs := fmt.Sprint("-j", runtime.NumCPU())
	return build(t, "cabi/libasync.so", exec.Command("make", "-s", jobs, "-C", "../cabi", "CC=gcc", "B="+tmp+"/cabi", tmp+"/cabi/libasync.so"))
}

// node returns the path of a Node by its name in test/node/package.json.
func node(t *testing.T, name string) string {
	t.Helper()
	wholeOnly(t)
	need(t, "npm")
	if runtime.GOARCH != "amd64" {
		t.Skip("the packages are for amd64")
	}
	install := exec.Command("sh", "-c", `cp -r test/node "$1" && cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --prefer-offline`, "sh",
		filepath.Join(tmp, "node"))
	return filepath.Join(build(t, "node", install), "node_modules", name, "bin/node")
}

// variant is a way to build the provider and the C programs, and to run these.
type variant struct {
	name      string
	cc        string
	sanitizer string   // for -fsanitize
	wrap      []string // the command that runs a program
	preload   bool     // of libasync
	node      string   // a name of test/node/package.json: the program runs inside this Node, on its OpenSSL
	env       []string
}

var (
	plain    = variant{name: "gcc", cc: "gcc"}
	clang    = variant{name: "clang", cc: "clang"}
	asan     = variant{name: "asan", cc: "gcc", sanitizer: "address,undefined", env: []string{"ASAN_OPTIONS=detect_stack_use_after_return=0"}}
	tsan     = variant{name: "tsan", cc: "gcc", sanitizer: "thread", env: []string{"TSAN_OPTIONS=halt_on_error=1"}}
	valgrind = variant{name: "valgrind", cc: "gcc", wrap: []string{"valgrind", "-q", "--error-exitcode=9", "--leak-check=full",
		"--errors-for-leak-kinds=definite"}, env: []string{"CHECK_SLOW=1"}}
	preloaded = variant{name: "libasync", cc: "gcc", preload: true}
	node20    = variant{name: "node20", cc: "gcc", node: "node20"}
	node24    = variant{name: "node24", cc: "gcc", node: "node24"}
	node26    = variant{name: "node26", cc: "gcc", node: "node26"}
)

// folder is where the variant is built. Variants that differ in how a program is run share it.
func (v variant) folder() string {
	if v.sanitizer != "" {
		return v.name
	}
	return v.cc
}

// provider builds the provider with make, once, and returns the path of asynccrypto.so.
func (v variant) provider(t *testing.T) string {
	t.Helper()
	need(t, "make", v.cc)
	needHeaders(t)
	name := filepath.Join(v.folder(), "asynccrypto.so")
	args := []string{"-s", fmt.Sprint("-j", runtime.NumCPU()), "CC=" + v.cc, "WERROR=-Werror", "B=" + filepath.Join(tmp, v.folder())}
	if v.sanitizer != "" {
		args = append(args, "SAN="+v.sanitizer, "CFLAGS=-O1 -g")
	}
	return build(t, name, exec.Command("make", append(args, filepath.Join(tmp, name))...))
}

// needHeaders skips the test unless OpenSSL's headers are installed.
func needHeaders(t *testing.T) {
	t.Helper()
	need(t, "gcc", "openssl")
	if err := exec.Command("gcc", "-fsyntax-only", "-include", "openssl/core_dispatch.h", "-x", "c", os.DevNull).Run(); err != nil {
		without(t, "OpenSSL's headers are not installed")
	}
}

// cTest is a C program of folder test. Its environment has PROVIDER, the path of asynccrypto.so, and
// what keyServer.env says if there is one.
type cTest struct {
	name    string     // of the file test/NAME.c
	link    []string   // for the compiler, such as src/der.c or -lcrypto
	args    []string   // of the program
	server  *keyServer // nil: the program needs none
	keyless bool       // the program needs no provider
}

// each runs the program in all variants, which are subtests.
func (c cTest) each(t *testing.T, variants ...variant) {
	t.Helper()
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, v)
		})
	}
}

// run builds the program and runs it, which must succeed. It returns what the program prints.
func (c cTest) run(t *testing.T, v variant) string {
	t.Helper()
	program := c.built(t, v)
	env := v.env
	if !c.keyless {
		env = append(env, "PROVIDER="+v.provider(t))
	}
	if c.server != nil {
		env = append(env, c.server.env(t, v)...)
	}
	if v.preload {
		env = append(env, "LD_PRELOAD="+libasync(t))
	}
	if v.wrap != nil {
		need(t, v.wrap[0])
	}
	args := append(append([]string{}, v.wrap...), program)
	args = append(args, c.args...)
	if v.node != "" {
		args = []string{node(t, v.node), "--openssl-shared-config", "-e", "process.dlopen({exports: {}}, process.argv[1])", program}
	}
	return run(t, env, args[0], args[1:]...)
}

// built compiles the program, and returns its path.
func (c cTest) built(t *testing.T, v variant) string {
	t.Helper()
	need(t, v.cc)
	needHeaders(t)
	if err := os.MkdirAll(filepath.Join(tmp, v.folder(), "test"), 0o755); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(v.folder(), "test", c.name)
	if v.node != "" {
		name += ".node"
	}
	args := []string{"-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-g", "-O1", "-pthread", "-Isrc", "-o", filepath.Join(tmp, name), "test/" + c.name + ".c"}
	if v.sanitizer != "" {
		args = append(args, "-fsanitize="+v.sanitizer, "-fno-omit-frame-pointer", "-fno-sanitize-recover=all")
	}
	args = append(args, c.link...)
	if v.node != "" { // has libcrypto's functions
		args = slices.DeleteFunc(args, func(a string) bool { return a == "-lcrypto" || a == "-lssl" })
		args = append(args, "-shared", "-fPIC", "-Dmain=test_main", "test/node/run.c")
	}
	return build(t, name, exec.Command(v.cc, append(args, "-ldl")...))
}
