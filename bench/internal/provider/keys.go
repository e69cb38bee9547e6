package provider

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"

	"asynccrypto/bench/internal/programs"
	"asynccrypto/remote/keyserver"
)

// key is a server's key, as openssl names it.
type key struct {
	name   string
	plain  programs.Key // in the server
	handle programs.Key // the same certificate, and a handle in the key's place
	pkcs8  []byte       // for the key server
}

var keyNames = []string{"rsa2048", "rsa3072", "rsa4096", "ecdsap256"}

func newKeys() (map[string]*key, error) {
	keys := map[string]*key{}
	for i, make := range []func() (crypto.Signer, error){
		func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) },
		func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 3072) },
		func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 4096) },
		func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) },
	} {
		k, err := newKey(keyNames[i], make)
		if err != nil {
			return nil, err
		}
		keys[k.name] = k
	}
	return keys, nil
}

func newKey(name string, make func() (crypto.Signer, error)) (*key, error) {
	private, err := make()
	if err != nil {
		return nil, err
	}
	k := &key{name: name}
	if k.plain, err = programs.SelfSigned(private); err != nil {
		return nil, err
	}
	k.handle.Cert = k.plain.Cert
	if k.handle.Key, err = keyserver.Handle(private.Public()); err != nil {
		return nil, err
	}
	block, _ := pem.Decode(k.plain.Key)
	k.pkcs8 = block.Bytes
	return k, nil
}

// signer parses the key, for the key server.
func signer(pkcs8 []byte) (crypto.Signer, error) {
	private, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return nil, err
	}
	return private.(crypto.Signer), nil
}
