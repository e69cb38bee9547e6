//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An interrupted command leaves whole signatures and nothing else, and its exit status says what stopped it. One of its
// files is so large that it would be read for a quarter of an hour.
func TestInterrupt(t *testing.T) {
	for sig, status := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		dir := t.TempDir()
		args := []string{"sign", "-key", "rsa.pem", "huge"}
		write := func(name string, text []byte) {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("rsa.pem", testKeys()["rsa.pem"])
		write("huge", nil)
		if err := os.Truncate(filepath.Join(dir, "huge"), 1<<40); err != nil {
			t.Skipf("no sparse files here: %v", err)
		}
		for i := range 300 {
			name := strconv.Itoa(i)
			write(name, []byte(name))
			args = append(args, name)
		}
		var stderr bytes.Buffer
		cmd := exec.Command("asynccrypto", args...)
		cmd.Dir, cmd.Stderr = dir, &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		signatures := func() []string {
			found, _ := filepath.Glob(filepath.Join(dir, "*.sig"))
			return found
		}
		for deadline := time.Now().Add(time.Minute); len(signatures()) == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				cmd.Process.Kill()
				t.Fatal("no signature appeared")
			}
		}
		cmd.Process.Signal(sig)
		cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != status {
			t.Errorf("%v: exit status %d, %s", sig, got, stderr.String())
		}
		if s := stderr.String(); strings.Count(s, "\n") != 1 || !strings.HasPrefix(s, "asynccrypto sign: stopped by a signal ("+sig.String()+"): signed ") {
			t.Errorf("%v: %q", sig, s)
		}
		if left := temporaryFiles(dir); len(left) > 0 {
			t.Errorf("%v: left behind: %v", sig, left)
		}
		for _, name := range signatures() {
			if info, err := os.Stat(name); err != nil || info.Size() != 1024/8 {
				t.Errorf("%v: %s is not whole", sig, name)
			}
		}
	}
}
