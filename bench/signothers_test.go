package main

import (
	"bufio"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// fakeNodeArg makes the test binary a Node.js: fakeNode's script passes it on.
const fakeNodeArg = "be-a-node"

// beFakeNode answers as node/sign.cjs does, or as the environment wants.
func beFakeNode(args []string, in io.Reader, out io.Writer) error {
	if answer := os.Getenv("FAKE_NODE_" + strings.ToUpper(args[1][:1])); answer != "" {
		_, err := fmt.Fprint(out, answer)
		return err
	}
	if args[1] == "version" {
		_, err := fmt.Fprintln(out, "99.1.2 3.5.9")
		return err
	}
	if filepath.Base(args[0]) != "sign.cjs" || args[1] != "4" {
		return fmt.Errorf("arguments %q", args)
	}
	var input [][]byte
	for lines := bufio.NewScanner(in); lines.Scan(); {
		b, err := hex.DecodeString(lines.Text())
		if err != nil {
			return err
		}
		input = append(input, b)
	}
	key, err := x509.ParsePKCS8PrivateKey(input[0])
	if err != nil {
		return err
	}
	digest := sha256.Sum256(input[1])
	sig, err := rsa.SignPKCS1v15(nil, key.(*rsa.PrivateKey), crypto.SHA256, digest[:])
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "2000 0.5 0.49 1.5\n%x\n", sig)
	return err
}

