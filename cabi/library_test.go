package cabi

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// public lists the functions of <openssl/async.h>.
var public = strings.Fields(`
	ASYNC_WAIT_CTX_clear_fd ASYNC_WAIT_CTX_free ASYNC_WAIT_CTX_get_all_fds ASYNC_WAIT_CTX_get_callback
	ASYNC_WAIT_CTX_get_changed_fds ASYNC_WAIT_CTX_get_fd ASYNC_WAIT_CTX_get_status ASYNC_WAIT_CTX_new
	ASYNC_WAIT_CTX_set_callback ASYNC_WAIT_CTX_set_status ASYNC_WAIT_CTX_set_wait_fd ASYNC_block_pause
	ASYNC_cleanup_thread ASYNC_get_current_job ASYNC_get_mem_functions ASYNC_get_wait_ctx ASYNC_init_thread
	ASYNC_is_capable ASYNC_pause_job ASYNC_set_mem_functions ASYNC_start_job ASYNC_unblock_pause`)

// TestExportedSymbols checks that the library exports the public functions alone, without a
// version, and needs nothing but the C library: its references to libcrypto are weak.
func TestExportedSymbols(t *testing.T) {
	t.Parallel()
	need(t, "nm")
	dir := plain(t)
	var exported []string
	for line := range strings.Lines(run(t, nil, "nm", "-D", "--with-symbol-versions", filepath.Join(dir, "libasync.so"))) {
		f := strings.Fields(line)
		kind, name := f[len(f)-2], f[len(f)-1]
		switch kind {
		case "T":
			exported = append(exported, name)
		case "U":
			if !strings.Contains(name, "@GLIBC_") {
				t.Errorf("%s is needed", name)
			}
		case "w", "A":
		default:
			t.Errorf("%s is exported: %s", name, kind)
		}
	}
	slices.Sort(exported)
	if !slices.Equal(exported, public) {
		t.Errorf("exported: %v", exported)
	}
	var global []string
	for line := range strings.Lines(run(t, nil, "nm", "-g", "--defined-only", filepath.Join(dir, "libasync.a"))) {
		if f := strings.Fields(line); len(f) == 3 {
			global = append(global, f[2])
		}
	}
	slices.Sort(global)
	if !slices.Equal(global, public) {
		t.Errorf("global in libasync.a: %v", global)
	}
}

// TestNothingFallsThrough checks that the library has every ASYNC function that libcrypto has.
func TestNothingFallsThrough(t *testing.T) {
	t.Parallel()
	need(t, "gcc", "nm")
	functions := func(library string) (all []string) {
		for line := range strings.Lines(run(t, nil, "nm", "-D", "--with-symbol-versions", library)) {
			f := strings.Fields(line)
			if name, _, _ := strings.Cut(f[len(f)-1], "@@"); strings.HasPrefix(name, "ASYNC_") {
				all = append(all, name)
			}
		}
		return all
	}
	libcrypto, err := exec.Command("gcc", "-print-file-name=libcrypto.so").Output()
	if err != nil || !filepath.IsAbs(string(libcrypto)) {
		without(t, "libcrypto is not installed")
	}
	ours, theirs := functions(filepath.Join(plain(t), "libasync.so")), functions(strings.TrimSpace(string(libcrypto)))
	if len(theirs) < 20 {
		t.Errorf("libcrypto has %v alone", theirs)
	}
	for _, f := range theirs {
		if !slices.Contains(ours, f) {
			t.Errorf("%s is libcrypto's", f)
		}
	}
}

