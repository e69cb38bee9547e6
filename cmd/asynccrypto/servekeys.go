package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"asynccrypto/engine"
)

// serveKeys are the certificate that is served, and the engine that has its key.
type serveKeys struct {
	o       *serveOptions
	log     *serveLog
	kind    *engineKind    // nil for none
	engine  *engine.Engine // nil for none
	current atomic.Pointer[tls.Certificate]
}

func newServeKeys(o *serveOptions, l *serveLog) (*serveKeys, error) {
	k := &serveKeys{o: o, log: l}
	if o.engine == "none" {
		return k, nil
	}
	var err error
	k.kind, err = chooseServeEngine(o.engine)
	return k, err
}

// open loads, or makes, the certificate, and opens the engine.
func (k *serveKeys) open() error {
	load := k.load
	if k.o.cert == "" {
		load = k.throwAway
	}
	cert, err := load()
	if err != nil {
		return err
	}
	if k.kind != nil {
		if k.engine, err = k.kind.open(engineOptions{k.o.workers, k.o.nice}); err != nil {
			return err
		}
	}
	key := cert.PrivateKey
	if err := k.use(cert); err != nil {
		k.close()
		return err
	}
	k.log.printf("%s", k.describe(key))
	return nil
}

// chooseServeEngine is chooseEngine, but for what it lists.
func chooseServeEngine(name string) (*engineKind, error) {
	kind, err := chooseEngine(name)
	if err != nil && strings.HasPrefix(err.Error(), "unknown engine") {
		return nil, usagef("%w, none", err)
	}
	return kind, err
}

func (k *serveKeys) close() {
	if k.engine != nil {
		k.engine.Close()
	}
}

// use has new handshakes use cert. Those under way go on with the one before, whose key the engine forgets after the last.
func (k *serveKeys) use(cert *tls.Certificate) error {
	if k.engine != nil {
		signer, err := k.engine.Signer(cert.PrivateKey.(crypto.Signer))
		if err != nil {
			return usagef("key %s: %w", k.keyFile(), err)
		}
		cert.PrivateKey = signer
	}
	k.current.Store(cert)
	return nil
}

// reload reads the files again. What can't be used is not.
func (k *serveKeys) reload() {
	if k.o.cert == "" {
		k.log.printf("hangup: there is no -cert to read again")
		return
	}
	cert, err := k.load()
	if err == nil {
		err = k.use(cert)
	}
	if err != nil {
		k.log.printf("hangup: the certificate stays as it was: %v", err)
	}
}

func (k *serveKeys) keyFile() string {
	if k.o.key == "" {
		return k.o.cert // both in one file, as openssl has it
	}
	return k.o.key
}

// load reads the certificate and its key. Errors are usageErrors.
func (k *serveKeys) load() (*tls.Certificate, error) {
	file := k.o.cert
	text, err := readPEM(file)
	if err != nil {
		return nil, usagef("cert %s: %w", file, err)
	}
	cert := new(tls.Certificate)
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			cert.Certificate = append(cert.Certificate, block.Bytes)
		}
	}
	if cert.Certificate == nil {
		return nil, usagef("cert %s: holds no certificate in PEM form, which starts with -----BEGIN CERTIFICATE-----", file)
	}
	if cert.Leaf, err = x509.ParseCertificate(cert.Certificate[0]); err != nil {
		return nil, usagef("cert %s: not a valid certificate: %s", file, strings.TrimPrefix(err.Error(), "x509: "))
	}
	key, err := readKey(k.keyFile())
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, usagef("key %s: a key for key agreement, which can't sign", k.keyFile())
	}
	if pub, ok := cert.Leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(signer.Public()) {
		return nil, usagef("key %s does not belong to the first certificate in %s (%s); the server's own comes first, its issuers' after it",
			k.keyFile(), file, cert.Leaf.Subject)
	}
	cert.PrivateKey = key
	k.log.printf("certificate %s: %s, %s, until %s", file, subject(cert.Leaf), keyKind(signer.Public()), cert.Leaf.NotAfter.Format(time.DateOnly))
	if now := time.Now(); now.After(cert.Leaf.NotAfter) {
		k.log.printf("warning: it has expired, and clients will refuse it")
	} else if now.Before(cert.Leaf.NotBefore) {
		k.log.printf("warning: it is not valid before %s", cert.Leaf.NotBefore.Format(time.DateTime))
	}
	return cert, nil
}

