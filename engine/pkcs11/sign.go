package pkcs11

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha512"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"asynccrypto/engine"
	"asynccrypto/engine/internal/pkcs1"
	"asynccrypto/engine/pkcs11/internal/ck"
)

// sign makes a signature as crypto.Signer does.
func (s *session) sign(k *key, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	m, input, err := signInput(k.public, digest, opts)
	if err != nil {
		return nil, err
	}
	raw, err := s.use(k, m, input, ck.Conn.Sign)
	if err != nil {
		return nil, err
	}
	sig, err := signature(k.public, raw)
	if f := s.keys[k.name]; err != nil || f.proved {
		return sig, err
	} else if err := f.prove(k, digest, sig, opts); err != nil {
		delete(s.keys, k.name)
		return nil, unavailable(err)
	}
	return sig, nil
}

// prove verifies the first signature of a key on a connection. The key itself has not shown which
// one it is, and a public key or a certificate of the same id may be left of an earlier one.
func (f *foundKey) prove(k *key, digest, sig []byte, opts crypto.SignerOpts) error {
	verify := engine.VerifyOp{Key: k.public, Digest: digest, Signature: sig, Opts: opts}
	switch err := verify.Run(); {
	case errors.Is(err, engine.ErrVerification):
		return fmt.Errorf("the signature of the key %s is not one of the public key that it was opened with", nameOfKey(f.info))
	case err == nil:
		f.info.Public, f.proved = k.public, true
	}
	return nil
}

// use has the module sign or decrypt with a key. If the key asks for the PIN each time, it is given
// the PIN when it is this login's turn.
func (s *session) use(k *key, m ck.Mechanism, input []byte,
	call func(ck.Conn, ck.Session, ck.Mechanism, ck.Object, []byte, []byte) ([]byte, error)) (output []byte, err error) {
	f, err := s.locate(k)
	if err != nil {
		return nil, err
	}
	do := func(pin []byte) (err error) {
		output, err = call(s.conn, s.handle, m, f.handle, input, pin)
		return called(err)
	}
	if f.info.AlwaysAuthenticate {
		err = s.withPIN(do)
	} else {
		err = do(nil)
	}
	if err != nil {
		return nil, fmt.Errorf("pkcs11: %s with %s: %w", ck.MechanismName(m.Type), nameOfKey(f.info), err)
	}
	return output, nil
}

// signInput returns the mechanism for a signature, and the bytes that the mechanism signs. The
// hash's own mechanisms are not used: many modules lack them.
func signInput(pub crypto.PublicKey, digest []byte, opts crypto.SignerOpts) (ck.Mechanism, []byte, error) {
	switch pub := pub.(type) {
	case *ecdsa.PublicKey:
		if len(digest) == 0 { // as crypto/ecdsa does from Go 1.27 on
			return ck.Mechanism{}, nil, errors.New("pkcs11: sign: the digest is empty")
		}
		return ck.Mechanism{Type: ck.MechECDSA}, ecdsaInput(pub, digest), nil
	case ed25519.PublicKey:
		if isNil(opts) || opts.HashFunc() != 0 {
			return ck.Mechanism{}, nil, errors.New("pkcs11: sign: an Ed25519 key on a token signs the message itself: set opts to crypto.Hash(0)")
		}
		if o, ok := opts.(*ed25519.Options); ok && o.Context != "" {
			return ck.Mechanism{}, nil, errors.New("pkcs11: sign: an Ed25519 key on a token takes no context")
		}
		return ck.Mechanism{Type: ck.MechEdDSA}, digest, nil
	case *rsa.PublicKey:
		return rsaInput(pub, digest, opts)
	}
	return ck.Mechanism{}, nil, fmt.Errorf("pkcs11: sign: no mechanism for a key of type %T", pub)
}

// isNil reports whether opts are nil, or a nil pointer of the standard library's.
func isNil(opts crypto.SignerOpts) bool {
	switch o := opts.(type) {
	case nil:
		return true
	case *rsa.PSSOptions:
		return o == nil
	case *ed25519.Options:
		return o == nil
	}
	return false
}

// ecdsaInput makes a digest as long as modules take it, without a change of the number that it stands
// for (FIPS 186-5, section 6.4.1): modules differ in what they do with more bytes than the order
// has, and a TPM takes no length but that of a hash.
func ecdsaInput(pub *ecdsa.PublicKey, digest []byte) []byte {
	size := (pub.Curve.Params().N.BitLen() + 7) / 8
	if len(digest) > size {
		return digest[:size]
	}
	// The order of P-521 has 7 bits less than its bytes, which would be cut off the end.
	if missing := min(size, sha512.Size) - len(digest); missing > 0 {
		return append(make([]byte, missing), digest...)
	}
	return digest
}

