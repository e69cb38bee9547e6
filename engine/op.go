package engine

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha512"
	"fmt"
	"io"
)

// Op is an operation with its input and its output. It belongs to the engine from the call of
// [Engine.Do] until the operation has ended. After Do has returned nil or the operation's own
// error, it belongs to the caller again.
type Op interface {
	// Run does the operation on the calling goroutine and blocks until it is done. A Handler calls
	// it, by [Request.Run], for every operation for which it has no faster method.
	Run() error
}

// isNil reports whether op is no operation: nil, or a nil pointer of a type whose fields the
// engine reads.
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
	case *VerifyOp:
		return o == nil
	case *GenerateKeyOp:
		return o == nil
	}
	return false
}

// Wiper is an [Op] that holds secrets. The engine calls Wipe once for an operation whose output
// no caller gets: one that its caller abandoned, or that ended in an error of the engine's. It
// does so as soon as the operation has ended or is certain never to begin.
type Wiper interface {
	Op
	Wipe()
}

// Func makes an operation of any blocking function: a key agreement, a call to an HSM or a key
// service, a password hash. The variables that it captures belong to the engine until [Engine.Do]
// returns, and if the operation was abandoned, until it has ended.
type Func func() error

// Run calls f.
func (f Func) Run() error { return f() }

// SignOp is the operation that a [Signer] submits for Sign.
type SignOp struct {
	Key    crypto.Signer
	Rand   io.Reader         // the caller's
	Digest []byte            // the engine's copy
	Opts   crypto.SignerOpts // a copy where it is the standard library's or an *ECDSAOptions
	// Prepared is the result of [Config].Prepare for Key. A Handler may use it until it completes
	// the request.
	Prepared any
	// Signature is the result.
	Signature []byte

	state *keyState
}

// newSignOp returns an operation with a copy of digest. One allocation serves both: a second one
// would take as long as reading the clock, which each operation does too.
func newSignOp(digest []byte) *SignOp {
	if digest == nil || len(digest) > sha512.Size {
		return &SignOp{Digest: bytes.Clone(digest)} // Ed25519 signs the message itself, of any length
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
	if err := checkNilOpts(o.Key, o.Opts); err != nil {
		return err
	}
	sign := func(opts crypto.SignerOpts) ([]byte, error) { return o.Key.Sign(o.Rand, o.Digest, opts) }
	o.Signature, err = signForm(o.Key, o.Opts, sign)
	return err
}

// checkNilOpts returns an error where crypto/rsa and crypto/ed25519 panic because the options are
// nil. Other keys may need none.
func checkNilOpts(key crypto.Signer, opts crypto.SignerOpts) error {
	var kind, use string
	switch key.(type) {
	case *rsa.PrivateKey:
		kind, use = "an RSA", "a crypto.Hash or *rsa.PSSOptions"
	case ed25519.PrivateKey:
		kind, use = "an Ed25519", "crypto.Hash(0), crypto.SHA512 or *ed25519.Options"
	default:
		return nil
	}
	what := "options"
	switch o := opts.(type) {
	case nil:
	case *rsa.PSSOptions:
		if o != nil {
			return nil
		}
		what = "*rsa.PSSOptions"
	case *ed25519.Options:
		if o != nil {
			return nil
		}
		what = "*ed25519.Options"
	default:
		return nil
	}
	return fmt.Errorf("engine: sign with %s key: the %s are nil; use %s", kind, what, use)
}

// Wipe overwrites the digest and the signature with zeros.
func (o *SignOp) Wipe() { clear(o.Digest); clear(o.Signature) }

// SignMessageOp is the operation that a [Signer] submits for SignMessage. It is a separate type
// from [SignOp] because a message that is signed as if it were a digest gives a signature that
// nobody accepts.
type SignMessageOp struct {
	Key     crypto.MessageSigner
	Rand    io.Reader         // the caller's
	Message []byte            // the engine's copy
	Opts    crypto.SignerOpts // a copy where it is the standard library's or an *ECDSAOptions
	// Signature is the result.
	Signature []byte
}

// Run signs with Key.
func (o *SignMessageOp) Run() (err error) {
	sign := func(opts crypto.SignerOpts) ([]byte, error) { return o.Key.SignMessage(o.Rand, o.Message, opts) }
	o.Signature, err = signForm(o.Key, o.Opts, sign)
	return err
}

// Wipe overwrites the message and the signature with zeros.
func (o *SignMessageOp) Wipe() { clear(o.Message); clear(o.Signature) }

// cloneSignerOpts copies the standard library's options and ECDSAOptions, which a caller might
// change while an abandoned operation still reads them.
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
	case *ECDSAOptions:
		if o != nil {
			return new(*o)
		}
	}
	return cloneMLDSAOptions(opts)
}

// DecryptOp is the operation that a [Decrypter], or a [Signer] whose key decrypts, submits for
// Decrypt.
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

// Wipe overwrites the plaintext with zeros.
func (o *DecryptOp) Wipe() { clear(o.Plaintext) }

// newDecryptOp returns an operation with copies of its input.
func newDecryptOp(key crypto.Decrypter, rand io.Reader, ciphertext []byte, opts crypto.DecrypterOpts) *DecryptOp {
	switch o := opts.(type) {
	case *rsa.OAEPOptions:
		if o != nil {
			c := *o
			c.Label = bytes.Clone(o.Label)
			opts = &c
		}
	case *rsa.PKCS1v15DecryptOptions: //lint:ignore SA1019 keys accept it, so it is copied like the others
		if o != nil {
			opts = new(*o)
		}
	}
	return &DecryptOp{Key: key, Rand: rand, Ciphertext: bytes.Clone(ciphertext), Opts: opts}
}
