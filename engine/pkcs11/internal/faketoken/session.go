package faketoken

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"

	"asynccrypto/engine/pkcs11/internal/ck"
	"asynccrypto/engine/pkcs11/internal/wire"
)

// session is a session and the operation or the search that is active in it.
type session struct {
	token    *Token
	loggedIn *bool // shared by a connection's sessions with one token
	found    []uint64
	finding  bool

	begin    wire.Call // SignInit or DecryptInit, or 0 if no operation is active
	mech     ck.Mechanism
	key      *Key
	unlocked bool // by a login for this operation
}

// flags returns the token's flags with those that tell how many tries its PIN has left.
func (t *Token) flags() uint64 {
	switch {
	case t.Tries == 0:
		return t.Flags | ck.FlagUserPINLocked
	case t.Tries == 1:
		return t.Flags | ck.FlagUserPINCountLow | ck.FlagUserPINFinalTry
	case t.Tries < maxTries:
		return t.Flags | ck.FlagUserPINCountLow
	}
	return t.Flags
}

func (s *session) login(r *wire.Reader) error {
	user := r.Ulong()
	pin, _, given := r.Array()
	typed := !given && s.token.Flags&ck.FlagProtectedAuthPath != 0 // rightly
	switch {
	case user == ck.ContextSpecific && s.begin == 0:
		return ck.RVOperationNotInitialized
	case user == ck.User && *s.loggedIn:
		return ck.RVUserAlreadyLoggedIn
	case s.token.Tries == 0:
		return ck.RVPINLocked
	case !typed && (!given || string(pin) != s.token.PIN):
		s.token.Tries--
		return ck.RVPINIncorrect
	}
	s.token.Tries = maxTries
	if user == ck.ContextSpecific {
		s.unlocked = true
	} else {
		*s.loggedIn = true
	}
	return nil
}

// kinds has the mechanisms of every token, and the type of key that each needs.
var kinds = map[uint64]uint64{
	ck.MechRSAPKCS: ck.KeyRSA, ck.MechRSAPKCSPSS: ck.KeyRSA, ck.MechRSAPKCSOAEP: ck.KeyRSA,
	ck.MechECDSA: ck.KeyEC, ck.MechEdDSA: ck.KeyECEdwards,
}

// hash returns the hash function in the parameters of a mechanism.
func hash(m ck.Mechanism) crypto.Hash {
	var of uint64
	switch {
	case m.PSS != nil:
		of = m.PSS.Hash
	case m.OAEP != nil:
		of = m.OAEP.Hash
	}
	return map[uint64]crypto.Hash{ck.MechSHA1: crypto.SHA1, ck.MechSHA224: crypto.SHA224, ck.MechSHA256: crypto.SHA256,
		ck.MechSHA384: crypto.SHA384, ck.MechSHA512: crypto.SHA512}[of]
}

// init begins an operation.
func (s *session) init(call wire.Call, m ck.Mechanism, o ck.Object) error {
	kind, ok := kinds[m.Type]
	k, class := s.object(o)
	switch {
	case s.begin != 0:
		return ck.RVOperationActive
	case !ok:
		return ck.RVMechanismInvalid
	case k == nil || class != ck.ClassPrivateKey:
		return ck.RVKeyHandleInvalid
	case kind != k.kind():
		return ck.RVKeyTypeInconsistent
	case (m.PSS != nil || m.OAEP != nil) && !hash(m).Available():
		return ck.RVMechanismParamInvalid
	case call == wire.SignInit && k.NoSign || call == wire.DecryptInit && !k.decrypts():
		return ck.RVKeyFunctionNotPermitted
	}
	s.begin, s.mech, s.key, s.unlocked = call, m, k, false
	return nil
}

// operate ends the operation with its result.
func (s *session) operate(call wire.Call, input []byte) ([]byte, error) {
	if s.begin == 0 || call != s.begin+1 { // C_Sign's number follows C_SignInit's, and so on
		return nil, ck.RVOperationNotInitialized
	}
	s.begin = 0
	switch {
	case s.key.AlwaysAuthenticate && !s.unlocked:
		return nil, ck.RVUserNotLoggedIn
	case call == wire.Decrypt:
		return s.decrypt(input)
	}
	return s.sign(input)
}

// sign signs a DigestInfo or a digest, or a message by Ed25519.
func (s *session) sign(input []byte) ([]byte, error) {
	if s.key.Signature != nil {
		return s.key.Signature, nil
	}
	if key, ok := s.key.Key.(*ecdsa.PrivateKey); ok {
		r, s, err := ecdsa.Sign(rand.Reader, key, input)
		if err != nil {
			return nil, ck.RVDataLenRange
		}
		n := (key.Params().BitSize + 7) / 8
		sig := make([]byte, 2*n)
		r.FillBytes(sig[:n])
		s.FillBytes(sig[n:])
		return sig, nil
	}
	var opts crypto.SignerOpts = crypto.Hash(0)
	if s.mech.PSS != nil {
		opts = &rsa.PSSOptions{Hash: hash(s.mech), SaltLength: int(s.mech.PSS.Salt)}
	}
	sig, err := s.key.Key.Sign(rand.Reader, input, opts)
	if err != nil {
		return nil, ck.RVDataLenRange
	}
	return sig, nil
}

// RVEncryptedDataInvalid is CKR_ENCRYPTED_DATA_INVALID, the answer to a ciphertext that does not
// decrypt.
const RVEncryptedDataInvalid ck.Error = 0x40

func (s *session) decrypt(input []byte) ([]byte, error) {
	var opts crypto.DecrypterOpts // nil means PKCS #1 v1.5
	if s.mech.OAEP != nil {
		opts = &rsa.OAEPOptions{Hash: hash(s.mech), Label: s.mech.OAEP.Label}
	}
	plain, err := s.key.Key.(*rsa.PrivateKey).Decrypt(nil, input, opts)
	if err != nil {
		return nil, RVEncryptedDataInvalid
	}
	return plain, nil
}
