package remote

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/fips140"
	"crypto/rsa"
	"errors"
	"fmt"

	"asynccrypto/engine"
	"asynccrypto/internal/rawecdsa"
	"asynccrypto/remote/internal/wire"
)

// maxMessage is the longest message that a node hashes for an RSA or an ECDSA key.
const maxMessage = 16 << 10

// ask is a request for a signature, with the form that the signature must have.
type ask struct {
	request wire.Request
	input   []byte // as in request, whose own is the pool's
	hashing crypto.Hash
	opts    crypto.SignerOpts // to verify by
	raw     bool              // ECDSA: the caller wants r||s
}

// ask returns the request for Sign, or for SignMessage if message is true. It finds the errors of
// input and options that need no private key.
func (k *key) ask(input []byte, message bool, opts crypto.SignerOpts) (ask, error) {
	a := ask{input: input, request: wire.Request{ID: 1, Op: wire.OpSign, Key: k.id, Message: message}}
	var err error
	switch pub := k.public.(type) {
	case *rsa.PublicKey:
		err = a.rsa(pub, opts)
	case *ecdsa.PublicKey:
		err = a.ecdsa(opts)
	case ed25519.PublicKey:
		err = a.ed25519(opts)
	default: // engine.Verifier has refused all others
		err = a.mldsa(opts)
	}
	if err != nil {
		return a, fmt.Errorf("remote: sign: %w", err)
	}
	a.request.Data = a.input
	if a.hashHere() {
		return a, nil // hash checks that there is such a hash
	}
	if err := a.request.Check(); err != nil {
		return a, fmt.Errorf("remote: sign: %w", err)
	}
	return a, nil
}

// setHash sets the hash of a signature with a digest, or of a message that is hashed.
func (a *ask) setHash(h crypto.Hash) error {
	known := false
	if a.request.Hash, known = wire.HashOf(h); !known {
		return fmt.Errorf("key servers do not know the hash %v", h)
	}
	a.hashing = h
	if a.request.Message && !h.Available() {
		return fmt.Errorf("the hash %v is not available; import its package", h)
	}
	return nil
}

func (a *ask) rsa(pub *rsa.PublicKey, opts crypto.SignerOpts) error {
	switch o := opts.(type) {
	case *rsa.PSSOptions:
		if o == nil {
			return errors.New("the *rsa.PSSOptions are nil")
		}
		return a.pss(pub, o)
	case nil, *engine.ECDSAOptions, *ed25519.Options:
		return errOptions("an RSA", opts, "a crypto.Hash or *rsa.PSSOptions")
	}
	a.request.Padding, a.opts = wire.PKCS1, opts.HashFunc()
	if opts.HashFunc() == 0 {
		a.request.Message = false // as crypto.SignMessage does
	}
	return a.setHash(opts.HashFunc())
}

func (a *ask) pss(pub *rsa.PublicKey, o *rsa.PSSOptions) error {
	h := o.HashFunc()
	if h == 0 {
		return errors.New("the *rsa.PSSOptions name no hash; set Hash")
	}
	if err := a.setHash(h); err != nil {
		return err
	}
	salt, most := o.SaltLength, (pub.N.BitLen()+6)/8-2-h.Size() // RFC 8017, section 9.1.1
	switch salt {
	case rsa.PSSSaltLengthEqualsHash:
		salt = h.Size()
	case rsa.PSSSaltLengthAuto:
		if salt = most; fips140.Enabled() {
			salt = min(salt, h.Size()) // FIPS 186-5, section 5.4 (g), as crypto/rsa does
		}
	}
	if salt <= 0 || salt > most {
		return fmt.Errorf("a salt of %d bytes does not fit into the signature of an RSA key of %d bits with %v", salt, pub.N.BitLen(), h)
	}
	a.request.Padding, a.request.Salt = wire.PSS, uint16(salt)
	a.opts = &rsa.PSSOptions{Hash: h, SaltLength: salt}
	return nil
}

func (a *ask) ecdsa(opts crypto.SignerOpts) error {
	h := crypto.Hash(0)
	switch o := opts.(type) {
	case *engine.ECDSAOptions:
		if o == nil {
			return errors.New("the *engine.ECDSAOptions are nil")
		}
		h, a.raw = o.Hash, o.Raw
	case *rsa.PSSOptions, *ed25519.Options:
		return errOptions("an ECDSA", opts, "a crypto.Hash or *engine.ECDSAOptions")
	case nil:
	default:
		h = opts.HashFunc()
	}
	if h == 0 {
		// crypto/ecdsa does not look at the hash, but key servers have rules for it.
		if h = hashBySize[len(a.input)]; h == 0 || a.request.Message {
			return errors.New("the options name no hash; use a crypto.Hash or *engine.ECDSAOptions")
		}
	}
	a.opts = h
	return a.setHash(h)
}

var hashBySize = map[int]crypto.Hash{20: crypto.SHA1, 28: crypto.SHA224, 32: crypto.SHA256, 48: crypto.SHA384, 64: crypto.SHA512}

func (a *ask) ed25519(opts crypto.SignerOpts) error {
	var o ed25519.Options
	switch given := opts.(type) {
	case nil, *engine.ECDSAOptions, *rsa.PSSOptions:
		return errOptions("an Ed25519", opts, "crypto.Hash(0), crypto.SHA512 or *ed25519.Options")
	case *ed25519.Options:
		if given == nil {
			return errors.New("the *ed25519.Options are nil")
		}
		o = *given
	default:
		o.Hash = given.HashFunc()
	}
	a.request.Context, a.opts = o.Context, &o
	switch o.Hash {
	case 0:
		a.request.Message = true
		return nil
	case crypto.SHA512:
		return a.setHash(o.Hash)
	}
	return fmt.Errorf("an Ed25519 key signs messages, or digests of SHA-512 (Ed25519ph), and not of %v", o.Hash)
}

// errOptions is the error of options that are nil or belong to a key of another kind. use names
// those that fit.
func errOptions(kind string, opts crypto.SignerOpts, use string) error {
	if opts == nil {
		return fmt.Errorf("%s key: the options are nil; use %s", kind, use)
	}
	return fmt.Errorf("%s key: options of type %T do not fit the key; use %s", kind, opts, use)
}

// hashHere reports whether the message is too long for a node to hash it.
func (a *ask) hashHere() bool {
	return a.request.Message && a.hashing != 0 && len(a.input) > maxMessage
}

// hash replaces the message by its digest.
func (a *ask) hash() {
	a.input = a.digest()
	a.request.Message, a.request.Data = false, a.input
}

// digest returns the input of VerifyOp: the digest, or the message if the key hashes it itself.
func (a *ask) digest() []byte {
	if !a.request.Message || a.hashing == 0 {
		return a.input
	}
	h := a.hashing.New()
	h.Write(a.input)
	return h.Sum(nil)
}

// verify returns nil if the signature is the one that was asked for. An ECDSA signature is as the node has
// made it: ASN.1.
func (a *ask) verify(pub crypto.PublicKey, signature []byte) error {
	op := engine.VerifyOp{Key: pub, Digest: a.digest(), Signature: signature, Opts: a.opts}
	return op.Run()
}

// form returns the signature in the form that the caller wants.
func (a *ask) form(pub crypto.PublicKey, signature []byte) ([]byte, error) {
	if !a.raw {
		return signature, nil
	}
	raw, ok := rawecdsa.FromASN1(pub.(*ecdsa.PublicKey).Curve, signature)
	if !ok {
		return nil, errors.New("remote: sign: the key server did not return an ECDSA signature in ASN.1")
	}
	return raw, nil
}
