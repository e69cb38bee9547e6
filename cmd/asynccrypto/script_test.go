package main

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"asynccrypto/engine/multibuffer"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"asynccrypto": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", "atexit_sleep_ms=0") // else with -race each command takes a second to exit
			env.Setenv("ASYNCCRYPTO_IFMA", os.Getenv("ASYNCCRYPTO_IFMA"))
			for name, text := range testKeys() {
				if err := os.WriteFile(filepath.Join(env.WorkDir, name), text, 0o600); err != nil {
					return err
				}
			}
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "ci":
				return os.Getenv("CI") == "true", nil
			case "gain": // as for the commands, unless a script sets ASYNCCRYPTO_IFMA=off
				ok, _ := multibuffer.Supported()
				return ok, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: scriptCommands,
	})
}

var scriptCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"away":               scriptAway,
	"bad":                scriptBad,
	"fails":              scriptFails,
	"openssl-verify":     scriptVerify,
	"no-temporary-files": scriptNoTemporaryFiles,
}

// testKeys returns files with fresh keys. The keys are short, for speed.
var testKeys = sync.OnceValue(func() map[string][]byte {
	rsaKey, err1 := rsa.GenerateKey(rand.Reader, 1024)
	p256, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, err7 := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p521, err3 := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	_, ed, err4 := ed25519.GenerateKey(rand.Reader)
	x, err5 := ecdh.X25519().GenerateKey(rand.Reader)
	sec1, err6 := x509.MarshalECPrivateKey(p521)
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7); err != nil {
		panic(err)
	}
	// "openssl ecparam -genkey" writes such a block before the key. The bytes are those of the
	// curve's name.
	params := pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 5, 43, 129, 4, 0, 35}})
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "one.test"}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, p256.Public(), p256)
	if err != nil {
		panic(err)
	}
	files := map[string][]byte{
		"p256.crt":     pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		"rsa.pem":      pkcs8(rsaKey),
		"rsa.pub":      public(rsaKey),
		"public.pem":   public(rsaKey),
		"rsa1.pem":     pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)}),
		"rsa1.pub":     pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey)}),
		"p256.pem":     pkcs8(p256),
		"p256.pub":     public(p256),
		"p384.pem":     pkcs8(p384),
		"p384.pub":     public(p384),
		"p521sec1.pem": append(params, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1})...),
		"p521sec1.pub": public(p521),
		"ed25519.pem":  pkcs8(ed),
		"ed25519.pub":  public(ed),
		"x25519.pem":   pkcs8(x),
	}
	return files
})

func pkcs8(key any) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func public(key crypto.Signer) []byte {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// scriptFails runs the command and expects an exit status: fails STATUS args...
func scriptFails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: fails STATUS args...")
	}
	err := ts.Exec("asynccrypto", args[1:]...)
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		ts.Fatalf("succeeded, or did not run: %v", err)
	}
	if got := exit.ExitCode(); args[0] != strconv.Itoa(got) {
		ts.Fatalf("exit status %d, not %s", got, args[0])
	}
}

// scriptBad expects one line on stderr that matches, nothing on stdout, and status 2: bad REGEXP
// args...
func scriptBad(ts *testscript.TestScript, neg bool, args []string) { oneError(ts, neg, "2", args) }

// scriptAway is scriptBad with status 1, for a token that is away: away REGEXP args...
func scriptAway(ts *testscript.TestScript, neg bool, args []string) { oneError(ts, neg, "1", args) }

func oneError(ts *testscript.TestScript, neg bool, status string, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: bad REGEXP args..., or away REGEXP args...")
	}
	scriptFails(ts, false, append([]string{status}, args[1:]...))
	stderr := ts.ReadFile("stderr")
	if strings.Count(stderr, "\n") != 1 || !strings.HasSuffix(stderr, "\n") {
		ts.Fatalf("not one line on stderr: %q", stderr)
	}
	if !regexp.MustCompile(args[0]).MatchString(stderr) {
		ts.Fatalf("stderr %q does not match %q", stderr, args[0])
	}
	if stdout := ts.ReadFile("stdout"); stdout != "" {
		ts.Fatalf("on stdout: %q", stdout)
	}
}

// scriptVerify verifies a signature with the real openssl: openssl-verify PUBLIC HASH SIGNATURE
// FILE [options...]
func scriptVerify(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: openssl-verify PUBLIC HASH SIGNATURE FILE [options...]")
	}
	cmd := append([]string{"dgst", "-" + args[1], "-verify", args[0], "-signature", args[2]}, args[4:]...)
	if err := ts.Exec("openssl", append(cmd, args[3])...); err != nil {
		ts.Fatalf("openssl does not accept it: %v", err)
	}
}

func scriptNoTemporaryFiles(ts *testscript.TestScript, neg bool, args []string) {
	if left := temporaryFiles(ts.MkAbs(".")); len(left) > 0 {
		ts.Fatalf("left behind: %v", left)
	}
}

func temporaryFiles(dir string) (found []string) {
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), ".asynccrypto-") {
			found = append(found, path)
		}
		return err
	})
	return found
}
