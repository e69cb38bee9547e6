package main

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// algorithm is something that speed measures, by openssl's name.
type algorithm struct {
	name     string
	generate func() (any, error)
}

var algorithms = []algorithm{
	{"rsa2048", generateRSA(2048)},
	{"rsa3072", generateRSA(3072)},
	{"rsa4096", generateRSA(4096)},
	{"ecdsap256", func() (any, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }},
	{"ecdsap384", func() (any, error) { return ecdsa.GenerateKey(elliptic.P384(), rand.Reader) }},
	{"ed25519", func() (any, error) { _, key, err := ed25519.GenerateKey(rand.Reader); return key, err }},
	{"ecdhx25519", func() (any, error) { return ecdh.X25519().GenerateKey(rand.Reader) }},
}

func generateRSA(bits int) func() (any, error) {
	return func() (any, error) { return rsa.GenerateKey(rand.Reader, bits) }
}

func algorithmNames() string {
	var names []string
	for _, a := range algorithms {
		names = append(names, a.name)
	}
	return strings.Join(names, " ")
}

// chooseAlgorithms returns the algorithms of these names, each once, in the order of the list; all if there are none.
func chooseAlgorithms(names []string) ([]algorithm, error) {
	for _, name := range names {
		if !slices.ContainsFunc(algorithms, func(a algorithm) bool { return a.name == name }) {
			return nil, usagef("unknown algorithm %q; there are %s", name, algorithmNames())
		}
	}
	var chosen []algorithm
	for _, a := range algorithms {
		if len(names) == 0 || slices.Contains(names, a.name) {
			chosen = append(chosen, a)
		}
	}
	return chosen, nil
}

// generateKeys makes the operations of fresh keys for the algorithms, at the same time: a large RSA key may take seconds.
func generateKeys(chosen []algorithm) ([]*operation, error) {
	ops := make([][]*operation, len(chosen))
	errs := make([]error, len(chosen))
	var all sync.WaitGroup
	for i, a := range chosen {
		all.Go(func() {
			var key any
			if key, errs[i] = a.generate(); errs[i] == nil {
				ops[i], errs[i] = operationsOf(key)
			}
		})
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("%s: no key: %w", chosen[i].name, err)
		}
	}
	return slices.Concat(ops...), nil
}

// operationsOf returns what is measured of a key.
func operationsOf(key any) ([]*operation, error) {
	name := keyAlgorithm(key)
	switch k := key.(type) {
	case *rsa.PrivateKey:
		decrypt, err := decryptOperation(name, k)
		if err != nil {
			return nil, err
		}
		return []*operation{signOperation(name, k, crypto.SHA256), decrypt}, nil
	case *ecdsa.PrivateKey:
		hash := crypto.SHA256
		switch bits := k.Curve.Params().BitSize; { // as strong as the curve
		case bits > 384:
			hash = crypto.SHA512
		case bits > 256:
			hash = crypto.SHA384
		}
		return []*operation{signOperation(name, k, hash)}, nil
	case ed25519.PrivateKey:
		return []*operation{signOperation(name, k, crypto.Hash(0))}, nil
	case *ecdh.PrivateKey:
		if name != "" {
			derive, err := deriveOperation(name, k)
			return []*operation{derive}, err
		}
	}
	return nil, fmt.Errorf("a key of a kind (%T) that is not measured; there are RSA, ECDSA, Ed25519 and X25519", key)
}
