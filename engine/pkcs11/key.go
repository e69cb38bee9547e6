package pkcs11

import (
	"context"
	"crypto"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"asynccrypto/engine"
	"asynccrypto/engine/pkcs11/internal/ck"
	"asynccrypto/engine/pkcs11/internal/uri"
)

// A key is a private key on a token. It holds no handle: each session has its own in session.keys.
type key struct {
	t      *Token
	name   keyName
	uri    *uri.URI // of a key of SignerOf, which a session finds by it; else nil
	public crypto.PublicKey
	// missing is set while the last session that looked for the key did not find it.
	missing atomic.Bool
}

// A keyName is how a session finds a key: by the attributes that the private key itself has, or by
// the key's URI alone.
type keyName struct {
	id, label string
	kind      uint64 // CKK_*
	uri       string
}

// A foundKey is a key as a session found it.
type foundKey struct {
	name   keyName
	handle ck.Object
	info   KeyInfo
	proved bool // info.Public is the key's, by its own attributes or a signature
}

// owned is implemented by the keys that the token's engine wraps.
type owned interface{ owner() *key }

func (k *key) owner() *key { return k }

// Public returns the public key.
func (k *key) Public() crypto.PublicKey { return k.public }

// The method set of a key says what it can do, so there is a type for each combination. The engine's
// operations hold these types, and a session puts an onSession in their place. So a call of the
// methods below comes from an operation of the same engine, whose one worker waits for it.

type signKey struct{ *key }

func (k signKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errInside }

type decryptKey struct{ *key }

func (k decryptKey) Decrypt(io.Reader, []byte, crypto.DecrypterOpts) ([]byte, error) {
	return nil, errInside
}

type signDecryptKey struct {
	signKey
	decryptKey
}

func (k signDecryptKey) owner() *key { return k.signKey.key }

func (k signDecryptKey) Public() crypto.PublicKey { return k.signKey.public }

// onSession is a key that works on a session, for as long as an operation has the session.
type onSession struct {
	*key
	s *session
}

func (k onSession) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.s.sign(k.key, digest, opts)
}

func (k onSession) Decrypt(_ io.Reader, ciphertext []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	return k.s.decrypt(k.key, ciphertext, opts)
}

// Signer returns the private key that uri names, on t's engine. Of uri, object, id and type=private
// are used; the token's attributes, if any, have to match t. If uri is empty, it is the URI of
// [Open]. Exactly one key has to match. The label may be that of the key's certificate or public
// key, too: the key is then found by its id.
//
// The signer is also a [crypto.Decrypter] if, and only if, the key is RSA and may decrypt. It is
// never a [crypto.MessageSigner]. A key that may not sign is an error: see [Token.Decrypter]. The
// signer is bound to an engine: don't wrap it again. Close of the signer does not close t.
func (t *Token) Signer(uri string) (engine.Signer, error) {
	k, info, err := t.key(uri)
	switch {
	case err != nil:
		return nil, err
	case !info.Sign:
		return nil, errNoSign(info)
	case info.Decrypt && info.Type == "RSA":
		return t.eng.Signer(signDecryptKey{signKey{k}, decryptKey{k}})
	}
	return t.eng.Signer(signKey{k})
}

func errNoSign(info KeyInfo) error {
	return fmt.Errorf("pkcs11: the key %s may not sign: its CKA_SIGN is false", nameOfKey(info))
}

// SignerOf returns the private key that uri names and whose public key is public: an
// *[rsa.PublicKey], an *[ecdsa.PublicKey] or an [ed25519.PublicKey]. It is as [Token.Signer], but
// does not ask the token, so it also works while the token is down: see [Options].AllowDown. Each
// session looks for the key before the first operation. If it finds no such key, one that may not
// sign, or one with another public key, the operation fails with [engine.ErrUnavailable]. The signer
// is never a [crypto.Decrypter].
func (t *Token) SignerOf(uri string, public crypto.PublicKey) (engine.Signer, error) {
	u, err := t.keyURI(uri)
	if err != nil {
		return nil, err
	}
	if !fits(ck.KeyRSA, public) && !fits(ck.KeyEC, public) && !fits(ck.KeyECEdwards, public) {
		return nil, fmt.Errorf("pkcs11: a %T is no public key of a key on a token", public)
	}
	return t.eng.Signer(signKey{&key{t: t, name: keyName{uri: u.Path()}, uri: u, public: public}})
}

