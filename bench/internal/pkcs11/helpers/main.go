// Command helpers is the process of the sides of the benchmark pkcs11 that reach the module of the
// token through helper processes or a server. The benchmark builds it, without cgo.
package main

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"

	"asynccrypto/bench/internal/pkcs11/side"
	"asynccrypto/engine/fallback"
	"asynccrypto/engine/pkcs11"
)

func main() { side.Main(side.Ways{"helpers": openHelpers}) }

// openHelpers opens the key through helper processes, or a server, and puts it into a chain before
// the key in the process if there is one.
func openHelpers(t side.Token) (*side.Key, error) {
	token, err := pkcs11.Open(t.URI, pkcs11.Options{Sessions: t.Sessions})
	if err != nil {
		return nil, err
	}
	signer, err := token.Signer("")
	if err != nil {
		return nil, errors.Join(err, token.Close())
	}
	if t.Fallback == nil {
		return &side.Key{Signer: signer, Close: token.Close}, nil
	}
	chain, err := newChain(signer, t)
	if err != nil {
		return nil, errors.Join(err, token.Close())
	}
	return &side.Key{
		Signer: chain,
		Works:  func() bool { return chain.Stats()[0].State == fallback.Closed },
		Close:  func() error { return errors.Join(chain.Close(), token.Close()) },
	}, nil
}

func newChain(signer crypto.Signer, t side.Token) (fallback.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(t.Fallback)
	if err != nil {
		return nil, err
	}
	soft, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a %T does not sign", key)
	}
	return fallback.New(fallback.Options{},
		fallback.Member{Name: "token", Signer: signer, Timeout: t.Timeout},
		fallback.Member{Name: "file", Signer: soft})
}
