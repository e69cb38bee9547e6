package hsmtest

import (
	"encoding/hex"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
)

// T is the part of [testing.TB] that this package uses. A program that is no test gets one from
// [Run]. Setenv sets a variable until the end; Fatalf and Skipf do not return.
type T interface {
	Helper()
	TempDir() string
	Setenv(key, value string)
	Cleanup(func())
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
}

// Module is a PKCS #11 module that has one token, which a user can log in to.
type Module struct {
	Name     string // of the product, for names of subtests and columns of tables
	Path     string // of the shared library
	InitArgs string // the string that C_Initialize takes in pReserved; may be empty
	Label    string // of the token
	PIN      string // the user's
	Kinds    []Kind // of the keys that it takes
	Files    string // the directory of the token's files, if moving it away takes the token away

	importKey func(t T, label, id string, k file)
}

// Modules are the functions that make a token, by the name of the module.
var Modules = []struct {
	Name string
	New  func(T) *Module
}{
	{"SoftHSM", SoftHSM},
	{"NSS", NSS},
	{"opencryptoki", Opencryptoki},
	{"TPM 2", func(t T) *Module {
		t.Helper()
		m, _ := TPM2(t)
		return m
	}},
}

// URI returns the URI of RFC 7512 of the object with the label, with the module's path and the PIN
// in it. If the label is empty, the URI is the token's.
func (m *Module) URI(label string) string {
	object := ""
	if label != "" {
		object = ";object=" + url.PathEscape(label)
	}
	// PathEscape leaves some characters that end an attribute, but in none of these names.
	return "pkcs11:token=" + url.PathEscape(m.Label) + object +
		"?module-path=" + url.QueryEscape(m.Path) + "&pin-value=" + url.QueryEscape(m.PIN)
}

// id returns the CKA_ID of a key in hexadecimal. Keys of different labels have different ones.
func id(label string) string { return hex.EncodeToString([]byte(label)) }

// Program returns the path of a program, which may be in a directory for daemons, or ends the test if
// it is not installed.
func Program(t T, name, pkg string) string {
	t.Helper()
	for _, name := range []string{name, "/usr/sbin/" + name, "/sbin/" + name} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "no program "+name+": install the Debian package "+pkg)
	return ""
}

// library returns the first of the patterns' matches: distributions put modules in different
// directories.
func library(t T, name, pkg string, patterns ...string) string {
	t.Helper()
	for _, p := range patterns {
		if paths, _ := filepath.Glob(p); len(paths) > 0 {
			return paths[0]
		}
	}
	missing(t, "no module "+name+": install the Debian package "+pkg)
	return ""
}

// missing ends a test that this machine cannot run.
func missing(t T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s", why)
	}
	t.Skipf("%s", why)
}

// run runs a program to its end.
func run(t T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
}

// socketDir is TempDir with a short path, as those of sockets have to be.
func socketDir(t T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hsmtest")
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// write writes a file that only this user can read.
func write(t T, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	return path
}
