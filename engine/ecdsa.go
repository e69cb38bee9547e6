package engine

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"math/big"

	"asynccrypto/internal/rawecdsa"
)

// ECDSAOptions are options for signing and verifying with an ECDSA key. They implement
// [crypto.SignerOpts].
type ECDSAOptions struct {
	// Hash made the digest. The key is given it in place of the ECDSAOptions.
	Hash crypto.Hash
	// Raw selects the signature's form r||s, both as big-endian numbers of the size of the
	// curve's order, in place of ASN.1. JSON Web Signatures, COSE and IEEE P1363 use that form.
	Raw bool
}

// HashFunc returns o.Hash.
func (o *ECDSAOptions) HashFunc() crypto.Hash { return o.Hash }

// signForm signs by sign, which calls key with the options that it is given. If opts are
// ECDSAOptions, sign makes a signature in ASN.1 and signForm gives it the form that they ask for.
func signForm(key crypto.Signer, opts crypto.SignerOpts, sign func(crypto.SignerOpts) ([]byte, error)) ([]byte, error) {
	o, ok := opts.(*ECDSAOptions)
	if !ok {
		return sign(opts)
	}
	if o == nil {
		return nil, errors.New("engine: sign: the *ECDSAOptions are nil")
	}
	pub, ok := key.Public().(*ecdsa.PublicKey)
	if !ok || pub == nil || pub.Curve == nil {
		return nil, fmt.Errorf("engine: sign: *ECDSAOptions need an ECDSA key, and this one's public key is of type %T", key.Public())
	}
	sig, err := sign(o.Hash)
	if err != nil || !o.Raw {
		return sig, err
	}
	raw, ok := rawecdsa.FromASN1(pub.Curve, sig)
	if !ok { // the key may be a remote one
		return nil, errors.New("engine: sign: the key did not return an ASN.1 signature, as crypto.Signer asks of an ECDSA key")
	}
	return raw, nil
}

// parseRaw splits a raw signature. The numbers may be out of range; crypto/ecdsa checks that.
func parseRaw(curve elliptic.Curve, sig []byte) (r, s *big.Int, err error) {
	size := rawecdsa.Size(curve)
	if len(sig) != 2*size {
		return nil, nil, ErrVerification
	}
	return new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:]), nil
}
