//go:build linux

package provider

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sServer starts openssl s_server, which serves one connection at a time.
func sServer(s *site, args ...string) {
	s.t.Helper()
	need(s.t, "openssl")
	s.useConfig()
	s.ask = func(c *tls.Conn) error {
		if _, err := io.WriteString(c, "hello\n"); err != nil {
			return err
		}
		c.CloseWrite()
		if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		return nil
	}
	s.stdin = true // it ends when its input does
	s.start("openssl", append([]string{"s_server", "-accept", s.addr, "-cert", s.certFile(), "-key", s.keyFile(), "-quiet"}, args...)...)
}

func TestSServer(t *testing.T) {
	program{start: func(s *site) { sServer(s) }, resumes: true}.each(t)
}

func TestSServerAsync(t *testing.T) {
	program{start: func(s *site) { sServer(s, "-async") }, resumes: true}.each(t)
}

// Clients in the language of sh.
const curlClient = `
url=$1 cert=$2 key=$3 ca=$4 count=$5
for i in $(seq $count); do
    test "$(curl -sS --cacert $ca --cert $cert --key $key $url)" = hello || exit 1
done
`

const sClientClient = `
url=$1 cert=$2 key=$3 ca=$4 count=$5
address=${url#https://}
for i in $(seq $count); do
    printf 'GET / HTTP/1.0\r\n\r\n' |
        openssl s_client -quiet -connect ${address%/} -verify_return_error -CAfile $ca -cert $cert -key $key 2>/dev/null |
        tail -n 1 | grep -q '^hello$' || exit 1
done
`

func TestCurl(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	clients(t, "sh", "-c", curlClient, "sh")
}

func TestSClient(t *testing.T) {
	t.Parallel()
	need(t, "openssl")
	clients(t, "sh", "-c", sClientClient, "sh")
}

// TestOpenSSLCommand signs with handles, and with names of keys, wherever the openssl command takes a
// private key. Go's own code, or an openssl command without the provider, verifies.
func TestOpenSSLCommand(t *testing.T) {
	t.Parallel()
	need(t, "openssl")
	k := newKeyServer(t)
	k.start()
	env := []string{"OPENSSL_CONF=" + k.config(plain)}
	for _, key := range []string{"rsa2048", "rsa3072", "p256", "p384", "p521", "ed25519"} {
		handle := keyFile(t, key+".handle.pem")
		for what, file := range map[string]string{"handle": handle, "name": "asynccrypto:" + key} {
			c := opensslCommand{t, k, env, testKeys()[key], file}
			t.Run(key+" by "+what, func(t *testing.T) {
				c.t = t
				c.requests()
				c.issues()
				c.signsFiles()
				c.signsMail()
				c.refuses()
			})
		}
	}
}

// opensslCommand is the openssl command with a key.
type opensslCommand struct {
	t   *testing.T
	k   *keyServer
	env []string
	key *testKey
	arg string // the command's, for the key
}

// signs runs a command that signs once, and returns what it writes into the file of -out.
func (c opensslCommand) signs(args ...string) []byte {
	c.t.Helper()
	out, before := filepath.Join(newDir(c.t), "out"), c.k.signatures()
	run(c.t, c.env, "openssl", append([]string{args[0], "-out", out}, args[1:]...)...)
	if n := c.k.signatures() - before; n != 1 {
		c.t.Errorf("%v: %d signatures", args, n)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		c.t.Fatal(err)
	}
	return text
}

func (c opensslCommand) decode(text []byte) []byte {
	c.t.Helper()
	block, _ := pem.Decode(text)
	if block == nil {
		c.t.Fatalf("no PEM: %q", text)
	}
	return block.Bytes
}

