package engine

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/fips140"
	"crypto/rsa"
	"errors"
	"fmt"
)

// ErrVerification is the error of a signature that is not valid: not made by this key over this
// digest, or malformed. Test for it by errors.Is. For an RSA key the error is also
// [rsa.ErrVerification]. No other error of a verification is ErrVerification: neither the end of
// a context, nor a closed engine or verifier, nor options that do not fit the key.
var ErrVerification = errors.New("engine: the signature is not valid")

// errRSAVerification is ErrVerification for an RSA key.
var errRSAVerification = fmt.Errorf("%w: %w", ErrVerification, rsa.ErrVerification)

// VerifyOp is the operation that a [Verifier] submits. Its error is nil exactly if the signature
// is valid. Nobody has checked Digest, Signature and Opts before: Run does. A [Handler] with a
// method of its own checks them too, and leaves to [Request.Run] what it does not expect.
type VerifyOp struct {
	// Key is an *rsa.PublicKey, an *ecdsa.PublicKey, an ed25519.PublicKey, or, since Go 1.27, an
	// *mldsa.PublicKey.
	Key       crypto.PublicKey
	Digest    []byte            // the engine's copy
	Signature []byte            // the engine's copy
	Opts      crypto.SignerOpts // nil, or as in [SignOp]
	// Prepared is the result of [Config].PreparePublic for Key.
	Prepared any
}

// newVerifyOp returns an operation with copies of digest and sig. As in newSignOp, one allocation
// serves the operation and the inputs of elliptic curves.
func newVerifyOp(digest, sig []byte) *VerifyOp {
	const small = 160 // a digest and a signature of P-384 as ASN.1, or of Ed25519
	n := len(digest) + len(sig)
	if n > small {
		data := append(append(make([]byte, 0, n), digest...), sig...)
		return &VerifyOp{Digest: data[:len(digest):len(digest)], Signature: data[len(digest):]}
	}
	o := new(struct {
		VerifyOp
		data [small]byte
	})
	copy(o.data[copy(o.data[:], digest):], sig)
	o.Digest, o.Signature = o.data[:len(digest):len(digest)], o.data[len(digest):n:n]
	return &o.VerifyOp
}

// Run verifies with the standard library, by the rules at [Verifier].
func (o *VerifyOp) Run() error {
	switch key := o.Key.(type) {
	case *rsa.PublicKey:
		return o.verifyRSA(key)
	case *ecdsa.PublicKey:
		return o.verifyECDSA(key)
	case ed25519.PublicKey:
		return o.verifyEd25519(key)
	}
	if err, ok := o.verifyMLDSA(); ok {
		return err
	}
	return fmt.Errorf("engine: verify: %w", errPublicKeyType(o.Key))
}

// Invalid returns the error of a signature that is not valid, for a [Handler] that has found that
// out: [ErrVerification], which for an RSA key is [rsa.ErrVerification] too.
func (o *VerifyOp) Invalid() error {
	if _, ok := o.Key.(*rsa.PublicKey); ok {
		return errRSAVerification
	}
	return ErrVerification
}

func errPublicKeyType(key crypto.PublicKey) error {
	return fmt.Errorf("a public key of type %T is not supported; "+
		"use an *rsa.PublicKey, an *ecdsa.PublicKey or an ed25519.PublicKey", key)
}

// errOpts is the error of options that are nil or belong to a key of another kind. use names those
// that fit.
func errOpts(kind string, opts crypto.SignerOpts, use string) error {
	if opts == nil {
		return fmt.Errorf("engine: verify with %s key: the options are nil; use %s", kind, use)
	}
	return fmt.Errorf("engine: verify with %s key: options of type %T do not fit the key; use %s", kind, opts, use)
}

