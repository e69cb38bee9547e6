package hsmtest

import (
	"net"
	"os"
	"path/filepath"
	"time"
)

// Opencryptoki makes the machine's soft token of opencryptoki, which has RSA keys only, and runs the
// daemon that it needs. The token's place is fixed: one process at a time has it, and the others wait.
// It wants root, and leaves a token alone that is not of this package.
func Opencryptoki(t T) *Module {
	t.Helper()
	const (
		token = "/var/lib/opencryptoki/swtok"
		mine  = "/var/lib/opencryptoki/asynccrypto-hsmtest" // is there while the token is of this package
		slot  = "3"                                         // of the soft token, in Debian's opencryptoki.conf
		so    = "87654321"                                  // a new token's PIN of the security officer
	)
	pkcsslotd := Program(t, "pkcsslotd", "opencryptoki")
	tool := Program(t, "pkcs11-tool", "opensc")
	path := library(t, "libopencryptoki.so", "opencryptoki", "/usr/lib/*/pkcs11/libopencryptoki.so", "/usr/lib*/pkcs11/libopencryptoki.so")
	if os.Geteuid() != 0 {
		t.Skipf("opencryptoki's daemon runs as root only")
	}

	lock := abstractLock(t, "asynccrypto-hsmtest-opencryptoki")
	t.Cleanup(func() { lock.Close() })
	if !exists(mine)() {
		if exists(filepath.Join(token, "NVTOK.DAT"))() || exists("/var/run/pkcsslotd.socket")() {
			missing(t, "opencryptoki is in use on this machine: remove "+token+"/NVTOK.DAT and stop pkcsslotd, or use another machine")
		}
		write(t, filepath.Dir(mine), filepath.Base(mine), nil)
	}
	remove := func() {
		for _, pattern := range []string{token + "/NVTOK.DAT", token + "/MK_*", token + "/TOK_OBJ/*", "/dev/shm/var.lib.opencryptoki.*", "/var/run/pkcsslotd.*"} {
			files, _ := filepath.Glob(pattern)
			for _, f := range files {
				os.Remove(f)
			}
		}
	}
	remove() // of a process that was killed
	t.Cleanup(func() {
		remove()
		os.Remove(mine)
	})
	if err := os.MkdirAll(filepath.Join(token, "TOK_OBJ"), 0o770); err != nil {
		t.Fatalf("%v", err)
	}
	newDaemon(t, exists("/var/run/pkcsslotd.socket"), pkcsslotd, "-f")

	m := &Module{Name: "opencryptoki", Path: path, Label: "hsmtest", PIN: "12345678", Kinds: []Kind{RSA2048, RSA3072}}
	run(t, tool, "--module", path, "--slot", slot, "--init-token", "--label", m.Label, "--so-pin", so)
	run(t, tool, "--module", path, "--slot", slot, "--login", "--login-type", "so", "--so-pin", so, "--init-pin", "--new-pin", m.PIN)
	dir := t.TempDir()
	m.importKey = func(t T, label, id string, k file) {
		t.Helper()
		for kind, der := range map[string][]byte{"privkey": k.der, "pubkey": k.public} {
			name := write(t, dir, kind, der)
			run(t, tool, "--module", path, "--slot", slot, "--login", "--pin", m.PIN, "--write-object", name, "--type", kind,
				"--id", id, "--label", label, "--usage-sign", "--usage-decrypt")
			os.Remove(name)
		}
	}
	return m
}

// abstractLock waits for a lock of the whole machine: an address of a socket, which the kernel frees
// when the process that has it ends.
func abstractLock(t T, name string) net.Listener {
	t.Helper()
	for limit := time.Now().Add(10 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		lock, err := net.Listen("unix", "@"+name)
		if err == nil {
			return lock
		}
		if time.Now().After(limit) {
			t.Fatalf("another process holds the lock %s: %v", name, err)
		}
	}
}
