package hsmtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
)

// Kind is a type and size of key. Its value is its name.
type Kind string

// The kinds of keys that the engine uses.
const (
	RSA2048 Kind = "RSA-2048"
	RSA3072 Kind = "RSA-3072"
	P224    Kind = "P-224"
	P256    Kind = "P-256"
	P384    Kind = "P-384"
	P521    Kind = "P-521"
	Ed25519 Kind = "Ed25519"
)

// Kinds are all kinds.
var Kinds = []Kind{RSA2048, RSA3072, P224, P256, P384, P521, Ed25519}

var curves = map[Kind]elliptic.Curve{P224: elliptic.P224(), P256: elliptic.P256(), P384: elliptic.P384(), P521: elliptic.P521()}

// NewKey makes a key in this process, for [Module.Import].
func NewKey(t T, kind Kind) crypto.Signer {
	t.Helper()
	var (
		key crypto.Signer
		err error
	)
	switch kind {
	case RSA2048:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case RSA3072:
		key, err = rsa.GenerateKey(rand.Reader, 3072)
	case Ed25519:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		key, err = ecdsa.GenerateKey(curves[kind], rand.Reader)
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	return key
}

// file is a key for a program that reads one from a file.
type file struct {
	der, pem []byte // PKCS #8
	public   []byte // SubjectPublicKeyInfo, DER
	rsa      bool
}

func newFile(t T, key crypto.Signer) file {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatalf("%v", err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatalf("%v", err)
	}
	_, isRSA := key.(*rsa.PrivateKey)
	return file{der, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), public, isRSA}
}

// Import puts a key, and its public key, into the token.
func (m *Module) Import(t T, label string, key crypto.Signer) {
	t.Helper()
	m.importKey(t, label, id(label), newFile(t, key))
}

// Generate has the token make a key of P-256, with flags of pkcs11-tool. NSS's token cannot.
func (m *Module) Generate(t T, label string, flags ...string) {
	t.Helper()
	run(t, Program(t, "pkcs11-tool", "opensc"), append([]string{"--module", m.Path, "--token-label", m.Label, "--login", "--pin", m.PIN,
		"--keypairgen", "--key-type", "EC:prime256v1", "--usage-sign", "--label", label, "--id", id(label)}, flags...)...)
}

// Fill imports a new key of each kind that the token takes, whose label is the kind, and returns
// the keys.
func (m *Module) Fill(t T) map[Kind]crypto.Signer {
	t.Helper()
	keys := make(map[Kind]crypto.Signer)
	for _, kind := range m.Kinds {
		keys[kind] = NewKey(t, kind)
		m.Import(t, string(kind), keys[kind])
	}
	return keys
}
