package pkcs11

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"errors"
	"fmt"

	"asynccrypto/engine/pkcs11/internal/ck"
)

// decrypt decrypts as crypto.Decrypter does.
func (s *session) decrypt(k *key, ciphertext []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	pub := k.public.(*rsa.PublicKey) // of a key that is wrapped for decryption
	m, sessionKey, err := decryptMechanism(opts)
	if err != nil {
		return nil, err
	}
	if len(ciphertext) != pub.Size() || sessionKey > pub.Size()-11 { // RFC 8017, section 7.2
		return nil, rsa.ErrDecryption
	}
	var key []byte
	if sessionKey > 0 {
		key = make([]byte, sessionKey)
		rand.Read(key)
	}
	plaintext, err := s.use(k, m, ciphertext, ck.Conn.Decrypt)
	if malformed(err) {
		err = rsa.ErrDecryption
	}
	if key == nil || err != nil && err != rsa.ErrDecryption {
		return plaintext, err
	}
	// For a ciphertext that is not valid the result is a key of random bytes, so that the sender
	// does not learn that it is not valid (RFC 5246, section 7.4.7.1).
	valid := subtle.ConstantTimeEq(int32(len(plaintext)), int32(sessionKey))
	padded := make([]byte, sessionKey)
	copy(padded, plaintext)
	subtle.ConstantTimeCopy(valid, key, padded)
	clear(padded)
	clear(plaintext)
	return key, nil
}

// decryptMechanism returns the mechanism for opts, and the length of the session key if opts ask for
// one, else 0.
func decryptMechanism(opts crypto.DecrypterOpts) (m ck.Mechanism, sessionKey int, err error) {
	switch o := opts.(type) {
	case nil:
		return ck.Mechanism{Type: ck.MechRSAPKCS}, 0, nil
	case *rsa.PKCS1v15DecryptOptions: //lint:ignore SA1019 crypto/rsa's keys take it
		if o == nil {
			return m, 0, errors.New("pkcs11: decrypt: the *rsa.PKCS1v15DecryptOptions are nil")
		}
		return ck.Mechanism{Type: ck.MechRSAPKCS}, o.SessionKeyLen, nil
	case *rsa.OAEPOptions:
		if o == nil {
			return m, 0, errors.New("pkcs11: decrypt: the *rsa.OAEPOptions are nil")
		}
		mgf := o.MGFHash
		if mgf == 0 {
			mgf = o.Hash
		}
		h, ok := hashMechanisms[o.Hash]
		g, known := hashMechanisms[mgf]
		if !ok || !known {
			return m, 0, fmt.Errorf("pkcs11: decrypt: OAEP with %v and MGF1 with %v has no mechanism in PKCS #11", o.Hash, mgf)
		}
		return ck.Mechanism{Type: ck.MechRSAPKCSOAEP, OAEP: &ck.OAEP{Hash: h.hash, MGF: g.mgf, Label: o.Label}}, 0, nil
	}
	return m, 0, fmt.Errorf("pkcs11: decrypt: options of type %T", opts)
}

// malformed reports whether err may say something about the ciphertext. All such errors become one,
// because each difference helps an attacker who sends ciphertexts (Bleichenbacher, CRYPTO 1998;
// Manger, CRYPTO 2001). The few others say that the key or the module does not decrypt at all.
func malformed(err error) bool {
	var answer ck.Error
	if c := classify(err); c != caller && c != vague || !errors.As(err, &answer) {
		return false
	}
	switch answer {
	case ck.RVMechanismInvalid, ck.RVMechanismParamInvalid, ck.RVArgumentsBad, ck.RVKeyTypeInconsistent,
		ck.RVKeyFunctionNotPermitted, ck.RVFunctionNotSupported, ck.RVUserPINNotInitialized:
		return false
	}
	return true
}
