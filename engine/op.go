package engine

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha512"
	"io"
)

// Op is an operation, with its input and its output. From Do on until it has ended it belongs to the engine; after Do
// has returned nil or the operation's own error, to the caller again.
type Op interface {
	// Run does the operation in the ordinary way, blocking. Handlers call it for operations they know nothing better
	// for.
	Run() error
}

// isNil reports whether there is no operation in op: no value at all, or a nil pointer of the types whose fields the engine
// looks at.
func isNil(op Op) bool {
	switch o := op.(type) {
	case nil:
		return true
	case *SignOp:
		return o == nil
	case *SignMessageOp:
		return o == nil
	case *DecryptOp:
		return o == nil
	case *ECDHOp:
		return o == nil
	}
	return false
}

// Wiper is an Op that holds secrets. The engine calls Wipe, once, for an operation that its caller abandoned or that ends
// in an error of the engine's, as soon as it has ended or is sure never to begin: nobody else will have the output.
type Wiper interface {
	Op
	Wipe()
}

// Func makes an operation of any blocking function: a key agreement, a call to an HSM or a key service, a password hash.
// What it captures belongs to the engine until Do returns, and longer if it was abandoned.
type Func func() error

// Run calls f.
func (f Func) Run() error { return f() }

// SignOp is what a signer submits for Sign.
type SignOp struct {
	Key    crypto.Signer
	Rand   io.Reader         // the caller's
	Digest []byte            // the engine's copy
	Opts   crypto.SignerOpts // a copy where it is one of the standard library's
	// Prepared is what the engine's Config.Prepare made of Key. It may be used until the request is completed.
	Prepared any
	// Signature is the result.
	Signature []byte

	state *keyState
}

// newSignOp returns an operation with a copy of digest. One allocation does for both: a second is as much as the clock
// that each operation reads.
func newSignOp(digest []byte) *SignOp {
	if digest == nil || len(digest) > sha512.Size {
		return &SignOp{Digest: bytes.Clone(digest)} // Ed25519's is the message itself
	}
	o := new(struct {
		SignOp
		digest [sha512.Size]byte
	})
	o.Digest = o.digest[:copy(o.digest[:], digest)]
	return &o.SignOp
}

// Run signs with Key.
func (o *SignOp) Run() (err error) {
	o.Signature, err = o.Key.Sign(o.Rand, o.Digest, o.Opts)
	return err
}

// Wipe forgets the digest and the signature.
func (o *SignOp) Wipe() { clear(o.Digest); clear(o.Signature) }

// SignMessageOp is what a signer submits for SignMessage. It is a type of its own because a message that is signed as if
// it were a digest gives a signature that nobody accepts.
type SignMessageOp struct {
	Key     crypto.MessageSigner
	Rand    io.Reader         // the caller's
	Message []byte            // the engine's copy
	Opts    crypto.SignerOpts // a copy where it is one of the standard library's
	// Signature is the result.
	Signature []byte
}

// Run signs with Key.
func (o *SignMessageOp) Run() (err error) {
	o.Signature, err = o.Key.SignMessage(o.Rand, o.Message, o.Opts)
	return err
}

// Wipe forgets the message and the signature.
func (o *SignMessageOp) Wipe() { clear(o.Message); clear(o.Signature) }

// cloneSignerOpts copies what a caller might change while an abandoned operation still reads it.
func cloneSignerOpts(opts crypto.SignerOpts) crypto.SignerOpts {
	switch o := opts.(type) {
	case *rsa.PSSOptions:
		if o != nil {
			return new(*o)
		}
	case *ed25519.Options:
		if o != nil {
			return new(*o)
		}
	}
	return opts
}

// DecryptOp is what a decrypter submits.
type DecryptOp struct {
	Key        crypto.Decrypter
	Rand       io.Reader            // the caller's
	Ciphertext []byte               // the engine's copy
	Opts       crypto.DecrypterOpts // a copy where it is one of the standard library's
	// Plaintext is the result.
	Plaintext []byte
}

// Run decrypts with Key.
func (o *DecryptOp) Run() (err error) {
	o.Plaintext, err = o.Key.Decrypt(o.Rand, o.Ciphertext, o.Opts)
	return err
}

// Wipe forgets the plaintext.
func (o *DecryptOp) Wipe() { clear(o.Plaintext) }

func newDecryptOp(key crypto.Decrypter, rand io.Reader, ciphertext []byte, opts crypto.DecrypterOpts) *DecryptOp {
	switch o := opts.(type) {
	case *rsa.OAEPOptions:
		if o != nil {
			c := *o
			c.Label = bytes.Clone(o.Label)
			opts = &c
		}
	case *rsa.PKCS1v15DecryptOptions: //lint:ignore SA1019 keys take it, so it is copied like the others
		if o != nil {
			opts = new(*o)
		}
	}
	return &DecryptOp{Key: key, Rand: rand, Ciphertext: bytes.Clone(ciphertext), Opts: opts}
}

// ECDHOp is a key agreement, for Do.
type ECDHOp struct {
	Key  *ecdh.PrivateKey
	Peer *ecdh.PublicKey
	// Secret is the result.
	Secret []byte
}

// Run computes the shared secret.
func (o *ECDHOp) Run() (err error) {
	o.Secret, err = o.Key.ECDH(o.Peer)
	return err
}

// Wipe forgets the shared secret.
func (o *ECDHOp) Wipe() { clear(o.Secret) }
