package pemfile

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/internal/publickey"
)

// ReadCertificate reads a certificate, with its issuers after it, and its private key. An empty
// keyFile means that both are in certFile. The result has its Leaf, and a PrivateKey that belongs
// to it and is a crypto.Signer.
func ReadCertificate(certFile, keyFile string) (*tls.Certificate, error) {
	cert, err := ReadChain(certFile)
	if err != nil {
		return nil, err
	}
	inOne := keyFile == ""
	if inOne {
		keyFile = certFile
	}
	key, err := ReadKey(keyFile)
	if inOne && errors.Is(err, ErrNoKey) {
		return nil, cli.Usagef("%w; give the key's file with -key FILE.pem", err)
	}
	if err != nil {
		return nil, err
	}
	if err := SetKey(cert, certFile, key, keyFile); err != nil {
		return nil, err
	}
	return cert, nil
}

// ReadChain reads a certificate, with its issuers after it. The result has its Leaf, and no
// PrivateKey.
func ReadChain(certFile string) (*tls.Certificate, error) {
	text, err := cli.ReadFile(certFile, maxCertificateFile)
	if err != nil {
		return nil, cli.Usagef("cert %s: %w", certFile, err)
	}
	chain, _, err := certificates(text)
	if err != nil {
		return nil, cli.Usagef("cert %s: %w", certFile, err)
	}
	if chain == nil {
		return nil, cli.Usagef("cert %s: holds no certificate in PEM form, which starts with -----BEGIN CERTIFICATE-----", certFile)
	}
	cert := &tls.Certificate{Leaf: chain[0]}
	for _, c := range chain {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	if cert.Leaf.PublicKeyAlgorithm == x509.UnknownPublicKeyAlgorithm {
		return nil, cli.Usagef("cert %s: for a key of a kind that Go's TLS can't use, such as RSA-PSS, Ed448, or ML-DSA before Go 1.27; make one with: "+
			"openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048", certFile)
	}
	return cert, nil
}

// SetKey makes key the PrivateKey of cert if it belongs to it and is a crypto.Signer. certFile and
// keyName are for errors.
func SetKey(cert *tls.Certificate, certFile string, key any, keyName string) error {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return cli.Usagef("key %s: a key for key agreement, which can't sign", keyName)
	}
	if !publickey.Equal(cert.Leaf.PublicKey, signer.Public()) {
		return cli.Usagef("key %s does not belong to the first certificate in %s (%s); the certificate of the key comes first, "+
			"its issuers' after it", keyName, certFile, cert.Leaf.Subject)
	}
	cert.PrivateKey = signer
	return nil
}

// ReadPool reads the certificates that an option such as -ca names, and returns how many they are.
// A block that is no certificate, or a damaged one, is an error: without its CA some clients would
// be refused, and the cause would be hard to find.
func ReadPool(option, path string) (pool *x509.CertPool, n int, err error) {
	text, err := cli.ReadFile(path, maxCertificateFile)
	var certs []*x509.Certificate
	var others []string
	if err == nil {
		certs, others, err = certificates(text)
	}
	switch {
	case err != nil:
		return nil, 0, cli.Usagef("-%s %s: %w", option, path, err)
	case certs == nil:
		return nil, 0, cli.Usagef("-%s %s: holds no certificate in PEM form", option, path)
	case others != nil:
		return nil, 0, cli.Usagef("-%s %s: holds more than certificates: %s; take that out", option, path, strings.Join(others, ", "))
	}
	pool = x509.NewCertPool()
	for _, c := range certs {
		pool.AddCert(c)
	}
	return pool, len(certs), nil
}

// SubjectName names the subject of a certificate.
func SubjectName(cert *x509.Certificate) string {
	if s := cert.Subject.String(); s != "" {
		return s
	}
	return "no subject"
}

// KeyName names the kind of a public key, such as RSA-2048, ECDSA P-256 or ML-DSA-44.
func KeyName(key crypto.PublicKey) string {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA-%d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	if name, ok := mldsaName(key); ok {
		return name
	}
	return fmt.Sprintf("%T", key)
}
