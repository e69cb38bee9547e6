package multibuffer

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"

	"asynccrypto/engine"
)

// VerifyPKCS1v15 is [rsa.VerifyPKCS1v15] on the default engine: it has the same parameters and
// gives the same answers. Under "Keys that are not wrapped" the package comment says when it is
// faster.
func VerifyPKCS1v15(pub *rsa.PublicKey, hash crypto.Hash, hashed []byte, sig []byte) error {
	if valid, ok := verify(pub, hashed, sig, hash); ok {
		return rsaError(valid)
	}
	return rsa.VerifyPKCS1v15(pub, hash, hashed, sig)
}

// VerifyPSS is [rsa.VerifyPSS] on the default engine, as [VerifyPKCS1v15] is
// [rsa.VerifyPKCS1v15].
func VerifyPSS(pub *rsa.PublicKey, hash crypto.Hash, digest []byte, sig []byte, opts *rsa.PSSOptions) error {
	o := &rsa.PSSOptions{Hash: hash} // opts.Hash is ignored
	if opts != nil {
		o.SaltLength = opts.SaltLength
	}
	if valid, ok := verify(pub, digest, sig, o); ok {
		return rsaError(valid)
	}
	return rsa.VerifyPSS(pub, hash, digest, sig, opts)
}

func rsaError(valid bool) error {
	if valid {
		return nil
	}
	return rsa.ErrVerification
}

// VerifyASN1 is [ecdsa.VerifyASN1] on the default engine, as [VerifyPKCS1v15] is
// [rsa.VerifyPKCS1v15].
func VerifyASN1(pub *ecdsa.PublicKey, hash, sig []byte) bool {
	if valid, ok := verify(pub, hash, sig, nil); ok {
		return valid
	}
	return ecdsa.VerifyASN1(pub, hash, sig)
}

// VerifyEd25519 is [ed25519.Verify] on the default engine, as [VerifyPKCS1v15] is
// [rsa.VerifyPKCS1v15].
func VerifyEd25519(pub ed25519.PublicKey, message, sig []byte) bool {
	if valid, ok := verify(pub, message, sig, crypto.Hash(0)); ok {
		return valid
	}
	return ed25519.Verify(pub, message, sig)
}

// verify verifies on the default engine. It returns ok false where the caller has to ask the
// standard library: the kernels do not take the key, or the error is not that of an invalid
// signature, and the standard library may have its own words for it or panic.
func verify(pub crypto.PublicKey, digest, sig []byte, opts crypto.SignerOpts) (valid, ok bool) {
	key := publicKey(pub)
	if key == nil {
		return false, false
	}
	// Without a context that can end, nobody can abandon the operation, so it needs no copies.
	err := Default().Do(context.Background(), &engine.VerifyOp{
		Key: pub, Digest: digest, Signature: sig, Opts: opts, Prepared: key,
	})
	return err == nil, err == nil || errors.Is(err, engine.ErrVerification)
}

// publicKeys are the keys of all callers that have not wrapped them.
var publicKeys = newCache(new(handler).public)

// publicKey returns pub in the form that a pass takes, or nil if the standard library has to do the
// operation.
func publicKey(pub crypto.PublicKey) *prepared {
	if ok, _ := Supported(); !ok {
		return nil
	}
	return publicKeys.get(pub)
}