// throwAwayFor is how long a throw-away certificate is valid: not so long that anybody comes to rely on it.
const throwAwayFor = 7 * 24 * time.Hour

// throwAway makes a certificate for this machine that nobody has a reason to trust, and says so. Its key is RSA-2048, the
// kind that the engines are about.
func (k *serveKeys) throwAway() (*tls.Certificate, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "localhost", Organization: []string{"throw-away of asynccrypto serve"}},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(throwAwayFor),
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if name, err := os.Hostname(); err == nil && name != "localhost" {
		template.DNSNames = append(template.DNSNames, name)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil && len(template.DNSNames) > 1 {
		template.DNSNames = template.DNSNames[:1] // a name of the machine that no certificate can have
		der, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	}
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	k.log.printf("no -cert: made a throw-away certificate, kept in memory only: %s, for %s, %s, until %s",
		subject(leaf), strings.Join(leaf.DNSNames, " "), keyKind(key.Public()), leaf.NotAfter.Format(time.DateOnly))
	k.log.printf("its SHA-256 fingerprint: %s", fingerprint(der))
	k.log.printf("nobody vouches for it: clients have to skip the check, as with curl -k, or asynccrypto handshakes -insecure")
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

// fingerprint writes a certificate's digest as "openssl x509 -fingerprint -sha256" does.
func fingerprint(der []byte) string {
	var b strings.Builder
	for i, x := range sha256.Sum256(der) {
		if i > 0 {
			b.WriteByte(':')
		}
		fmt.Fprintf(&b, "%02X", x)
	}
	return b.String()
}

func subject(cert *x509.Certificate) string {
	if s := cert.Subject.String(); s != "" {
		return s
	}
	return "no subject"
}

func keyKind(key crypto.PublicKey) string {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA-%d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return fmt.Sprintf("%T", key)
}

// describe says which engine there is, why, and what it gains for this key.
func (k *serveKeys) describe(key crypto.PrivateKey) string {
	if k.kind == nil {
		return "engine none: crypto/tls signs where it is, and no gain is to be had"
	}
	what := fmt.Sprintf("engine %s, %s", k.kind.name, count(k.o.workers, "worker"))
	if k.o.nice > 0 {
		what += fmt.Sprintf(" at nice %d", k.o.nice)
	}
	pub := key.(crypto.Signer).Public()
	ok, why := multibufferGain(pub)
	switch {
	case k.kind.name == "multibuffer" && ok:
		return what + ": " + keyKind(pub) + " signatures up to eight at a time, on AVX-512 IFMA"
	case ok:
		return what + ": as fast as the standard library; multibuffer signs eight at a time here"
	}
	return what + ": as fast as the standard library, no gain in speed: " + why
}

// multibufferGain reports whether the engine multibuffer gains for such a key, on this machine, and if not why.
func multibufferGain(key crypto.PublicKey) (ok bool, why string) {
	for i := range engineKinds {
		if k := &engineKinds[i]; k.name == "multibuffer" {
			if ok, why := k.supported(); !ok {
				return false, why
			}
		}
	}
	if k, ok := key.(*rsa.PublicKey); ok {
		switch k.N.BitLen() {
		case 2048, 3072, 4096:
			return true, ""
		}
	}
	return false, "that is for RSA-2048, RSA-3072 and RSA-4096, and this key is " + keyKind(key)
}
