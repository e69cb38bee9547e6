package keyserver

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
)

// handleType is the type of a handle's PEM block, and handleVersion the first field of its
// contents.
const (
	handleType    = "ASYNCCRYPTO KEY"
	handleVersion = "asynccrypto key 1"
)

// handle is the contents of the PEM block, in DER:
//
//	SEQUENCE { UTF8String "asynccrypto key 1", SubjectPublicKeyInfo }
type handle struct {
	Version   string `asn1:"utf8"`
	PublicKey asn1.RawValue
}

// Handle returns the handle of a key whose private part is in a key server: a PEM block of the type
// ASYNCCRYPTO KEY. A handle is no secret. It can take the place of the key's file in a program
// that knows handles: the program then asks its key server for signatures of that key. The error
// says that pub is not of a type that [x509.MarshalPKIXPublicKey] takes.
func Handle(pub crypto.PublicKey) ([]byte, error) {
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("keyserver: handle: %w", err)
	}
	der, err := asn1.Marshal(handle{handleVersion, asn1.RawValue{FullBytes: spki}})
	if err != nil {
		return nil, fmt.Errorf("keyserver: handle: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: handleType, Bytes: der}), nil
}

// ErrNoHandle is the error of [ParseHandle] for a text that has no PEM block of a handle, such as a
// file with a private key.
var ErrNoHandle = errors.New("keyserver: no PEM block of the type " + handleType)

// ParseHandle returns the public key of the first handle in text, which may have other PEM blocks,
// such as certificates. The error is [ErrNoHandle], or says why the handle is malformed.
func ParseHandle(text []byte) (crypto.PublicKey, error) {
	for {
		var block *pem.Block
		block, text = pem.Decode(text)
		if block == nil {
			return nil, ErrNoHandle
		}
		if block.Type == handleType {
			return parseHandle(block.Bytes)
		}
	}
}

func parseHandle(der []byte) (crypto.PublicKey, error) {
	var h handle
	rest, err := asn1.Unmarshal(der, &h)
	switch {
	case err != nil:
		return nil, fmt.Errorf("keyserver: malformed handle: %w", err)
	case len(rest) > 0:
		return nil, errors.New("keyserver: malformed handle: bytes after its end")
	case h.Version != handleVersion:
		return nil, fmt.Errorf("keyserver: a handle of the unknown version %q", h.Version)
	}
	pub, err := x509.ParsePKIXPublicKey(h.PublicKey.FullBytes)
	if err != nil {
		return nil, fmt.Errorf("keyserver: malformed handle: %w", err)
	}
	return pub, nil
}
