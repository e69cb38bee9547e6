//go:build go1.27

package engine

import (
	"crypto"
	"crypto/mldsa"
	"errors"
)

// cloneMLDSAOptions copies the options of crypto/mldsa and returns any others as they are.
func cloneMLDSAOptions(opts crypto.SignerOpts) crypto.SignerOpts {
	if o, ok := opts.(*mldsa.Options); ok && o != nil {
		return new(*o)
	}
	return opts
}

// isMLDSAKey reports whether pub is a public key of crypto/mldsa.
func isMLDSAKey(pub crypto.PublicKey) bool {
	key, ok := pub.(*mldsa.PublicKey)
	return ok && key != nil && *key != (mldsa.PublicKey{})
}

// verifyMLDSA verifies if Key is one of crypto/mldsa; ok reports whether it is.
func (o *VerifyOp) verifyMLDSA() (err error, ok bool) {
	if !isMLDSAKey(o.Key) {
		return nil, false
	}
	opts, isOptions := o.Opts.(*mldsa.Options)
	switch {
	case isOptions, o.Opts == nil, o.Opts == crypto.Hash(0):
	default:
		return errOpts("an ML-DSA", o.Opts, "nil, crypto.Hash(0) or an *mldsa.Options"), true
	}
	if opts != nil && len(opts.Context) > 255 {
		return errors.New("engine: verify with an ML-DSA key: the context is longer than 255 bytes"), true
	}
	if mldsa.Verify(o.Key.(*mldsa.PublicKey), o.Digest, o.Signature, opts) != nil {
		return ErrVerification, true
	}
	return nil, true
}
