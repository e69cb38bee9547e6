package hsmtest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // for the tables below
	_ "crypto/sha256"
	_ "crypto/sha512"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// Operation is an operation to try on keys of a kind.
type Operation struct {
	Kind Kind
	Name string // without the kind
	try  func(crypto.Signer) error
}

// String returns the kind and the name.
func (o Operation) String() string { return string(o.Kind) + " " + o.Name }

// Try does the operation with key, which has to be of the operation's kind, on random input, and
// checks the result by package crypto. It returns the error of key, or one that wraps [ErrWrong] if
// the result is wrong.
func (o Operation) Try(key crypto.Signer) error { return o.try(key) }

// ErrWrong is wrapped by the error for a key that has returned a wrong result and no error.
var ErrWrong = errors.New("wrong result")

// Operations returns all operations to try on keys of a kind. Their names differ.
func Operations(kind Kind) []Operation {
	var ops []Operation
	switch kind {
	case RSA2048, RSA3072:
		ops = slices.Concat(pkcs1(), pss(), pkcs1Decryption(), oaep())
	case Ed25519:
		ops = eddsa()
	default:
		ops = ecdsaOf()
	}
	for i := range ops {
		ops[i].Kind = kind
	}
	return ops
}

var hashes = []crypto.Hash{crypto.SHA1, crypto.SHA224, crypto.SHA256, crypto.SHA384, crypto.SHA512}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// wrong returns err as an error that wraps ErrWrong, and nil for nil.
func wrong(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrWrong, err)
}

func pkcs1() (ops []Operation) {
	for _, h := range append([]crypto.Hash{0}, hashes...) {
		name, size := "PKCS #1 v1.5 without a hash", 50
		if h != 0 {
			name, size = "PKCS #1 v1.5 "+h.String(), h.Size()
		}
		ops = append(ops, Operation{Name: name, try: func(key crypto.Signer) error {
			digest := random(size)
			sig, err := key.Sign(rand.Reader, digest, h)
			if err != nil {
				return err
			}
			return wrong(rsa.VerifyPKCS1v15(key.Public().(*rsa.PublicKey), h, digest, sig))
		}})
	}
	return ops
}

func pss() (ops []Operation) {
	add := func(h crypto.Hash, name string, salt int) {
		ops = append(ops, Operation{Name: "PSS " + h.String() + ", " + name, try: func(key crypto.Signer) error {
			digest := random(h.Size())
			sig, err := key.Sign(rand.Reader, digest, &rsa.PSSOptions{Hash: h, SaltLength: salt})
			if err != nil {
				return err
			}
			return wrong(rsa.VerifyPSS(key.Public().(*rsa.PublicKey), h, digest, sig, &rsa.PSSOptions{SaltLength: salt}))
		}})
	}
	for _, h := range hashes {
		add(h, "salt as the hash", rsa.PSSSaltLengthEqualsHash)
	}
	add(crypto.SHA256, "longest salt", rsa.PSSSaltLengthAuto)
	add(crypto.SHA256, "salt of 1 byte", 1)
	add(crypto.SHA256, "salt of 20 bytes", 20)
	return ops
}

// decrypt has key decrypt ciphertext, if it can.
func decrypt(key crypto.Signer, ciphertext []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	d, ok := key.(crypto.Decrypter)
	if !ok {
		return nil, fmt.Errorf("a key that does not decrypt: %T", key)
	}
	return d.Decrypt(rand.Reader, ciphertext, opts)
}

// opened is an Operation that encrypts a text of n bytes, has the key decrypt it, and compares.
func opened(name string, n int, opts crypto.DecrypterOpts, encrypt func(*rsa.PublicKey, []byte) ([]byte, error)) Operation {
	return Operation{Name: name, try: func(key crypto.Signer) error {
		text := random(n)
		c, err := encrypt(key.Public().(*rsa.PublicKey), text)
		if err != nil {
			return err
		}
		got, err := decrypt(key, c, opts)
		if err == nil && !bytes.Equal(got, text) {
			err = wrong(errors.New("not the text that was encrypted"))
		}
		return err
	}}
}

// broken returns a ciphertext whose text begins like that of neither padding: with 0 and 1.
func broken(pub *rsa.PublicKey) []byte {
	text := random(pub.Size())
	text[0], text[1] = 0, 1
	m := new(big.Int).SetBytes(text)
	return m.Exp(m, big.NewInt(int64(pub.E)), pub.N).FillBytes(text)
}