// Decrypter returns a private key that may decrypt, whether or not it may sign. It finds the key as
// [Token.Signer] does.
func (t *Token) Decrypter(uri string) (engine.Decrypter, error) {
	k, info, err := t.key(uri)
	switch {
	case err != nil:
		return nil, err
	case info.Type != "RSA":
		return nil, fmt.Errorf("pkcs11: the key %s is of type %s; only RSA keys decrypt", nameOfKey(info), info.Type)
	case !info.Decrypt:
		return nil, fmt.Errorf("pkcs11: the key %s may not decrypt: its CKA_DECRYPT is false", nameOfKey(info))
	}
	return t.eng.Decrypter(decryptKey{k})
}

// key finds the key of a URI.
func (t *Token) key(s string) (*key, KeyInfo, error) {
	u, err := t.keyURI(s)
	if err != nil {
		return nil, KeyInfo{}, err
	}
	var found *foundKey
	err = t.eng.Do(context.Background(), &query{func(s *session) (err error) {
		found, err = s.findKey(u)
		return err
	}})
	if err != nil {
		return nil, KeyInfo{}, err
	}
	info, err := t.withPublic(found.info)
	switch {
	case err != nil:
		return nil, info, err
	case info.Public != nil && !fits(found.name.kind, info.Public):
		return nil, info, fmt.Errorf("pkcs11: Options.Public for %s, which is of type %s, returned a %T", nameOfKey(info), info.Type, info.Public)
	case info.Public == nil:
		return nil, info, fmt.Errorf("pkcs11: the token has neither the public key nor a certificate of the private key %s: set Options.Public, or write one of them to the token", nameOfKey(info))
	}
	return &key{t: t, name: found.name, public: info.Public}, info, nil
}

// keyURI parses the URI of a key on t.
func (t *Token) keyURI(s string) (*uri.URI, error) {
	if s == "" {
		return t.uri, nil
	}
	u, err := uri.Parse(s)
	if err != nil {
		return nil, err
	}
	if err := t.mismatch(u); err != nil {
		return nil, err
	}
	if u.Type != "" && u.Type != "private" {
		return nil, fmt.Errorf("pkcs11: type=%s is no private key; leave type out of the URI, or write type=private", u.Type)
	}
	return u, nil
}

// withPublic adds the public key that Options.Public returns, if the token has none.
func (t *Token) withPublic(info KeyInfo) (KeyInfo, error) {
	if info.Public != nil || t.o.Public == nil {
		return info, nil
	}
	pub, err := t.o.Public(info)
	if err != nil {
		return info, fmt.Errorf("pkcs11: Options.Public for %s: %w", nameOfKey(info), err)
	}
	info.Public = pub
	return info, nil
}

// Keys returns the private keys on the token, in the token's order. It waits for a session, as an
// operation does, and returns ctx's error if ctx is done first.
func (t *Token) Keys(ctx context.Context) ([]KeyInfo, error) {
	var keys []KeyInfo
	err := t.eng.Do(ctx, &query{func(s *session) error {
		found, err := s.read()
		for _, f := range found {
			keys = append(keys, f.info)
		}
		return err
	}})
	if err != nil {
		return nil, err
	}
	for i := range keys {
		if keys[i], err = t.withPublic(keys[i]); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// Mechanisms returns the mechanisms that the module offers for the token, by their numbers. Not all
// of them are of use to this package.
func (t *Token) Mechanisms(ctx context.Context) ([]Mechanism, error) {
	var mechanisms []Mechanism
	err := t.eng.Do(ctx, &query{func(s *session) error {
		types, err := s.conn.Mechanisms(s.place.slot)
		if err != nil {
			return fmt.Errorf("pkcs11: list the mechanisms: %w", called(err))
		}
		slices.Sort(types)
		for _, typ := range types {
			mechanisms = append(mechanisms, Mechanism{typ, ck.MechanismName(typ)})
		}
		return nil
	}})
	if err != nil {
		return nil, err
	}
	return mechanisms, nil
}