func (o *VerifyOp) verifyRSA(key *rsa.PublicKey) error {
	if key == nil {
		return errors.New("engine: verify: the RSA key is nil")
	}
	var hash crypto.Hash
	pss, isPSS := o.Opts.(*rsa.PSSOptions)
	switch opts := o.Opts.(type) {
	case nil, *ECDSAOptions, *ed25519.Options:
		return errOpts("an RSA", opts, "a crypto.Hash or *rsa.PSSOptions")
	case *rsa.PSSOptions:
		if pss == nil {
			return errors.New("engine: verify with an RSA key: the *rsa.PSSOptions are nil")
		}
		hash = pss.Hash
		if hash == 0 {
			return errors.New("engine: verify with an RSA key: the *rsa.PSSOptions name no hash; set Hash")
		}
	default:
		hash = opts.HashFunc()
	}
	if size := hashSize(hash); len(o.Digest) != size && (isPSS || hash != 0) {
		return fmt.Errorf("engine: verify with an RSA key: the digest is %d bytes long, and %v has %d", len(o.Digest), hash, size)
	}
	var err error
	if isPSS {
		if !hash.Available() {
			return fmt.Errorf("engine: verify with an RSA key: PSS needs %v; import its package", hash)
		}
		err = rsa.VerifyPSS(key, hash, o.Digest, o.Signature, pss)
	} else {
		err = rsa.VerifyPKCS1v15(key, hash, o.Digest, o.Signature)
	}
	if errors.Is(err, rsa.ErrVerification) {
		return errRSAVerification
	}
	return err
}

// hashSize returns the size of a digest, or 0 if there is no such hash.
func hashSize(hash crypto.Hash) (size int) {
	defer func() { _ = recover() }() // Size panics if crypto does not know the hash
	return hash.Size()
}

func (o *VerifyOp) verifyECDSA(key *ecdsa.PublicKey) error {
	if err := checkECDSAFields(key); err != nil {
		return fmt.Errorf("engine: verify: %w", err)
	}
	raw := false
	switch opts := o.Opts.(type) {
	case *rsa.PSSOptions, *ed25519.Options:
		return errOpts("an ECDSA", opts, "nil, a crypto.Hash or *engine.ECDSAOptions")
	case *ECDSAOptions:
		raw = opts != nil && opts.Raw
	}
	if raw {
		r, s, err := parseRaw(key.Curve, o.Signature)
		if err != nil || !ecdsa.Verify(key, o.Digest, r, s) {
			return ErrVerification
		}
		return nil
	}
	if !ecdsa.VerifyASN1(key, o.Digest, o.Signature) {
		return ErrVerification
	}
	return nil
}

func (o *VerifyOp) verifyEd25519(key ed25519.PublicKey) error {
	if len(key) != ed25519.PublicKeySize {
		return fmt.Errorf("engine: verify: %w", errEd25519Size(key))
	}
	var opts ed25519.Options
	switch given := o.Opts.(type) {
	case nil, *ECDSAOptions, *rsa.PSSOptions:
		return errOpts("an Ed25519", given, "crypto.Hash(0), crypto.SHA512 or *ed25519.Options")
	case *ed25519.Options:
		if given == nil {
			return errors.New("engine: verify with an Ed25519 key: the *ed25519.Options are nil")
		}
		opts = *given
	default:
		opts.Hash = given.HashFunc()
	}
	// The standard library gives no value of its own to an invalid signature's error, so the
	// errors of misuse are found first.
	const sha512Size = 64
	switch {
	case opts.Hash != 0 && opts.Hash != crypto.SHA512:
		return fmt.Errorf("engine: verify with an Ed25519 key: the hash is %v; it must be 0, with the message itself, or SHA-512", opts.Hash)
	case opts.Hash == crypto.SHA512 && len(o.Digest) != sha512Size:
		return fmt.Errorf("engine: verify with an Ed25519 key: the digest is %d bytes long, and SHA-512 has %d", len(o.Digest), sha512Size)
	case len(opts.Context) > 255:
		return fmt.Errorf("engine: verify with an Ed25519 key: the context is %d bytes long; the most is 255", len(opts.Context))
	}
	err := ed25519.VerifyWithOptions(key, o.Digest, o.Signature, &opts)
	if err == nil || opts.Hash == 0 && opts.Context != "" && fips140.Enforced() {
		return err // Ed25519ctx is not allowed then
	}
	return ErrVerification
}

func errEd25519Size(key ed25519.PublicKey) error {
	return fmt.Errorf("the Ed25519 key is %d bytes long; it must be %d", len(key), ed25519.PublicKeySize)
}

// clonePublicKey returns a copy of key, which is of a supported type.
func clonePublicKey(key crypto.PublicKey) crypto.PublicKey {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return &rsa.PublicKey{N: cloneInt(key.N), E: key.E}
	case *ecdsa.PublicKey:
		//lint:ignore SA1019 there is no other way to copy a key of any curve
		return &ecdsa.PublicKey{Curve: key.Curve, X: cloneInt(key.X), Y: cloneInt(key.Y)}
	case ed25519.PublicKey:
		return ed25519.PublicKey(bytes.Clone(key))
	}
	return key // an *mldsa.PublicKey cannot be changed
}
