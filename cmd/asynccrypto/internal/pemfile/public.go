package pemfile

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"asynccrypto/cmd/asynccrypto/internal/cli"
)

// ReadPublicKey reads a public key: PKIX ("openssl pkey -pubout"), PKCS #1 (RSA), or that of a
// certificate or of an unencrypted private key. The certificate itself is not checked.
func ReadPublicKey(path string) (crypto.PublicKey, error) {
	text, err := cli.ReadFile(path, maxKeyFile)
	if err == nil {
		var key crypto.PublicKey
		if key, err = parsePublicKey(text); err == nil {
			return key, nil
		}
	}
	return nil, keyError(path, err)
}

// parsePublicKey returns the first public key in text. A file without one may hold a private key.
func parsePublicKey(text []byte) (crypto.PublicKey, error) {
	found, err := blocks(text)
	if err != nil {
		return nil, err
	}
	for _, block := range found {
		switch block.Type {
		case "PUBLIC KEY":
			return validPublic(x509.ParsePKIXPublicKey(block.Bytes))
		case "RSA PUBLIC KEY":
			return validPublic(x509.ParsePKCS1PublicKey(block.Bytes))
		case "CERTIFICATE":
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("not a valid certificate: %s", strings.TrimPrefix(err.Error(), "x509: "))
			}
			if cert.PublicKey == nil {
				return nil, errors.New("a certificate for a key of a kind that Go can't use, such as RSA-PSS or Ed448")
			}
			return cert.PublicKey, nil
		}
	}
	private, err := parseKey(text)
	if key, ok := private.(interface{ Public() crypto.PublicKey }); ok {
		return key.Public(), nil
	}
	if errors.Is(err, ErrNoKey) || len(found) == 0 {
		return nil, errors.New("not a public key in PEM form, which starts with -----BEGIN PUBLIC KEY-----")
	}
	return nil, err
}

func validPublic(key crypto.PublicKey, err error) (crypto.PublicKey, error) {
	switch {
	case err == nil:
		return key, nil
	case strings.Contains(err.Error(), rsaPSS) || strings.Contains(err.Error(), "unknown public key algorithm"):
		return nil, errors.New("a public key of a kind that Go can't use, such as RSA-PSS or Ed448; use an RSA or ECDSA key")
	}
	return nil, fmt.Errorf("not a valid public key: %s", strings.TrimPrefix(err.Error(), "x509: "))
}