// write writes a file and returns its path.
func (c opensslCommand) write(text []byte) string {
	c.t.Helper()
	path := filepath.Join(newDir(c.t), "file")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// requests makes a request for a certificate, and a self-signed certificate.
func (c opensslCommand) requests() {
	c.t.Helper()
	request, err := x509.ParseCertificateRequest(c.decode(c.signs("req", "-new", "-key", c.arg, "-subj", "/CN=test")))
	if err != nil {
		c.t.Fatal(err)
	}
	if err := request.CheckSignature(); err != nil {
		c.t.Error(err)
	}
	own, err := x509.ParseCertificate(c.decode(c.signs("req", "-x509", "-new", "-key", c.arg, "-subj", "/CN=test")))
	if err != nil {
		c.t.Fatal(err)
	}
	if err := own.CheckSignature(own.SignatureAlgorithm, own.RawTBSCertificate, own.Signature); err != nil {
		c.t.Error(err)
	}
}

// issues signs another key's certificate.
func (c opensslCommand) issues() {
	c.t.Helper()
	key := c.write(nil)
	request := c.write([]byte(run(c.t, nil, "openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
		"-keyout", key, "-subj", "/CN=leaf")))
	leaf, err := x509.ParseCertificate(c.decode(c.signs("x509", "-req", "-in", request, "-CA", keyFile(c.t, c.key.name+".cert.pem"), "-CAkey", c.arg,
		"-set_serial", "1")))
	if err != nil {
		c.t.Fatal(err)
	}
	issuer, err := x509.ParseCertificate(c.decode(c.key.chain))
	if err != nil {
		c.t.Fatal(err)
	}
	if err := issuer.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature); err != nil {
		c.t.Error(err)
	}
}

// signsFiles signs a file, by its digest and, if the key does that, whole.
func (c opensslCommand) signsFiles() {
	c.t.Helper()
	text := bytes.Repeat([]byte("a file"), 10_000)
	public := c.write(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: c.spki()}))
	if c.key.name == "ed25519" {
		text = text[:1000]
		file := c.write(text)
		signature := c.write(c.signs("pkeyutl", "-sign", "-rawin", "-inkey", c.arg, "-in", file))
		run(c.t, nil, "openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", public, "-in", file, "-sigfile", signature)
		return
	}
	file := c.write(text)
	ways := [][]string{{"-sha256"}, {"-sha512"}}
	if strings.HasPrefix(c.key.name, "rsa") {
		ways = append(ways, []string{"-sha384", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"})
	}
	for _, way := range ways {
		signature := c.write(c.signs(append(append([]string{"dgst"}, way...), "-sign", c.arg, file)...))
		run(c.t, nil, "openssl", append(append([]string{"dgst"}, way...), "-verify", public, "-signature", signature, file)...)
	}
}

func (c opensslCommand) spki() []byte {
	c.t.Helper()
	der, err := x509.MarshalPKIXPublicKey(c.key.signer.Public())
	if err != nil {
		c.t.Fatal(err)
	}
	return der
}

// signsMail signs a message as S/MIME has it, which OpenSSL 3.0 does not do with Ed25519.
func (c opensslCommand) signsMail() {
	c.t.Helper()
	if c.key.name == "ed25519" {
		return
	}
	file := c.write([]byte("a message"))
	mail := c.write(c.signs("cms", "-sign", "-in", file, "-signer", keyFile(c.t, c.key.name+".cert.pem"), "-inkey", c.arg))
	out := run(c.t, nil, "openssl", "cms", "-verify", "-in", mail, "-CAfile", keyFile(c.t, "ca.pem"), "-purpose", "any")
	if !strings.Contains(out, "a message") {
		c.t.Errorf("the message is not verified: %s", out)
	}
}

// refuses shows that the public key can be written, and no private key.
func (c opensslCommand) refuses() {
	c.t.Helper()
	public, err := x509.ParsePKIXPublicKey(c.decode([]byte(run(c.t, c.env, "openssl", "pkey", "-in", c.arg, "-pubout"))))
	if err != nil {
		c.t.Fatal(err)
	}
	if !c.key.signer.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(public) {
		c.t.Error("it writes another public key")
	}
	if out, err := command(c.t, c.env, "openssl", "pkey", "-in", c.arg).Output(); err == nil || bytes.Contains(out, []byte("PRIVATE KEY")) {
		c.t.Errorf("it writes a private key: %v, %s", err, out)
	}
}