func fakeNode(t *testing.T) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a shell script stands for node")
	}
	this, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "node")
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' %s \"$@\"\n", this, fakeNodeArg)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// besideOthers is a run that has come to where others are measured.
func besideOthers(t *testing.T, p signPlan) (*signRun, error) {
	t.Helper()
	p.rounds, p.keys, p.time = 1, 3, time.Millisecond
	others, err := findOthers(t.Context(), p, t.TempDir())
	if err != nil {
		return nil, err
	}
	keys, err := makeKeys(t.Context(), []int{2048}, p.keys, progress{io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	r := &signRun{signPlan: p, ctx: t.Context(), progress: progress{io.Discard}, cpu: noPin, keySet: keys, dir: t.TempDir(), f: newSignFindings(p)}
	r.f.Reason = "" // as if there were kernels
	r.f.others(others)
	return r, r.copyOthers()
}

// measured measures the others beside RSA-2048 and returns how that row stands.
func measured(r *signRun) (*signRow, error) {
	for _, row := range r.f.Rows {
		if row.Algorithm != "rsa2048" || len(row.Others) == 0 || row.Jobs != jobsFull {
			continue
		}
		row.noteOurs(outcome{Done: 16_000, Time: time.Second})
		err := r.measureOthers(row.Algorithm)
		r.f.conclude()
		return row, err
	}
	return nil, fmt.Errorf("no row is beside others")
}

func TestNode(t *testing.T) {
	r, err := besideOthers(t, signPlan{node: fakeNode(t)})
	if err != nil {
		t.Fatal(err)
	}
	row, err := measured(r)
	if err != nil {
		t.Fatal(err)
	}
	if b := row.Others[0]; len(row.Others) != 1 || b.Name != "OpenSSL 3.5.9 (Node 99.1.2)" || b.Ratio.Median != 4 || b.AtLeast != 2.2 || b.Verdict != "met" {
		t.Errorf("%+v", b)
	}
	if row.Jobs != jobsFull || row.Keys != 3 || r.f.Others[0].Call.Median != 1.5 {
		t.Errorf("%+v, %+v", row, r.f.Others[0])
	}
	for _, r := range r.f.Rows {
		if r.Algorithm == "rsa2048" && r.Keys == 3 && r.Jobs == 1 && r.Section == sectionSign {
			if b := r.Others[0]; len(b.theirs) != 1 || b.AtLeast != 0 {
				t.Errorf("one job: %+v", b)
			}
		}
	}
	var text, json strings.Builder
	r.f.othersTable(&text)
	if err := r.f.writeJSON(&json); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\nrsa2048    64  OpenSSL 3.5.9 (Node 99.1.2)       250        62.5   4.00 (4.00..4.00) 2.2 met\n",
		"an HMAC-SHA256 of the message takes 1.50 us (1.50..1.50)", "no queue",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	if !strings.Contains(json.String(), `"name": "OpenSSL 3.5.9 (Node 99.1.2)"`) || !strings.Contains(json.String(), `"call_us"`) {
		t.Error(json.String())
	}
}

// What a Node.js says that is not to be believed ends the run.
func TestNodeWrong(t *testing.T) {
	path := fakeNode(t)
	for answer, complaint := range map[string]string{
		"1 1 1\n" + strings.Repeat("00", 256): "verification error",
		"1 1 1\n":                             "0 results, not 1",
		"1 1 1\nxy\n":                         "a result: ",
		"1 0 1\n":                             `"0" is no figure`,
		"nan 1 1\n":                           `"nan" is no figure`,
		"1 1\n":                               "2 figures",
		"?":                                   `"?" is no figure`,
	} {
		r, err := besideOthers(t, signPlan{node: path})
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("FAKE_NODE_4", answer)
		if _, err := measured(r); err == nil || !strings.Contains(err.Error(), complaint) {
			t.Errorf("%q: %v", answer, err)
		}
	}
	t.Setenv("FAKE_NODE_V", "99\n")
	if _, err := besideOthers(t, signPlan{node: path}); err == nil || !strings.Contains(err.Error(), "not two versions") {
		t.Error(err)
	}
}

// What is asked for and not there ends the run before it begins, on one line with a word on what to do.
func TestOthersMissing(t *testing.T) {
	t.Setenv("CC", "no-such-compiler")
	empty := t.TempDir()
	bare := t.TempDir()
	if err := os.MkdirAll(filepath.Join(bare, "crypto_mb"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bare, "crypto_mb", "rsa.h"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for args, complaint := range map[string]string{
		"-node " + filepath.Join(empty, "node"): "nodejs.org",
		"-crypto-mb " + empty:                   "no crypto_mb/rsa.h",
		"-crypto-mb " + empty + "," + empty:     "no crypto_mb/rsa.h",
		"-crypto-mb " + bare + "," + empty:      "no libcrypto_mb in " + empty,
	} {
		var out, err strings.Builder
		status := run(t.Context(), append([]string{"sign"}, strings.Fields(args)...), stdio{&out, &err})
		if status != 1 || out.Len() > 0 || strings.Count(err.String(), "\n") != 1 || !strings.Contains(err.String(), complaint) {
			t.Errorf("%s: status %d, %q, %q", args, status, out.String(), err.String())
		}
	}
}

// builtCryptoMB is a prefix with the crypto_mb of testdata.
func builtCryptoMB(t *testing.T) (include, lib string) {
	t.Helper()
	include, lib = filepath.Join("testdata", "crypto_mb", "include"), t.TempDir()
	cc, err := compiler()
	if err != nil {
		without(t, err.Error())
	}
	object := filepath.Join(lib, "crypto_mb.o")
	args := append(cc[1:], strings.Fields(os.Getenv("CFLAGS"))...)
	args = append(args, "-I"+include, "-c", "-o", object, filepath.Join("testdata", "crypto_mb", "crypto_mb.c"))
	for _, cmd := range []*exec.Cmd{exec.Command(cc[0], args...), exec.Command("ar", "rc", filepath.Join(lib, "libcrypto_mb.a"), object)} {
		if said, err := cmd.CombinedOutput(); err != nil {
			without(t, fmt.Sprintf("%s: %v: %s", cmd, err, said))
		}
	}
	return include, lib
}

// The C program signs what ours verifies, with a library that has crypto_mb's interface.
func TestCryptoMB(t *testing.T) {
	include, lib := builtCryptoMB(t)
	r, err := besideOthers(t, signPlan{cryptoMB: include + "," + lib})
	if err != nil {
		t.Fatal(err)
	}
	row, err := measured(r)
	if err != nil {
		t.Fatal(err)
	}
	if b := row.Others[0]; b.Name != "crypto_mb 98.7.6" || b.Ratio == nil || b.AtLeast != 1.1 || b.Verdict == "" || r.f.Others[0].Call != nil {
		t.Errorf("%+v", b)
	}
	t.Setenv("CRYPTO_MB_REFUSES", "1")
	if _, err := measured(r); err == nil || !strings.Contains(err.Error(), "answers 0xaaaaaaaa") {
		t.Error(err)
	}
}

func TestCryptoMBIn(t *testing.T) {
	prefix := t.TempDir()
	for _, file := range []string{"include/crypto_mb/rsa.h", "lib64/libcrypto_mb.so", "lib/libcrypto_mb.a", "lib/libcrypto_mb.so"} {
		path := filepath.Join(prefix, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for place, want := range map[string]string{
		prefix: "lib/libcrypto_mb.a",
		filepath.Join(prefix, "include") + "," + filepath.Join(prefix, "lib64"): "lib64/libcrypto_mb.so",
	} {
		include, library, err := cryptoMBIn(place)
		if err != nil || include != filepath.Join(prefix, "include") || library != filepath.Join(prefix, filepath.FromSlash(want)) {
			t.Errorf("%s: %s, %s, %v", place, include, library, err)
		}
	}
}

// An interrupt while others are measured is an interrupt, not their failure.
func TestOthersInterrupted(t *testing.T) {
	r, err := besideOthers(t, signPlan{node: fakeNode(t)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.ctx = ctx
	if _, err := measured(r); err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Error(err)
	}
}
