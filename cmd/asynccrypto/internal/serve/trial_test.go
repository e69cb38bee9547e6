package serve

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/eventlog"
	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/internal/testwait"
)

// manyKeys makes keys of the kinds that certificates have, good and bad.
func manyKeys(t *testing.T) map[string]crypto.Signer {
	keys := map[string]crypto.Signer{}
	for name, curve := range map[string]elliptic.Curve{"P-224": elliptic.P224(), "P-256": elliptic.P256(), "P-521": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[name] = key
	}
	t.Setenv("GODEBUG", "rsa1024min=0") // for RSA-512 and RSA-768
	for name, bits := range map[string]int{"RSA-512": 512, "RSA-768": 768, "RSA-1024": 1024, "RSA-2048": 2048} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		keys[name] = key
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys["Ed25519"] = ed
	return keys
}

// writeCertificate writes a certificate for the key, signed by another key, and the key after it.
func writeCertificate(t *testing.T, path string, key crypto.Signer) {
	t.Helper()
	ca := tlstest.NewCertificate(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.Leaf, key.Public(), ca.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A certificate that no client can use keeps the server from starting, and at SIGHUP the one before
// it stays, with every engine.
func TestServeUnusableCertificates(t *testing.T) {
	keys := manyKeys(t)
	t.Setenv("GODEBUG", "")
	for _, engine := range []string{"none", "workers"} {
		path := filepath.Join(t.TempDir(), "both.pem")
		writeCertificate(t, path, keys["P-256"])
		s := startServe(t, "-cert", path, "-engine", engine)
		shown := func() []byte {
			c, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			return c.ConnectionState().PeerCertificates[0].Raw
		}
		for name, key := range keys {
			before := shown()
			writeCertificate(t, path, key)
			seen := len(s.Log.String())
			s.Signal(syscall.SIGHUP)
			s.Signal(syscall.SIGHUP) // taken when the one before it is done
			after, said := shown(), ""
			for deadline := time.Now().Add(time.Minute); strings.Count(said, path) < 2; time.Sleep(time.Millisecond) {
				if said = s.Log.String()[seen:]; time.Now().After(deadline) {
					t.Fatalf("the files were not read twice: %s", said)
				}
			}
			bad := name == "P-224" || name == "RSA-512" || name == "RSA-768"
			if bytes.Equal(before, after) != bad || strings.Contains(said, "stays as it was: cert "+path+": no client can use it: ") != bad {
				t.Errorf("%s, engine %s: changed %v\n%s", name, engine, !bytes.Equal(before, after), said)
			}
			if short := strings.Contains(said, "warning: "+name+" is too short"); short != (name == "RSA-1024") {
				t.Errorf("%s: %s", name, said)
			}
			if bad {
				var stderr bytes.Buffer
				status := Command.Main([]string{"-addr", "127.0.0.1:0", "-cert", path, "-engine", engine}, cli.Stdio{Out: io.Discard, Err: &stderr})
				if status != cli.ExitUsage || strings.Count(stderr.String(), "\n") != 1 || !strings.Contains(stderr.String(), "no client can use it") {
					t.Errorf("%s: status %d: %s", name, status, &stderr)
				}
			}
		}
	}
}

// A certificate that clients will refuse for other reasons is used, with a warning.
func TestCertificateWarnings(t *testing.T) {
	now := time.Now()
	good := x509.Certificate{NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), DNSNames: []string{"localhost"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for want, change := range map[string]func(*x509.Certificate){
		"":                       func(*x509.Certificate) {},
		"it has expired":         func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Minute) },
		"it is not valid before": func(c *x509.Certificate) { c.NotBefore = now.Add(time.Minute) },
		"it names no host":       func(c *x509.Certificate) { c.DNSNames = nil },
		"it is not for servers":  func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} },
		"RSA-1024 is too short": func(c *x509.Certificate) {
			c.PublicKey = &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537}
		},
		"clients of Go refuse it: why": nil,
	} {
		leaf, refused := good, error(nil)
		if change != nil {
			change(&leaf)
		} else {
			refused = errors.New("why")
		}
		b := new(testwait.Log)
		log := eventlog.New(b, "text")
		(&keys{o: &options{}, log: log}).logCertificate("a.pem", &leaf, refused)
		log.Close()
		if got := strings.Count(b.String(), "warning: "); got != min(1, len(want)) || !strings.Contains(b.String(), want) {
			t.Errorf("%s: %s", want, b)
		}
	}
}

// A certificate whose key can't sign is not used.
func TestTrialFails(t *testing.T) {
	cert := tlstest.NewCertificate(t).Certificate
	cert.PrivateKey = failing{cert.PrivateKey.(crypto.Signer)}
	if refused, err := try(&cert, ""); refused != nil || err == nil || !strings.Contains(err.Error(), errFailing.Error()) {
		t.Error(refused, err)
	}
}

var errFailing = errors.New("no signatures today")

type failing struct{ crypto.Signer }

func (failing) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errFailing }