func rsaInput(pub *rsa.PublicKey, digest []byte, opts crypto.SignerOpts) (ck.Mechanism, []byte, error) {
	if isNil(opts) {
		return ck.Mechanism{}, nil, errors.New("pkcs11: sign: opts are nil; give the hash, such as crypto.SHA256, or *rsa.PSSOptions")
	}
	hash := opts.HashFunc()
	if hash != 0 && len(digest) != hash.Size() {
		return ck.Mechanism{}, nil, fmt.Errorf("pkcs11: sign: the digest has %d bytes, and those of %v have %d", len(digest), hash, hash.Size())
	}
	if o, ok := opts.(*rsa.PSSOptions); ok {
		pss, err := pssParameters(pub, hash, o.SaltLength)
		return ck.Mechanism{Type: ck.MechRSAPKCSPSS, PSS: pss}, digest, err
	}
	input := digest
	if hash != 0 {
		prefix, ok := pkcs1.DigestInfo(hash)
		if !ok {
			return ck.Mechanism{}, nil, fmt.Errorf("pkcs11: sign: PKCS #1 v1.5 has no identifier for %v", hash)
		}
		input = append(bytes.Clone(prefix), digest...)
	}
	if len(input)+11 > pub.Size() { // RFC 8017, section 9.2
		return ck.Mechanism{}, nil, rsa.ErrMessageTooLong
	}
	return ck.Mechanism{Type: ck.MechRSAPKCS}, input, nil
}

// hashMechanisms has the numbers of a hash and of MGF1 with it.
var hashMechanisms = map[crypto.Hash]struct{ hash, mgf uint64 }{
	crypto.SHA1:     {ck.MechSHA1, ck.MGF1SHA1},
	crypto.SHA224:   {ck.MechSHA224, ck.MGF1SHA224},
	crypto.SHA256:   {ck.MechSHA256, ck.MGF1SHA256},
	crypto.SHA384:   {ck.MechSHA384, ck.MGF1SHA384},
	crypto.SHA512:   {ck.MechSHA512, ck.MGF1SHA512},
	crypto.SHA3_224: {ck.MechSHA3_224, ck.MGF1SHA3_224},
	crypto.SHA3_256: {ck.MechSHA3_256, ck.MGF1SHA3_256},
	crypto.SHA3_384: {ck.MechSHA3_384, ck.MGF1SHA3_384},
	crypto.SHA3_512: {ck.MechSHA3_512, ck.MGF1SHA3_512},
}

// pssParameters checks the salt's length here, because modules return CKR_GENERAL_ERROR for one that
// does not fit.
func pssParameters(pub *rsa.PublicKey, hash crypto.Hash, salt int) (*ck.PSS, error) {
	m, ok := hashMechanisms[hash]
	if !ok {
		return nil, fmt.Errorf("pkcs11: sign: PSS with %v has no mechanism in PKCS #11", hash)
	}
	most := (pub.N.BitLen()+6)/8 - 2 - hash.Size() // RFC 8017, section 9.1.1
	switch salt {
	case rsa.PSSSaltLengthAuto:
		salt = most
	case rsa.PSSSaltLengthEqualsHash:
		salt = hash.Size()
	}
	if salt < 0 {
		return nil, fmt.Errorf("pkcs11: sign: a PSS salt of %d bytes", salt)
	}
	if salt > most {
		return nil, rsa.ErrMessageTooLong
	}
	return &ck.PSS{Hash: m.hash, MGF: m.mgf, Salt: uint64(salt)}, nil
}

// errBadSignature is in the error for a signature that cannot be one of the key's.
var errBadSignature = errors.New("pkcs11: the module returned a malformed signature")

// signature turns a token's signature into the form that crypto.Signer returns: r||s becomes the
// ASN.1 of RFC 3279.
func signature(pub crypto.PublicKey, raw []byte) ([]byte, error) {
	size := ed25519.SignatureSize
	switch pub := pub.(type) {
	case *ecdsa.PublicKey:
		half, n := len(raw)/2, pub.Params().N
		r, s := new(big.Int).SetBytes(raw[:half]), new(big.Int).SetBytes(raw[half:])
		if len(raw)%2 != 0 || r.Sign() == 0 || s.Sign() == 0 || r.Cmp(n) >= 0 || s.Cmp(n) >= 0 {
			return nil, errBadSignature
		}
		return asn1.Marshal(struct{ R, S *big.Int }{r, s})
	case *rsa.PublicKey:
		size = pub.Size()
	}
	if len(raw) != size {
		return nil, errBadSignature
	}
	return raw, nil
}
