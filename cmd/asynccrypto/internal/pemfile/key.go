// Package pemfile reads private keys and certificates from PEM files, as openssl writes them. Its
// errors are usage errors of package cli. They name the file, describe its actual content, and end
// in a hint.
package pemfile

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
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
	text, err := cli.ReadFile(path, maxKeyFile)
	if err == nil {
		var key any
		if key, err = parseKey(text); err == nil {
			return key, nil
		}
	}
	return nil, keyError(path, err)
}

// Exposed reports whether a file may be read by every user of this machine. Groups do not count: a
// server may get its keys by one. Windows has no such permissions.
func Exposed(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o004 != 0 && runtime.GOOS != "windows"
}

// keyError returns the error for a file that holds no key. It shows the name of the file, unless
// that may be a URI, which may hold a PIN.
func keyError(path string, err error) error {
	if _, missing := os.Stat(path); missing != nil {
		if why := NoKeyURI(path); why != "" {
			return cli.Usagef("key: no such file, and %s", why)
		}
	}
	return cli.Usagef("key %s: %w", path, err)
}

// NoKeyURI returns the reason why a value that looks like a URI does not name a key in a file, or an
// empty text if it does not look like one. It shows the scheme only, as the rest may hold a PIN.
func NoKeyURI(value string) string {
	scheme, _, ok := strings.Cut(value, ":")
	other := func(r rune) bool { // than in a scheme (RFC 3986, section 3.1)
		return !('a' <= r|0x20 && r|0x20 <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune("+-.", r))
	}
	switch isScheme := ok && len(scheme) > 1 && !strings.ContainsFunc(scheme, other); { // one letter is a drive
	case isScheme && strings.EqualFold(scheme, "pkcs11"):
		return "a key on a token, which pkcs11: names, is of no use here"
	case isScheme && strings.EqualFold(scheme, "keyserver"):
		return "a key on a key server, which keyserver: names, is of no use here"
	case isScheme:
		return fmt.Sprintf("%s: is not the scheme of a key: the URI of a key on a token begins with pkcs11:, and that of a key on a key "+
			"server with keyserver:", scheme)
	case strings.Contains(value, "pin-") || strings.ContainsAny(value, "?;"):
		return "the URI of a key on a token begins with pkcs11:"
	}
	return ""
}

// ErrNoKey is in the error for a file that has PEM blocks, and no private key among them.
var ErrNoKey = errors.New("holds no private key")

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
	if slices.Contains(others, "ASYNCCRYPTO KEY") {
		return nil, fmt.Errorf("%w, but the handle of a key on a key server; give the keyserver: URI of that key", ErrNoKey)
	}
	if others != nil {
		return nil, fmt.Errorf("%w, but %s", ErrNoKey, strings.Join(others, ", "))
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
