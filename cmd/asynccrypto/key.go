package main

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// maxKeyFile is far more than a key needs; a file that was not meant is not read to its end.
const maxKeyFile = 1 << 20

// readKey reads a private key from a PEM file: PKCS #8, PKCS #1 (RSA) or SEC 1 (elliptic curves). The error is a
// usageError that says what the file holds instead, and what to do about it.
func readKey(path string) (any, error) {
	key, err := openKey(path)
	if err != nil {
		return nil, usagef("key %s: %w", path, err)
	}
	return key, nil
}

func openKey(path string) (any, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, cause(err)
	}
	if len(text) > maxKeyFile {
		return nil, errors.New("too large to be a key")
	}
	return parseKey(text)
}

// cause drops the operation and the path, which the message names already, from a file's error.
func cause(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	if l, ok := errors.AsType[*os.LinkError](err); ok {
		return l.Err
	}
	return err
}

// parseKey takes the first private key. There may be other things before it, such as the EC PARAMETERS that "openssl
// ecparam -genkey" writes, or a certificate.
func parseKey(text []byte) (any, error) {
	var others []string
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return nil, errors.New("encrypted; decrypt it first with: openssl pkey -in FILE -out PLAIN.pem")
		}
		switch block.Type {
		case "PRIVATE KEY":
			return usable(x509.ParsePKCS8PrivateKey(block.Bytes))
		case "RSA PRIVATE KEY":
			return usable(x509.ParsePKCS1PrivateKey(block.Bytes))
		case "EC PRIVATE KEY":
			return usable(x509.ParseECPrivateKey(block.Bytes))
		case "OPENSSH PRIVATE KEY":
			return nil, errors.New("in OpenSSH's own format; convert a copy with: ssh-keygen -p -m PKCS8 -f COPY")
		}
		others = append(others, block.Type)
	}
	if others != nil {
		return nil, fmt.Errorf("holds no private key, but %s", strings.Join(others, ", "))
	}
	return nil, errors.New("not a private key in PEM form, which starts with -----BEGIN PRIVATE KEY-----")
}

func usable(key any, err error) (any, error) {
	if err != nil {
		return nil, fmt.Errorf("not a valid private key: %s", strings.TrimPrefix(err.Error(), "x509: "))
	}
	return key, nil
}

// keyAlgorithm returns openssl's name for what key does, as in "openssl speed"; it is empty for a key that this command
// has no use for.
func keyAlgorithm(key any) string {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return fmt.Sprintf("rsa%d", k.N.BitLen())
	case *ecdsa.PrivateKey:
		return fmt.Sprintf("ecdsap%d", k.Curve.Params().BitSize)
	case ed25519.PrivateKey:
		return "ed25519"
	case *ecdh.PrivateKey:
		if k.Curve() == ecdh.X25519() {
			return "ecdhx25519"
		}
	}
	return ""
}
