// Package pemfile reads private keys and certificates from PEM files, as openssl writes them. Its
// errors are usage errors of package cli. They name the file, describe its actual content, and end
// in a hint.
package pemfile

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"asynccrypto/cmd/asynccrypto/internal/cli"
)

// The most that is read of a file. A wrong file may be larger than memory.
const (
	maxKeyFile         = 1 << 20
	maxCertificateFile = 16 << 20 // more than the roots of any system
)

// ReadKey reads a private key: PKCS #8, PKCS #1 (RSA) or SEC 1 (elliptic curves), not encrypted.
func ReadKey(path string) (any, error) {
	text, err := read(path, maxKeyFile)
	if err == nil {
		var key any
		if key, err = parseKey(text); err == nil {
			return key, nil
		}
	}
	return nil, cli.Usagef("key %s: %w", path, err)
}

var errNoKey = errors.New("holds no private key")

// parseKey returns the first private key in text. Other blocks may come before it: a certificate,
// or the EC PARAMETERS that "openssl ecparam -genkey" writes.
func parseKey(text []byte) (any, error) {
	found, err := blocks(text)
	if err != nil {
		return nil, err
	}
	var others []string
	for _, block := range found {
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return nil, errors.New("encrypted; decrypt it first with: openssl pkey -in FILE -out PLAIN.pem")
		}
		switch block.Type {
		case "PRIVATE KEY":
			return valid(x509.ParsePKCS8PrivateKey(block.Bytes))
		case "RSA PRIVATE KEY":
			return valid(x509.ParsePKCS1PrivateKey(block.Bytes))
		case "EC PRIVATE KEY":
			return valid(x509.ParseECPrivateKey(block.Bytes))
		case "OPENSSH PRIVATE KEY":
			return nil, errors.New("in OpenSSH's own format; convert a copy with: ssh-keygen -p -m PKCS8 -f COPY")
		}
		others = append(others, block.Type)
	}
	if others != nil {
		return nil, fmt.Errorf("%w, but %s", errNoKey, strings.Join(others, ", "))
	}
	return nil, errors.New("not a private key in PEM form, which starts with -----BEGIN PRIVATE KEY-----")
}

// rsaPSS is the object identifier of keys that are for RSA-PSS only (RFC 4055, section 3.1). The
// error of crypto/x509 ends in it.
const rsaPSS = "1.2.840.113549.1.1.10"

func valid(key any, err error) (any, error) {
	if err != nil {
		if strings.Contains(err.Error(), rsaPSS) {
			return nil, errors.New("an RSA-PSS key, which Go's TLS can't use; an RSA key signs with PSS too, make one with: " +
				"openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048")
		}
		return nil, fmt.Errorf("not a valid private key: %s", strings.TrimPrefix(err.Error(), "x509: "))
	}
	return key, nil
}

// read returns the content of a file that has at most limit bytes.
func read(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, cli.Cause(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, cli.Cause(err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("larger than %d MB", limit>>20)
	}
	return text, nil
}
