//go:build linux

package provider

import "testing"

// clientSources are the files that ask the key server, without OpenSSL around them.
var clientSources = []string{"src/client.c", "src/hub.c", "src/wait.c", "src/blocking.c", "src/timers.c", "src/link.c", "src/frame.c",
	"src/der.c", "src/core.c", "-lcrypto"}

// TestJobs asks a key server that works, in jobs of programs that treat them well and badly.
func TestJobs(t *testing.T) {
	cTest{name: "jobs", link: clientSources, keyless: true}.each(t, plain, clang, asan, tsan, valgrind, preloaded)
}

// TestFaults asks a key server that is full, slow, silent, mad or gone.
func TestFaults(t *testing.T) {
	cTest{name: "faults", link: clientSources, keyless: true}.each(t, plain, asan, tsan, valgrind, preloaded)
}

// TestForks forks between requests and answers. A fork may find a lock of ASan's allocator held, and may
// come when a thread is about to free a request, which the child then never does: valgrind tells of that.
func TestForks(t *testing.T) {
	threads := tsan
	threads.env = []string{"TSAN_OPTIONS=halt_on_error=1 die_after_fork=0"}
	cTest{name: "forks", link: clientSources, keyless: true}.each(t, plain, threads, preloaded)
}

// TestLimits asks where there are no threads, file descriptors or memory more.
func TestLimits(t *testing.T) {
	threads := tsan
	threads.env = []string{"TSAN_OPTIONS=halt_on_error=1 die_after_fork=0"}
	link := append([]string{"-Wl,--wrap=realloc"}, clientSources...)
	cTest{name: "limits", link: link, keyless: true}.each(t, plain, clang, asan, threads, valgrind, preloaded)
}

// TestEarly begins the thread of jobs early, and forbids new threads. It forks while the thread may be
// about to free a request, which the child then never does: valgrind would tell of that.
func TestEarly(t *testing.T) {
	threads := tsan
	threads.env = []string{"TSAN_OPTIONS=halt_on_error=1 die_after_fork=0"}
	link := append([]string{"-Wl,--wrap=pthread_create"}, clientSources...)
	cTest{name: "early", link: link, keyless: true}.each(t, plain, asan, threads, preloaded)
}
