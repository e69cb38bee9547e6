package hsmtest

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// SoftHSM makes a token of SoftHSM 2, which takes every kind of key.
func SoftHSM(t T) *Module {
	t.Helper()
	util := Program(t, "softhsm2-util", "softhsm2")
	path := library(t, "libsofthsm2.so", "softhsm2", "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so", "/usr/lib*/libsofthsm2.so")
	dir := t.TempDir()
	tokens := filepath.Join(dir, "tokens")
	if err := os.Mkdir(tokens, 0o700); err != nil {
		t.Fatalf("%v", err)
	}
	conf := fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", tokens)
	t.Setenv("SOFTHSM2_CONF", write(t, dir, "softhsm2.conf", []byte(conf)))
	m := &Module{Name: "SoftHSM", Path: path, Label: "hsm test", PIN: "1234", Kinds: Kinds, Files: tokens}
	run(t, util, "--init-token", "--free", "--label", m.Label, "--pin", m.PIN, "--so-pin", "5678")
	keepToken(t, tokens)
	m.importKey = func(t T, label, id string, k file) {
		t.Helper()
		pem := write(t, dir, "key.pem", k.pem)
		run(t, util, "--import", pem, "--token", m.Label, "--label", label, "--id", id, "--pin", m.PIN)
		os.Remove(pem)
	}
	return m
}

// keepToken puts the file of the only token back whenever it stays empty. SoftHSM 2.6.1 writes the
// file anew at each login: it empties the file, unlocks it, and then writes. So a process that is
// killed between the two would take the token along for good. What a login changes in the file is of
// no use here.
func keepToken(t T, tokens string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(tokens, "*", "token.object"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v: %d tokens, %v", tokens, len(files), err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatalf("%v", err)
	}
	spare := filepath.Join(filepath.Dir(tokens), "token.spare")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for wasEmpty := false; ; {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			info, err := os.Stat(files[0])
			empty := err == nil && info.Size() == 0 // otherwise a test may have moved the files away
			if empty && wasEmpty && os.WriteFile(spare, whole, 0o600) == nil {
				os.Rename(spare, files[0])
			}
			wasEmpty = empty
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-stopped
	})
}
