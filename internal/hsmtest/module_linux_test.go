package hsmtest

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"asynccrypto/internal/testwait"
)

func pkcs11Tool(t *testing.T) string { return Program(t, "pkcs11-tool", "opensc") }

// TestSoftHSMKeepsToken empties the token's file, as a process does that is killed in C_Login.
func TestSoftHSMKeepsToken(t *testing.T) {
	tool := pkcs11Tool(t)
	m := SoftHSM(t)
	files, err := filepath.Glob(filepath.Join(m.Files, "*", "token.object"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	for range 2 {
		if err := os.Truncate(files[0], 0); err != nil {
			t.Fatal(err)
		}
		testwait.Await(t, "the token", func() bool {
			return exec.Command(tool, "--module", m.Path, "--token-label", m.Label, "--login", "--pin", m.PIN, "--list-objects").Run() == nil
		})
	}
}

// TestProxy has pkcs11-tool sign through the proxy, under each of its settings.
func TestProxy(t *testing.T) {
	tool := pkcs11Tool(t)
	soft := SoftHSM(t)
	soft.Import(t, "key", NewKey(t, P256))
	m, c := Proxy(t, soft)
	message := write(t, t.TempDir(), "digest", make([]byte, 32))
	command := func() *exec.Cmd {
		return exec.Command(tool, "--module", m.Path, "--token-label", m.Label, "--login", "--pin", m.PIN,
			"--sign", "--mechanism", "ECDSA", "--label", "key", "--input-file", message, "--output-file", os.DevNull)
	}
	sign := func() (string, error) {
		out, err := command().CombinedOutput()
		return string(out), err
	}
	if out, err := sign(); err != nil {
		t.Fatal(err, out)
	}
	signs := c.Calls(Sign)
	if signs == 0 || c.Calls(Login) != 1 || c.Calls(Initialize) != 1 || c.MaxInside() != 1 || c.Inside() != 0 {
		t.Errorf("%d signatures, %d logins, %d initialized, %d inside at most, %d at last",
			signs, c.Calls(Login), c.Calls(Initialize), c.MaxInside(), c.Inside())
	}

	c.Fail(SignInit, 0x63, 1, 1) // CKR_KEY_TYPE_INCONSISTENT, the second time
	if out, err := sign(); err != nil {
		t.Error(err, out)
	}
	if out, err := sign(); err == nil || !strings.Contains(out, "CKR_KEY_TYPE_INCONSISTENT") {
		t.Error(err, out)
	}
	if out, err := sign(); err != nil {
		t.Error(err, out)
	}

	c.Dead(0x32) // CKR_DEVICE_REMOVED
	if out, err := sign(); err == nil {
		t.Error(out)
	}
	c.Dead(0)

	c.Crash(true)
	if out, err := sign(); err == nil {
		t.Error(out)
	}
	c.Crash(false)
	if c.Inside() != 1 {
		t.Errorf("%d are inside, want the one that crashed", c.Inside())
	}

	// The crashed one had the only place.
	c.Capacity(1)
	if out, err := sign(); err != nil || c.Inside() != 0 {
		t.Error(err, out, c.Inside())
	}

	before := c.Calls(Sign)
	c.Hang(true)
	// One after the other: while one process logs in to SoftHSM, another may see no token.
	first, second := command(), command()
	for i, cmd := range []*exec.Cmd{first, second} {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		testwait.Await(t, "a signature under way", func() bool { return c.Inside() == 1 && c.Calls(Sign) == before+i+1 })
	}
	c.Hang(false)
	if err := errors.Join(first.Wait(), second.Wait()); err != nil || c.MaxInside() != 1 {
		t.Error(err, c.MaxInside())
	}
}

// TestServer kills p11-kit's server and starts it again, and stops it for a while.
func TestServer(t *testing.T) {
	m := SoftHSM(t)
	socket, server := Server(t, m)
	server.Kill()
	if _, err := net.Dial("unix", socket); err == nil {
		t.Fatal("the server is dead and accepts")
	}
	server.Start()
	server.Pause()
	server.Resume()
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// The server answers the version that the client sends.
	if _, err := c.Write([]byte{0}); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 1 {
		t.Fatal(err)
	}
}

// TestDaemonOfKilledProcess kills a process with SIGKILL that has a daemon, and one that has paused its
// daemon. The daemons end.
func TestDaemonOfKilledProcess(t *testing.T) {
	if mode := os.Getenv("HSMTEST_DAEMON"); mode != "" {
		ready := filepath.Join(t.TempDir(), "ready")
		d := newDaemon(t, exists(ready), "sh", "-c", `trap "" HUP; : >"$0"; exec sleep 3600`, ready)
		if mode == "paused" {
			d.Pause()
		}
		fmt.Println("daemon", d.cmd.Process.Pid)
		time.Sleep(time.Hour)
	}
	for _, mode := range []string{"running", "paused"} {
		t.Run(mode, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestDaemonOfKilledProcess$")
			cmd.Env = append(os.Environ(), "HSMTEST_DAEMON="+mode, "TMPDIR="+t.TempDir())
			out, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			var group int
			_, err = fmt.Fscanf(bufio.NewReader(out), "daemon %d\n", &group)
			cmd.Process.Kill()
			cmd.Wait()
			if err != nil {
				t.Fatal(err)
			}
			testwait.Await(t, "the end of the daemon", func() bool { return syscall.Kill(-group, 0) == syscall.ESRCH })
		})
	}
}

// TestRun checks that a program's tokens are cleaned up, whatever its function does.
func TestRun(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(T)
		want string
	}{
		"return": {func(T) {}, ""},
		"fail":   {func(t T) { t.Fatalf("no %s", "key") }, "no key"},
		"skip":   {func(t T) { t.Skipf("no %s", "key") }, "not installed: no key"},
		"fail twice": {func(t T) {
			t.Cleanup(func() { t.Fatalf("no lock") })
			t.Fatalf("no %s", "key")
		}, "no key\nno lock"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("HSMTEST_A", "old")
			var dir string
			err := Run(func(t T) {
				dir = t.TempDir()
				t.Setenv("HSMTEST_A", "new")
				t.Setenv("HSMTEST_B", "new")
				write(t, dir, "file", nil)
				c.end(t)
			})
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != c.want || errors.Is(err, ErrSkipped) != (name == "skip") {
				t.Errorf("%q, want %q", got, c.want)
			}
			_, set := os.LookupEnv("HSMTEST_B")
			if _, err := os.Stat(filepath.Join(dir, "file")); err == nil || os.Getenv("HSMTEST_A") != "old" || set {
				t.Error("not cleaned up")
			}
		})
	}
}

// TestModules makes each token, puts a key of each kind in, and has pkcs11-tool see it, if it can:
// it does not know what NSS wants to be initialized with.
func TestModules(t *testing.T) {
	for _, c := range Modules {
		t.Run(c.Name, func(t *testing.T) {
			tool := pkcs11Tool(t)
			m := c.New(t)
			if m.Name != c.Name {
				t.Errorf("the module's name is %s", m.Name)
			}
			m.Fill(t)
			if m.InitArgs != "" {
				return
			}
			out, err := exec.Command(tool, "--module", m.Path, "--token-label", m.Label, "--login", "--pin", m.PIN, "--list-objects").CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, kind := range m.Kinds {
				if n := strings.Count(string(out), "label:      "+string(kind)+"\n"); n != 2 {
					t.Errorf("%d objects have the label %s, want a private and a public key", n, kind)
				}
			}
			if t.Failed() {
				t.Logf("%s", out)
			}
		})
	}
}
