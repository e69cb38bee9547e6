package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
	"asynccrypto/internal/publickey"
)

// kinds are the types of key that each library is given, one column of the table each.
var kinds = []string{"RSA", "P-256", "Ed25519"}

// plainKeys returns a key of each kind.
var plainKeys = sync.OnceValues(func() (map[string]crypto.Signer, error) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return map[string]crypto.Signer{"RSA": rsaKey, "P-256": p256, "Ed25519": ed}, nil
})

// log collects the options that libraries give to a key.
type log struct {
	mu    sync.Mutex
	asked []string
	signs int // calls of Sign
}

func (l *log) add(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.asked, s) {
		l.asked = append(l.asked, s)
	}
}

// spy is a wrapped key that logs its calls. If wrong is set, its signatures are invalid.
type spy struct {
	engine.Signer
	log   *log
	wrong bool
}

// Sign implements crypto.Signer.
func (s *spy) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	s.log.add(describe(s.Public(), opts))
	s.log.mu.Lock()
	s.log.signs++
	s.log.mu.Unlock()
	sig, err := s.Signer.Sign(rand, digest, opts)
	if err == nil && s.wrong {
		sig[len(sig)-1] ^= 1
	}
	return sig, err
}

// WithContext implements engine.Signer.
func (s *spy) WithContext(ctx context.Context) crypto.Signer {
	return newSpy(s.Signer.WithContext(ctx).(engine.Signer), s.log, s.wrong)
}

// decryptingSpy is a spy whose key decrypts.
type decryptingSpy struct{ *spy }

// Decrypt implements crypto.Decrypter.
func (s decryptingSpy) Decrypt(rand io.Reader, msg []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	s.log.add("a decryption")
	return s.Signer.(crypto.Decrypter).Decrypt(rand, msg, opts)
}

func newSpy(key engine.Signer, log *log, wrong bool) crypto.Signer {
	s := &spy{key, log, wrong}
	if _, ok := key.(crypto.Decrypter); ok {
		return decryptingSpy{s}
	}
	return s
}

// wrap wraps the key of a kind and returns it as a spy, with a function that closes it.
func wrap(kind string, log *log, wrong bool) (crypto.Signer, func() error, error) {
	keys, err := plainKeys()
	if err != nil {
		return nil, nil, err
	}
	key, err := multibuffer.Signer(keys[kind])
	if err != nil {
		return nil, nil, err
	}
	return newSpy(key, log, wrong), key.Close, nil
}

// describe puts the options of a call of Sign into words.
func describe(pub crypto.PublicKey, opts crypto.SignerOpts) string {
	switch o := opts.(type) {
	case nil:
		return "nil options"
	case *rsa.PSSOptions:
		salt := fmt.Sprintf("a salt of %d", o.SaltLength)
		switch o.SaltLength {
		case rsa.PSSSaltLengthAuto:
			salt = "the longest salt that fits"
		case rsa.PSSSaltLengthEqualsHash:
			salt = "a salt of its length"
		}
		return "PSS " + o.Hash.String() + " with " + salt
	case *engine.ECDSAOptions:
		if o.Raw {
			return o.Hash.String() + " in the form r‖s"
		}
	}
	h := opts.HashFunc()
	switch pub.(type) {
	case *rsa.PublicKey:
		return "PKCS #1 v1.5 " + h.String()
	case ed25519.PublicKey:
		if h == 0 {
			return "the message"
		}
	}
	return h.String()
}

// certificate returns a certificate for the public key of key. Package x509 signs it with the plain
// key, because the library under test is another one.
func certificate(key crypto.Signer) (*x509.Certificate, error) {
	keys, err := plainKeys()
	if err != nil {
		return nil, err
	}
	for _, plain := range keys {
		if publickey.Equal(plain.Public(), key.Public()) {
			der, err := x509.CreateCertificate(rand.Reader, template(), template(), plain.Public(), plain)
			if err != nil {
				return nil, err
			}
			return x509.ParseCertificate(der)
		}
	}
	return nil, fmt.Errorf("the key is none of %s", strings.Join(kinds, ", "))
}

func template() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "host"},
		DNSNames:              []string{"host"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA:                  true,
		BasicConstraintsValid: true,
		SubjectKeyId:          []byte{1},
	}
}
