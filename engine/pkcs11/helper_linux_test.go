package pkcs11_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/pkcs11"
	"asynccrypto/engine/pkcs11/internal/ck"
	"asynccrypto/internal/hsmtest"
	"asynccrypto/internal/testwait"
)

// openHelpers opens a new token of SoftHSM, through helpers. Its only key is on P-256.
func openHelpers(t *testing.T, o pkcs11.Options) (*hsmtest.Module, *pkcs11.Token, engine.Signer) {
	t.Helper()
	m := hsmtest.SoftHSM(t)
	m.Import(t, "site", hsmtest.NewKey(t, hsmtest.P256))
	token, key := openModule(t, m, o)
	return m, token, key
}

func openModule(t *testing.T, m *hsmtest.Module, o pkcs11.Options) (*pkcs11.Token, engine.Signer) {
	t.Helper()
	token, err := pkcs11.Open(m.URI("site"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { token.Close() })
	key, err := token.Signer("")
	if err != nil {
		t.Fatal(err)
	}
	return token, key
}

// children returns the processes that this one has started and not collected.
func children(t *testing.T) (pids []int) {
	t.Helper()
	for _, path := range glob(t, "/proc/self/task/*/children") {
		data, _ := os.ReadFile(path) // the thread may have ended
		for _, field := range strings.Fields(string(data)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// Close leaves no process, no goroutine and no file.
func TestHelpersLeaveNothing(t *testing.T) {
	m := hsmtest.SoftHSM(t)
	m.Import(t, "site", hsmtest.NewKey(t, hsmtest.P256))
	round := func() {
		token, key := openModule(t, m, pkcs11.Options{Sessions: 4})
		useMany(t, key, 100)
		if n := len(children(t)); n < 1 || n > 4 {
			t.Errorf("%d helpers", n)
		}
		for _, pid := range children(t) {
			testwait.Await(t, "a process group of the helper's", func() bool { // it may have been forked just now
				group, err := syscall.Getpgid(pid)
				return err == nil && group == pid
			})
		}
		if err := token.Close(); err != nil {
			t.Error(err)
		}
		if pids := children(t); len(pids) > 0 {
			t.Errorf("processes are left: %v", pids)
		}
	}
	round()
	files, goroutines := len(glob(t, "/proc/self/fd/*")), runtime.NumGoroutine()
	for range 3 {
		round()
	}
	testwait.Await(t, "the end of goroutines", func() bool { return runtime.NumGoroutine() <= goroutines })
	if n := len(glob(t, "/proc/self/fd/*")); n > files {
		t.Errorf("%d files are open, and were %d", n, files)
	}
}

// A helper that is killed is replaced, and no operation fails. A helper that is stopped hangs, and
// Close does not wait for it. There is one session, so that no helper is killed while it starts.
func TestHelperKilled(t *testing.T) {
	_, token, key := openHelpers(t, pkcs11.Options{Sessions: 1, Hang: time.Hour})
	for range 5 {
		for _, pid := range children(t) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		}
		if err := use(key); err != nil {
			t.Error(err)
		}
	}
	if h := token.Health(); !h.Up || h.Reconnects != 0 {
		t.Errorf("%+v", h)
	}
	for _, pid := range children(t) {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Error(err)
		}
	}
	hung := make(chan error, 1)
	go func() { hung <- use(key) }()
	testwait.Await(t, "the operation", func() bool { return token.Health().InFlight > 0 })
	if err := token.Close(); err != nil { // takes an hour if it waits for the call
		t.Error(err)
	}
	if err := testwait.Receive(t, "its end", hung); !errors.Is(err, engine.ErrClosed) {
		t.Error(err)
	}
	if pids := children(t); len(pids) > 0 {
		t.Errorf("processes are left: %v", pids)
	}
}

// A helper that writes to its standard error without end fills neither the log nor the memory.
func TestHelperWritesErrors(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "p11-kit"), []byte("#!/bin/sh\nexec yes 3>&1 >&2\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	var log bytes.Buffer
	_, err := pkcs11.Open("pkcs11:?module-path=/dev/null", pkcs11.Options{Hang: time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if !errors.Is(err, ck.ErrHung) {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "line=y"); n != 60 {
		t.Errorf("%d lines in the log", n)
	}
	if pids := children(t); len(pids) > 0 {
		t.Errorf("processes are left: %v", pids)
	}
}

// A call that hangs ends with its helper.
func TestHelperHangs(t *testing.T) {
	m := hsmtest.SoftHSM(t)
	m.Import(t, "site", hsmtest.NewKey(t, hsmtest.P256))
	proxy, control := hsmtest.Proxy(t, m)
	token, key := openModule(t, proxy, pkcs11.Options{Sessions: 1, Hang: 2 * time.Second})
	control.Hang(true)
	if err := use(key); !errors.Is(err, engine.ErrUnavailable) || !errors.Is(err, ck.ErrHung) {
		t.Error(err)
	}
	control.Hang(false)
	if err := use(key); err != nil {
		t.Error(err)
	}
	if h := token.Health(); !h.Up || h.Hung != 1 {
		t.Errorf("%+v", h)
	}
	control.Crash(true)
	if err := use(key); !errors.Is(err, engine.ErrUnavailable) {
		t.Error(err)
	}
	control.Crash(false)
	if err := use(key); err != nil {
		t.Error(err)
	}
}

// 10,000 operations through 64 helpers cost few threads.
func TestHelpersThreads(t *testing.T) {
	if os.Getenv(threadsEnv) == "" {
		// In a process of its own, because threads that other tests have needed stay.
		m := hsmtest.SoftHSM(t)
		m.Import(t, "site", hsmtest.NewKey(t, hsmtest.P256))
		proxy, control := hsmtest.Proxy(t, m)
		control.Delay(2 * time.Millisecond)
		control.Capacity(64)
		again(t, "^TestHelpersThreads$", threadsEnv+"="+proxy.URI("site"), "GOMAXPROCS=2")
		return
	}
	token, err := pkcs11.Open(os.Getenv(threadsEnv), pkcs11.Options{Sessions: 64})
	if err != nil {
		t.Fatal(err)
	}
	defer token.Close()
	key, err := token.Signer("")
	if err != nil {
		t.Fatal(err)
	}
	most := 0
	for rounds := 0; rounds < 10 || token.Health().Sessions < 64; rounds++ {
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() {
				if _, err := key.Sign(rand.Reader, digest, nil); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		most = max(most, len(glob(t, "/proc/self/task/*")))
	}
	token.Close()
	if most = max(most, len(glob(t, "/proc/self/task/*"))); most >= 20 {
		t.Errorf("%d threads", most)
	}
	t.Logf("%d threads", most)
}

const threadsEnv = "PKCS11_TEST_THREADS_URI"

// What a user reads who names the wrong module.
func TestWrongModule(t *testing.T) {
	hsmtest.SoftHSM(t) // skips where p11-kit is likely missing too
	notModule := filepath.Join(t.TempDir(), "text.so")
	if err := os.WriteFile(notModule, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	open := func(uri string) error {
		_, err := pkcs11.Open(uri, pkcs11.Options{AllowDown: true})
		if errors.Is(err, engine.ErrUnavailable) {
			t.Errorf("%v says that the key is unavailable", err)
		}
		return err
	}
	err := open("pkcs11:?module-path=/no/such/module.so")
	wantError(t, err, "/no/such/module.so", "no such file")
	err = open("pkcs11:?module-path=" + notModule)
	wantError(t, err, notModule, "exit status 1", "PKCS #11 module")
	t.Setenv("PATH", t.TempDir())
	err = open("pkcs11:?module-path=" + notModule)
	wantError(t, err, "p11-kit is not installed", "p11-kit-server")
}

// TestKilledAtStart opens a token whose helper is killed while it loads the module. That says nothing of
// the module.
func TestKilledAtStart(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "p11-kit"), []byte("#!/bin/sh\nkill -9 $$\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	_, err := pkcs11.Open("pkcs11:?module-path="+os.Args[0], pkcs11.Options{})
	wantError(t, err, "ended with signal: killed")
	if !errors.Is(err, engine.ErrUnavailable) {
		t.Error(err)
	}
}

// A p11-kit server that is killed and started again. Its socket may also stand in the URI.
func TestServer(t *testing.T) {
	m := hsmtest.SoftHSM(t)
	m.Import(t, "site", hsmtest.NewKey(t, hsmtest.P256))
	socket, server := hsmtest.Server(t, m)
	token, key := openModule(t, m, pkcs11.Options{Connect: pkcs11.Socket(socket)})
	useMany(t, key, 20)
	server.Kill()
	// The first signatures find sessions that have ended, and do not tell of the token while another
	// session is being connected.
	testwait.Await(t, "the token's end", func() bool {
		if err := use(key); !errors.Is(err, engine.ErrUnavailable) {
			t.Error(err)
		}
		return !token.Health().Up
	})
	server.Start()
	testwait.Await(t, "the token's return", func() bool { return use(key) == nil })
	if h := token.Health(); !h.Up || h.Reconnects == 0 {
		t.Errorf("%+v", h)
	}
	infos, err := pkcs11.Tokens(context.Background(), m.URI(""), pkcs11.Options{Connect: pkcs11.Socket(socket)})
	if err != nil || len(infos) != 1 || infos[0].Label != m.Label {
		t.Error(infos, err)
	}
	m.Path = socket
	_, byPath := openModule(t, m, pkcs11.Options{})
	if err := use(byPath); err != nil {
		t.Error(err)
	}
	server.Kill()
	if err := os.Remove(socket); err != nil { // as a server does that is told to end
		t.Error(err)
	}
	token, err = pkcs11.Open(m.URI("site"), pkcs11.Options{AllowDown: true})
	if err != nil {
		t.Fatal(err)
	}
	defer token.Close()
	late, err := token.SignerOf("", key.Public())
	if err != nil {
		t.Fatal(err)
	}
	err = use(late)
	wantError(t, err, "is the p11-kit server running?")
	server.Start()
	testwait.Await(t, "the token's coming", func() bool { return use(late) == nil })
}

// again runs a test of this binary in another process, with a larger environment.
func again(t *testing.T, test string, env ...string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run="+test, "-test.v")
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
