package pemfile

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"asynccrypto/cmd/asynccrypto/internal/cli"
)

// ReadCertificate reads a certificate, with its issuers after it, and its private key. An empty
// keyFile means that both are in certFile. The result has its Leaf, and a PrivateKey that belongs
// to it and is a crypto.Signer.
func ReadCertificate(certFile, keyFile string) (*tls.Certificate, error) {
	text, err := read(certFile, maxCertificateFile)
	if err != nil {
		return nil, cli.Usagef("cert %s: %w", certFile, err)
	}
	cert := new(tls.Certificate)
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			cert.Certificate = append(cert.Certificate, block.Bytes)
		}
	}
	if cert.Certificate == nil {
		return nil, cli.Usagef("cert %s: holds no certificate in PEM form, which starts with -----BEGIN CERTIFICATE-----", certFile)
	}
	if cert.Leaf, err = x509.ParseCertificate(cert.Certificate[0]); err != nil {
		return nil, cli.Usagef("cert %s: not a valid certificate: %s", certFile, strings.TrimPrefix(err.Error(), "x509: "))
	}
	inOne := keyFile == ""
	if inOne {
		keyFile = certFile
	}
	key, err := ReadKey(keyFile)
	if inOne && errors.Is(err, errNoKey) {
		return nil, cli.Usagef("%w; give the key's file with -key FILE.pem", err)
	}
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, cli.Usagef("key %s: a key for key agreement, which can't sign", keyFile)
	}
	if pub, ok := cert.Leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(signer.Public()) {
		return nil, cli.Usagef("key %s does not belong to the first certificate in %s (%s); the certificate of the key comes first, "+
			"its issuers' after it", keyFile, certFile, cert.Leaf.Subject)
	}
	cert.PrivateKey = signer
	return cert, nil
}

// ReadPool reads the certificates that an option such as -ca names.
func ReadPool(option, path string) (*x509.CertPool, error) {
	text, err := read(path, maxCertificateFile)
	if err != nil {
		return nil, cli.Usagef("-%s %s: %w", option, path, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, cli.Usagef("-%s %s: holds no certificate in PEM form", option, path)
	}
	return pool, nil
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