// TestLinkage checks the SONAME, that the stack is not executable, that the library is never
// unloaded, and that it claims indirect branch tracking but no shadow stacks.
func TestLinkage(t *testing.T) {
	t.Parallel()
	need(t, "readelf")
	dir := plain(t)
	about := run(t, nil, "readelf", "-Wdln", filepath.Join(dir, "libasync.so"))
	for _, want := range []string{`SONAME.*\[libasync\.so\.1\]`, `FLAGS_1.*NODELETE`, `GNU_STACK\s+\S+\s+\S+\s+\S+\s+\S+\s+\S+\s+RW `} {
		if !regexp.MustCompile(want).MatchString(about) {
			t.Errorf("%s is not in\n%s", want, about)
		}
	}
	if strings.Contains(about, "SHSTK") || strings.Contains(about, "TEXTREL") {
		t.Errorf("it claims what does not hold:\n%s", about)
	}
	if runtime.GOARCH == "amd64" {
		object := run(t, nil, "readelf", "-Wn", filepath.Join(dir, "shared", "switch_amd64.S.o"))
		if !regexp.MustCompile(`x86 feature: IBT\s`).MatchString(object) {
			t.Errorf("the switch does not claim IBT:\n%s", object)
		}
	}
}

// TestHeader checks that the header is C89, C11 and C++, needs no other header of OpenSSL's, and
// needs <windows.h> on Windows alone.
func TestHeader(t *testing.T) {
	t.Parallel()
	need(t, "gcc", "g++")
	dir := t.TempDir()
	use := `#include <openssl/async.h>
static int f(void *p) { return p == 0; }
static OSSL_ASYNC_FD bad = OSSL_BAD_ASYNC_FD;
static ASYNC_callback_fn callback = f;
int g(void);
int g(void)
{
    ASYNC_JOB *job = NULL;
    ASYNC_WAIT_CTX *ctx = ASYNC_WAIT_CTX_new();
    int ret, err = ASYNC_ERR + ASYNC_NO_JOBS + ASYNC_PAUSE + ASYNC_FINISH + ASYNC_STATUS_UNSUPPORTED + ASYNC_STATUS_ERR
        + ASYNC_STATUS_OK + ASYNC_STATUS_EAGAIN;
    ASYNC_WAIT_CTX_set_callback(ctx, callback, NULL);
    free(NULL); /* OpenSSL's brings stdlib.h */
    return ASYNC_start_job(&job, ctx, &ret, f, &bad, sizeof(bad)) + err;
}
`
	for name, args := range map[string][]string{
		"c89.c":  {"gcc", "-std=c89", "-pedantic-errors"},
		"c11.c":  {"gcc", "-std=c11", "-pedantic-errors"},
		"cpp.cc": {"g++", "-std=c++11", "-pedantic-errors"},
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(use), 0o666); err != nil {
			t.Fatal(err)
		}
		run(t, nil, args[0], append(args[1:], "-Wall", "-Wextra", "-Werror", "-Iinclude", "-fsyntax-only", file)...)
	}
	// On Windows the functions with wait fds are there after <windows.h> only, and a wait fd is a
	// HANDLE.
	for source, wanted := range map[string]string{
		"#define _WIN32\n": "ASYNC_JOB *ASYNC_get_current_job(void);",
		"#define _WIN32\n#define _WINDEF_\ntypedef void *HANDLE;\n": "HANDLE *fd, size_t *numfds);",
	} {
		cmd := exec.Command("gcc", "-Iinclude", "-E", "-P", "-")
		cmd.Stdin = strings.NewReader(source + "#include <openssl/async.h>\n")
		out, err := cmd.Output()
		has := strings.Contains(string(out), "ASYNC_WAIT_CTX_get_all_fds")
		if err != nil || !strings.Contains(string(out), wanted) || has != strings.Contains(source, "HANDLE") {
			t.Errorf("%v, after %q:\n%s", err, source, out)
		}
	}
}

