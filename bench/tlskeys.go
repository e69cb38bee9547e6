package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"time"
)

// tlsKey is a server's key and its certificate, by itself, as PEM.
type tlsKey struct {
	Cert []byte `json:"cert"`
	Key  []byte `json:"key"`
}

// tlsKeys are the two that all servers use.
type tlsKeys struct {
	rsa2048, p256 tlsKey
}

func newTLSKeys() (keys tlsKeys, err error) {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return keys, err
	}
	if keys.rsa2048, err = selfSigned(r); err != nil {
		return keys, err
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return keys, err
	}
	keys.p256, err = selfSigned(e)
	return keys, err
}

func selfSigned(key crypto.Signer) (k tlsKey, err error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "localhost"},
		DNSNames:     []string{"localhost"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return k, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return k, err
	}
	k.Cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	k.Key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return k, nil
}
