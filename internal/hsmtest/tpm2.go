package hsmtest

import (
	"os"
	"os/exec"
	"path/filepath"
)

// TPM2 makes a token of tpm2-pkcs11 in a TPM that is a program. A TPM has room for three keys and
// one process at a time, so a broker stands in front of it, which is the Daemon returned. The
// broker lets the processes take turns, and moves their keys in and out. The token takes RSA-2048,
// P-256 and P-384.
func TPM2(t T) (*Module, *Daemon) {
	t.Helper()
	swtpm := Program(t, "swtpm", "swtpm")
	abrmd := Program(t, "tpm2-abrmd", "tpm2-abrmd")
	bus := Program(t, "dbus-daemon", "dbus-daemon")
	ptool := Program(t, "tpm2_ptool", "libtpm2-pkcs11-tools")
	getrandom := Program(t, "tpm2_getrandom", "tpm2-tools")
	library(t, "libtss2-tcti-swtpm.so.0", "libtss2-tcti-swtpm0", "/usr/lib/*/libtss2-tcti-swtpm.so.0", "/usr/lib*/libtss2-tcti-swtpm.so.0")
	library(t, "libtss2-tcti-tabrmd.so.0", "libtss2-tcti-tabrmd0", "/usr/lib/*/libtss2-tcti-tabrmd.so.0", "/usr/lib*/libtss2-tcti-tabrmd.so.0")
	path := library(t, "libtpm2_pkcs11.so.1", "libtpm2-pkcs11-1", "/usr/lib/*/libtpm2_pkcs11.so.1", "/usr/lib*/libtpm2_pkcs11.so.1")
	dir := socketDir(t)
	state, store := filepath.Join(dir, "state"), filepath.Join(dir, "store")
	for _, d := range []string{state, store} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatalf("%v", err)
		}
	}

	socket := filepath.Join(dir, "tpm")
	newDaemon(t, exists(socket), swtpm, "socket", "--tpm2", "--tpmstate", "dir="+state, "--flags", "not-need-init",
		"--server", "type=unixio,path="+socket, "--ctrl", "type=unixio,path="+socket+".ctrl")
	busSocket := filepath.Join(dir, "bus")
	newDaemon(t, exists(busSocket), bus, "--session", "--nofork", "--address=unix:path="+busSocket)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+busSocket)
	t.Setenv("TPM2_PKCS11_STORE", store)
	t.Setenv("TPM2_PKCS11_TCTI", "tabrmd:bus_type=session")
	t.Setenv("TPM2TOOLS_TCTI", "tabrmd:bus_type=session")
	answers := func() bool { return exec.Command(getrandom, "--hex", "1").Run() == nil }
	broker := newDaemon(t, answers, abrmd, "--session", "--allow-root", "--flush-all", "--tcti=swtpm:path="+socket)

	m := &Module{Name: "TPM 2", Path: path, Label: "hsmtest", PIN: "1234", Kinds: []Kind{RSA2048, P256, P384}}
	run(t, ptool, "init")
	run(t, ptool, "addtoken", "--pid=1", "--label="+m.Label, "--sopin=5678", "--userpin="+m.PIN)
	m.importKey = func(t T, label, _ string, k file) {
		t.Helper()
		algorithm := "ecc"
		if k.rsa {
			algorithm = "rsa"
		}
		key := write(t, dir, "key.pem", k.pem)
		run(t, ptool, "import", "--label="+m.Label, "--key-label="+label, "--id="+label, "--userpin="+m.PIN, "--privkey="+key, "--algorithm="+algorithm)
		os.Remove(key)
	}
	return m, broker
}