// TestHeaderAgrees compares the header with OpenSSL's: the compiler accepts both at once, and the
// numbers are the same.
func TestHeaderAgrees(t *testing.T) {
	t.Parallel()
	needHeaders(t)
	ours, err := filepath.Abs("include/openssl/async.h")
	if err != nil {
		t.Fatal(err)
	}
	gcc := func(source string, args ...string) string {
		t.Helper()
		cmd := exec.Command("gcc", append(args, "-x", "c", "-")...)
		cmd.Stdin = strings.NewReader(source)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("gcc: %v\n%s", err, out)
		}
		return string(out)
	}
	gcc("#include \""+ours+"\"\n#undef OPENSSL_ASYNC_H\n#include <openssl/async.h>\n", "-std=c11", "-fsyntax-only")
	macros := func(file string) string {
		var all []string
		for line := range strings.Lines(gcc("#include "+file+"\n", "-E", "-dM")) {
			line = strings.NewReplacer("(", "", ")", "").Replace(line) // ours has them around -1
			if regexp.MustCompile(`^#define (ASYNC_(FINISH|[^F])|OSSL_\w*ASYNC)`).MatchString(line) {
				all = append(all, line)
			}
		}
		slices.Sort(all)
		return strings.Join(all, "")
	}
	if a, b := macros(`"`+ours+`"`), macros("<openssl/async.h>"); a != b || strings.Count(a, "\n") != 14 {
		t.Errorf("ours:\n%s\ntheirs:\n%s", a, b)
	}
}

// TestBesideLibcrypto runs a program that was compiled with OpenSSL's own header, with libasync
// linked, linked statically and preloaded. Failures must be on libcrypto's error queue, and the
// default library context must follow the jobs.
func TestBesideLibcrypto(t *testing.T) {
	t.Parallel()
	dir := plain(t)
	run(t, nil, compile(t, "with_libcrypto", "-lcrypto"), "theirs") // it passes on libcrypto itself
	run(t, nil, compile(t, "with_libcrypto", "-L"+dir, "-lasync", "-lcrypto", "-Wl,-rpath,"+dir))
	run(t, nil, compile(t, "with_libcrypto", filepath.Join(dir, "libasync.a"), "-lcrypto"))
	run(t, preload(dir), compile(t, "with_libcrypto", "-lcrypto"))
	run(t, nil, compile(t, "with_opened", "-Iinclude", "-L"+dir, "-lasync", "-Wl,-rpath,"+dir), "libcrypto.so.3")
}

// TestForkInAConstructor forks in a thread that has the loader's lock, while another thread looks
// for libcrypto and waits for that lock. They must not wait for each other.
func TestForkInAConstructor(t *testing.T) {
	t.Parallel()
	dir := plain(t)
	library := compile(t, "with_constructor", "-DLIBRARY", "-shared", "-fPIC", "-Iinclude")
	run(t, nil, compile(t, "with_constructor", "-Iinclude", "-rdynamic", "-L"+dir, "-lasync", "-Wl,-rpath,"+dir), library)
}

// TestOurHeaderUnderLibssl checks that OpenSSL's other headers accept ours in place of their own.
func TestOurHeaderUnderLibssl(t *testing.T) {
	t.Parallel()
	compile(t, "with_tls", "-Iinclude", "-lssl", "-lcrypto")
	compile(t, "with_libcrypto", "-Iinclude", "-lcrypto")
}

// preload returns the environment in which a program runs on libasync, and counts its jobs.
func preload(dir string) []string {
	return []string{"LD_PRELOAD=" + filepath.Join(dir, "libasync.so.1"), "ASYNC_STATS=1"}
}

// TestDifferential runs the differential test of package async on libasync: the two must agree at
// every step.
func TestDifferential(t *testing.T) {
	t.Parallel()
	lib := filepath.Join(plain(t), "libasync.so")
	out := run(t, nil, "go", "test", "-count=1", "-run=^(TestInterpreted|TestDirect)$", "-v", "../internal/difftest", "-lib", lib)
	if strings.Count(out, "--- PASS") != 2 || !strings.Contains(out, lib) {
		t.Errorf("it did not run:\n%s", out)
	}
}
