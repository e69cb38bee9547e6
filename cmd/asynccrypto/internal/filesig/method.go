package filesig

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"asynccrypto/cmd/asynccrypto/internal/cli"
)

// Method is how the files of a [Batch] are signed: a digest of the file, and the options that go
// with it to the key.
type Method struct {
	Opts    crypto.SignerOpts
	newHash func() digester
	jobs    int // the most files that are in work at once
}

// digester is the part of [hash.Hash] that a digest needs. Sum is called once.
type digester interface {
	io.Writer
	Sum([]byte) []byte
}

// maxJobs is how many files are in work at once. Each has a job, which costs a few KB.
const maxJobs = 1024

var hashes = map[string]crypto.Hash{"sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512}

// HashNames are the names that [HashNamed] knows, for the help of an option.
const HashNames = "sha256, sha384 or sha512"

// HashNamed returns the hash of a name, or a usage error.
func HashNamed(name string) (crypto.Hash, error) {
	hash, ok := hashes[strings.ToLower(name)]
	if !ok {
		return 0, cli.Usagef("unknown hash %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(hashes)), ", "))
	}
	return hash, nil
}

// newMethod returns the method of an RSA or ECDSA key. pss is nil for PKCS #1 v1.5. An error says
// why keys like public sign no files; the caller puts the name of the key's file before it.
func newMethod(public crypto.PublicKey, hash crypto.Hash, pss *rsa.PSSOptions) (Method, error) {
	m := Method{hash, func() digester { return hash.New() }, maxJobs}
	switch public.(type) {
	case *rsa.PublicKey:
		if pss != nil {
			m.Opts = pss
		}
		return m, nil
	case *ecdsa.PublicKey:
		return m, notRSA("an ECDSA key", pss)
	case ed25519.PublicKey:
		return m, errors.New("an Ed25519 key, which signs no digest: it needs each file in memory as a whole, " +
			"and \"openssl dgst\" can't verify it; use an RSA or ECDSA key")
	case *ecdh.PublicKey, *ecdh.PrivateKey:
		return m, errors.New("a key for key agreement, which can't sign; use an RSA or ECDSA key")
	}
	return m, fmt.Errorf("a key of a kind (%T) that can't sign files; use an RSA or ECDSA key", public)
}

// notRSA returns an error if there are options that only RSA has.
func notRSA(kind string, pss *rsa.PSSOptions) error {
	if pss != nil {
		return fmt.Errorf("%s; -pss is for RSA", kind)
	}
	return nil
}

// SigningMethod returns the method to sign with a private key. usePSS selects PSS, with a salt as
// long as the hash, for an RSA key.
func SigningMethod(key any, hash crypto.Hash, usePSS bool) (Method, error) {
	var pss *rsa.PSSOptions
	if usePSS {
		pss = &rsa.PSSOptions{Hash: hash, SaltLength: rsa.PSSSaltLengthEqualsHash}
	}
	if m, ok := mldsaSigning(key); ok {
		return m, notRSA("an ML-DSA key", pss)
	}
	if signer, ok := key.(crypto.Signer); ok {
		key = signer.Public()
	}
	return newMethod(key, hash, pss)
}

// VerifyingMethod returns the method to verify with a public key. usePSS selects PSS, with a salt
// of any length, for an RSA key.
func VerifyingMethod(key crypto.PublicKey, hash crypto.Hash, usePSS bool) (Method, error) {
	var pss *rsa.PSSOptions
	if usePSS {
		pss = &rsa.PSSOptions{Hash: hash, SaltLength: rsa.PSSSaltLengthAuto}
	}
	if isMLDSA(key) {
		return Method{crypto.Hash(0), func() digester { return new(whole) }, maxWholeJobs}, notRSA("an ML-DSA key", pss)
	}
	return newMethod(key, hash, pss)
}

// A file that a key signs as a whole is in memory as a whole, twice while the engine works. The
// two constants bound that to 1 GB.
const (
	maxWhole     = 64 << 20
	maxWholeJobs = 8
)

// whole is the digester of a key that verifies the file itself: it keeps the file.
type whole []byte

func (w *whole) Write(p []byte) (int, error) {
	if len(*w)+len(p) > maxWhole {
		return 0, fmt.Errorf("larger than %d MB, and Go verifies ML-DSA in memory only; use openssl pkeyutl -verify -rawin", maxWhole>>20)
	}
	*w = append(*w, p...)
	return len(p), nil
}

func (w *whole) Sum(b []byte) []byte { return append(b, *w...) }
