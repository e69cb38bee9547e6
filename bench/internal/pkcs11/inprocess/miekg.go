package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"

	"github.com/miekg/pkcs11"

	"asynccrypto/bench/internal/pkcs11/side"
)

// binding is a P-256 key used by PKCS #11's own calls, without a library above them.
type binding struct {
	c        *pkcs11.Ctx
	key      pkcs11.ObjectHandle
	public   *ecdsa.PublicKey
	sessions chan pkcs11.SessionHandle // those that nobody uses
}

func openMiekg(t side.Token) (*side.Key, error) {
	c := pkcs11.New(t.Module)
	if c == nil {
		return nil, fmt.Errorf("%s cannot be loaded", t.Module)
	}
	b := &binding{c: c, sessions: make(chan pkcs11.SessionHandle, t.Sessions)}
	if err := c.Initialize(); err != nil {
		c.Destroy()
		return nil, err
	}
	if err := b.open(t); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return &side.Key{Signer: b, Close: b.close}, nil
}

func (b *binding) close() error {
	err := b.c.Finalize()
	b.c.Destroy()
	return err
}

// open opens the sessions, logs in with the first, and finds the key.
func (b *binding) open(t side.Token) error {
	slot, err := b.slot(t.Label)
	if err != nil {
		return err
	}
	for i := range t.Sessions {
		s, err := b.c.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
		if err != nil {
			return err
		}
		if i == 0 {
			if err := b.c.Login(s, pkcs11.CKU_USER, t.PIN); err != nil {
				return err
			}
			if err := b.find(s, t.Object); err != nil {
				return err
			}
		}
		b.sessions <- s
	}
	return nil
}

func (b *binding) slot(label string) (uint, error) {
	slots, err := b.c.GetSlotList(true)
	if err != nil {
		return 0, err
	}
	for _, slot := range slots {
		if info, err := b.c.GetTokenInfo(slot); err == nil && info.Label == label {
			return slot, nil
		}
	}
	return 0, fmt.Errorf("no token %q", label)
}

func (b *binding) find(s pkcs11.SessionHandle, label string) error {
	object := func(class uint) (pkcs11.ObjectHandle, error) {
		template := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class), pkcs11.NewAttribute(pkcs11.CKA_LABEL, label)}
		if err := b.c.FindObjectsInit(s, template); err != nil {
			return 0, err
		}
		found, _, err := b.c.FindObjects(s, 1)
		if err := errors.Join(err, b.c.FindObjectsFinal(s)); err != nil {
			return 0, err
		}
		if len(found) == 0 {
			return 0, fmt.Errorf("no object %q of class %d", label, class)
		}
		return found[0], nil
	}
	public, err := object(pkcs11.CKO_PUBLIC_KEY)
	if err != nil {
		return err
	}
	attributes, err := b.c.GetAttributeValue(s, public, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EC_POINT, nil)})
	if err != nil {
		return err
	}
	var point []byte
	if _, err := asn1.Unmarshal(attributes[0].Value, &point); err != nil {
		return err
	}
	if b.public, err = ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point); err != nil {
		return err
	}
	b.key, err = object(pkcs11.CKO_PRIVATE_KEY)
	return err
}

func (b *binding) Public() crypto.PublicKey { return b.public }

func (b *binding) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	s := <-b.sessions
	defer func() { b.sessions <- s }()
	if err := b.c.SignInit(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil)}, b.key); err != nil {
		return nil, err
	}
	rs, err := b.c.Sign(s, digest)
	if err != nil {
		return nil, err
	}
	half := len(rs) / 2
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(rs[:half]), new(big.Int).SetBytes(rs[half:])})
}
