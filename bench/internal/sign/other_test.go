package sign

import (
	"bufio"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/harness/harnesstest"
	"asynccrypto/bench/internal/ops"
	"asynccrypto/bench/internal/ops/opstest"
	"asynccrypto/internal/measure"
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

// threeKeys makes keys once for all tests.
var threeKeys = sync.OnceValues(func() (ops.KeySet, error) {
	return ops.MakeKeys(context.Background(), []int{2048}, 3, measure.NewProgress(io.Discard))
})

// besideOthers is a session that has come to where others are measured.
func besideOthers(t *testing.T, o options) (*session, error) {
	t.Helper()
	o.keys = 3
	others, err := findOthers(t.Context(), o, t.TempDir())
	if err != nil {
		return nil, err
	}
	keys, err := threeKeys()
	if err != nil {
		t.Fatal(err)
	}
	run := harnesstest.Run(t, Subject(), 1, time.Millisecond)
	run.Result.Machine.ID = "amd-25-17" // the goals differ by the maker of the CPU
	s := &session{plan: planFor(run, o.keys, ""), others: others,
		Session: &ops.Session{Run: run, Keys: keys, CPU: harness.NoPin, Dir: t.TempDir()}}
	s.plan.withOthers(others)
	return s, s.copyOthers()
}

// measured measures the others beside RSA-2048 and returns how the row with most jobs stands.
func measured(ctx context.Context, s *session) (*besideRow, error) {
	for _, row := range s.plan.signing {
		if row.Ours.Algorithm != "rsa2048" || len(row.others) == 0 || row.Ours.Jobs != jobsFull {
			continue
		}
		row.noteOurs(ops.Outcome{Done: 16_000, Time: time.Second})
		err := s.measureOthers(ctx, row.Ours.Algorithm)
		s.Result.Conclude()
		return row.others[0], err
	}
	return nil, fmt.Errorf("no row is beside others")
}

func TestNode(t *testing.T) {
	s, err := besideOthers(t, options{node: fakeNode(t)})
	if err != nil {
		t.Fatal(err)
	}
	b, err := measured(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	const name = "OpenSSL 3.5.9 (Node 99.1.2)"
	values := b.report.Values
	if len(s.others) != 1 || b.report.Name != "rsa2048, 64 jobs, "+name || len(values) != 3 || values[2].Median != 4 || values[2].AtLeast != 2.2 || values[2].Verdict != "met" {
		t.Errorf("%+v", b.report)
	}
	for _, row := range s.plan.signing {
		if row.Ours.Algorithm == "rsa2048" && row.Ours.Keys == 3 && row.Ours.Jobs == 1 {
			if b := row.others[0]; b.theirs.Median != 250 || len(b.report.Values) != 1 {
				t.Errorf("one job: %+v", b.report)
			}
		}
	}
	var text strings.Builder
	if err := s.Result.Text(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\nrsa2048, 64 jobs, " + name + " ", "     62.5 us  4.00, at least 2.2: met",
		"\n" + name + ", an HMAC-SHA256 of the message    1.50 us", "no queue",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
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
		r, err := besideOthers(t, options{node: path})
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("FAKE_NODE_4", answer)
		if _, err := measured(t.Context(), r); err == nil || !strings.Contains(err.Error(), complaint) {
			t.Errorf("%q: %v", answer, err)
		}
	}
	t.Setenv("FAKE_NODE_V", "99\n")
	if _, err := besideOthers(t, options{node: path}); err == nil || !strings.Contains(err.Error(), "not two versions") {
		t.Error(err)
	}
}

// If something that a flag asks for is not there, the run ends before it begins, on one line
// with a hint.
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
	for complaint, o := range map[string]options{
		"nodejs.org":                     {node: filepath.Join(empty, "node")},
		"no crypto_mb/rsa.h in " + empty: {cryptoMB: empty},
		"-crypto-mb: no crypto_mb/rsa.h": {cryptoMB: empty + "," + empty},
		"no libcrypto_mb in " + empty:    {cryptoMB: bare + "," + empty},
	} {
		o.keys, o.openssl = 2, "openssl"
		_, err := o.measure(t.Context(), harnesstest.Run(t, Subject(), 1, time.Millisecond))
		if !harness.IsMissing(err) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), complaint) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// The C program signs what ours verifies, with a library that has crypto_mb's interface.
func TestCryptoMB(t *testing.T) {
	include, lib := opstest.CryptoMB(t)
	r, err := besideOthers(t, options{cryptoMB: include + "," + lib})
	if err != nil {
		t.Fatal(err)
	}
	b, err := measured(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if v := b.report.Values; !strings.HasSuffix(b.report.Name, ", crypto_mb 98.7.6") || len(v) != 3 || v[2].AtLeast != 1.1 || v[2].Verdict == "" {
		t.Errorf("%+v", b.report)
	}
	t.Setenv("CRYPTO_MB_REFUSES", "1")
	if _, err := measured(t.Context(), r); err == nil || !strings.Contains(err.Error(), "answers 0xaaaaaaaa") {
		t.Error(err)
	}
}

// An interrupt while others are measured is an interrupt, not their failure.
func TestOthersInterrupted(t *testing.T) {
	r, err := besideOthers(t, options{node: fakeNode(t)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := measured(ctx, r); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
