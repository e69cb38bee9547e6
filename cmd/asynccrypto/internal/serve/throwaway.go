package serve

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/eventlog"
	"asynccrypto/cmd/asynccrypto/internal/pemfile"
)

// throwAwayFor is how long a throw-away certificate is valid: too short for anybody to rely on it.
const throwAwayFor = 7 * 24 * time.Hour

// throwAway makes a certificate for this machine, which nobody has a reason to trust, and logs
// that. Its key is RSA-2048, the kind that the engines make faster.
func throwAway(log *eventlog.Log) (*tls.Certificate, error) {
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
		template.DNSNames = template.DNSNames[:1] // the machine's name is one that no certificate can have
		der, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	}
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	log.Printf("no -cert: made a throw-away certificate, kept in memory only: %s, for %s, %s, until %s",
		pemfile.SubjectName(leaf), strings.Join(leaf.DNSNames, " "), pemfile.KeyName(key.Public()), leaf.NotAfter.Format(time.DateOnly))
	log.Printf("its SHA-256 fingerprint: %s", fingerprint(der))
	log.Printf("nobody vouches for it: clients have to skip the check, as with curl -k, or asynccrypto handshakes -insecure")
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
