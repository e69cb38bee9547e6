package hsmtest

import (
	"fmt"
	"os"
	"path/filepath"
)

// NSS makes a database of Mozilla's NSS, which is a token of its softokn. It takes neither P-224
// nor Ed25519.
func NSS(t T) *Module {
	t.Helper()
	certutil := Program(t, "certutil", "libnss3-tools")
	pk12util := Program(t, "pk12util", "libnss3-tools")
	openssl := Program(t, "openssl", "openssl")
	path := library(t, "libsoftokn3.so", "libnss3", "/usr/lib/*/libsoftokn3.so", "/usr/lib/*/nss/libsoftokn3.so", "/usr/lib*/libsoftokn3.so")
	dir := t.TempDir()
	database := "sql:" + dir
	m := &Module{
		Name: "NSS", Path: path, Label: "NSS Certificate DB", PIN: "Passw0rd",
		InitArgs: fmt.Sprintf("configdir='%s' certPrefix='' keyPrefix='' secmod='secmod.db' flags=readOnly", database),
		Kinds:    []Kind{RSA2048, RSA3072, P256, P384, P521},
	}
	pin := write(t, dir, "pin", []byte(m.PIN))
	run(t, certutil, "-N", "-d", database, "-f", pin)
	m.importKey = func(t T, label, _ string, k file) {
		t.Helper()
		// A key comes with a certificate, whose subject must be no other key's.
		key, cert, both := filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.p12")
		write(t, dir, "key.pem", k.pem)
		run(t, openssl, "req", "-new", "-x509", "-key", key, "-subj", "/CN="+label, "-days", "2", "-out", cert)
		run(t, openssl, "pkcs12", "-export", "-inkey", key, "-in", cert, "-name", label, "-passout", "pass:x", "-out", both)
		run(t, pk12util, "-i", both, "-d", database, "-k", pin, "-W", "x")
		os.Remove(key)
		os.Remove(both)
	}
	return m
}