func pkcs1Decryption() []Operation {
	encrypt := func(pub *rsa.PublicKey, text []byte) ([]byte, error) {
		//lint:ignore SA1019 tokens decrypt it
		return rsa.EncryptPKCS1v15(rand.Reader, pub, text)
	}
	session := &rsa.PKCS1v15DecryptOptions{SessionKeyLen: 32} //lint:ignore SA1019 TLS 1.2 needs it
	return []Operation{
		opened("decryption PKCS #1 v1.5", 40, nil, encrypt),
		opened("decryption PKCS #1 v1.5, session key", session.SessionKeyLen, session, encrypt),
		// The token may refuse the ciphertext, or return a text that it makes up. An error that says
		// more than ErrDecryption would tell an attacker something.
		{Name: "decryption PKCS #1 v1.5, broken", try: func(key crypto.Signer) error {
			_, err := decrypt(key, broken(key.Public().(*rsa.PublicKey)), nil)
			if err == rsa.ErrDecryption {
				return nil
			}
			return err
		}},
		{Name: "decryption PKCS #1 v1.5, broken, session key", try: func(key crypto.Signer) error {
			got, err := decrypt(key, broken(key.Public().(*rsa.PublicKey)), session)
			if err == nil && len(got) != session.SessionKeyLen {
				err = wrong(fmt.Errorf("a session key of %d bytes", len(got)))
			}
			return err
		}},
	}
}

func oaep() (ops []Operation) {
	add := func(name string, opts *rsa.OAEPOptions) {
		ops = append(ops, opened("decryption OAEP "+name, 20, opts, func(pub *rsa.PublicKey, text []byte) ([]byte, error) {
			return rsa.EncryptOAEPWithOptions(rand.Reader, pub, text, opts)
		}))
	}
	for _, h := range hashes {
		add(h.String(), &rsa.OAEPOptions{Hash: h})
	}
	add("SHA-1, label", &rsa.OAEPOptions{Hash: crypto.SHA1, Label: []byte("label")})
	add("SHA-256, label", &rsa.OAEPOptions{Hash: crypto.SHA256, Label: []byte("label")})
	add("SHA-256, MGF1 with SHA-1", &rsa.OAEPOptions{Hash: crypto.SHA256, MGFHash: crypto.SHA1})
	return append(ops, Operation{Name: "decryption OAEP SHA-1, broken", try: func(key crypto.Signer) error {
		text, err := decrypt(key, broken(key.Public().(*rsa.PublicKey)), &rsa.OAEPOptions{Hash: crypto.SHA1})
		switch {
		case err == nil:
			return wrong(fmt.Errorf("a text of %d bytes and no error", len(text)))
		case errors.Is(err, rsa.ErrDecryption):
			return nil
		}
		return err
	}})
}

func ecdsaOf() (ops []Operation) {
	add := func(name string, digest int, opts crypto.SignerOpts) {
		ops = append(ops, Operation{Name: "ECDSA " + name, try: func(key crypto.Signer) error {
			digest := random(digest)
			sig, err := key.Sign(rand.Reader, digest, opts)
			if err != nil {
				return err
			}
			if !ecdsa.VerifyASN1(key.Public().(*ecdsa.PublicKey), digest, sig) {
				return wrong(errors.New("the signature does not verify"))
			}
			return nil
		}})
	}
	for _, h := range hashes {
		add(h.String(), h.Size(), h)
	}
	add("1 byte", 1, nil)
	return ops
}

func eddsa() (ops []Operation) {
	add := func(name string, message int, opts *ed25519.Options) {
		ops = append(ops, Operation{Name: name, try: func(key crypto.Signer) error {
			message := random(message)
			sig, err := key.Sign(rand.Reader, message, opts)
			if err != nil {
				return err
			}
			return wrong(ed25519.VerifyWithOptions(key.Public().(ed25519.PublicKey), message, sig, opts))
		}})
	}
	add("empty message", 0, &ed25519.Options{})
	add("100 bytes", 100, &ed25519.Options{})
	add("10,000 bytes", 10_000, &ed25519.Options{})
	add("ph", 64, &ed25519.Options{Hash: crypto.SHA512})
	add("ctx", 100, &ed25519.Options{Context: "context"})
	return ops
}
