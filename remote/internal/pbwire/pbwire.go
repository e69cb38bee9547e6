// Package pbwire converts between the messages of package wire and those of gRPC, package
// keyserverpb. No conversion copies the bytes of a signature, digest or message.
package pbwire

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"asynccrypto/remote/internal/wire"
	"asynccrypto/remote/keyserverpb"
)

// FromHello converts a hello. Numbers that [wire.Hello] cannot hold become its greatest.
func FromHello(p *keyserverpb.Hello) wire.Hello {
	return wire.Hello{
		Min:      uint16(min(p.GetMinVersion(), math.MaxUint16)),
		Max:      uint16(min(p.GetMaxVersion(), math.MaxUint16)),
		MaxFrame: p.GetMaxMessage(),
		InFlight: p.GetInFlight(),
	}
}

// ToHello converts a hello.
func ToHello(h wire.Hello) *keyserverpb.Hello {
	return &keyserverpb.Hello{
		MinVersion: uint32(h.Min), MaxVersion: uint32(h.Max), MaxMessage: h.MaxFrame, InFlight: h.InFlight,
	}
}

// FromRequest converts a request into r, whose Data then refers to p. The error's text is fit for an
// answer of the status [wire.Bad]; r.ID is set also then. As the parser of frames does, it leaves to
// [wire.Request.Check] what no server can do.
func FromRequest(p *keyserverpb.Request, r *wire.Request) error {
	*r = wire.Request{
		ID:      p.GetId(),
		Op:      wire.Op(number(p.GetOperation())),
		Name:    p.GetKeyName(),
		Hash:    wire.Hash(number(p.GetHash())),
		Padding: wire.Padding(number(p.GetPadding())),
		Context: string(p.GetContext()),
		Timeout: timeout(p.GetTimeoutMs()),
		Hedge:   p.GetHedge(),
	}
	if n := len(p.GetKey()); n != 0 && n != len(r.Key) {
		return fmt.Errorf("a key of %d bytes, where the SHA-256 of its public key has %d", n, len(r.Key))
	}
	copy(r.Key[:], p.GetKey())
	if p.GetSaltLength() > math.MaxUint16 {
		return fmt.Errorf("a salt of %d bytes", p.GetSaltLength())
	}
	r.Salt = uint16(p.GetSaltLength())
	switch {
	case r.Op == wire.OpList:
		r.Data = []byte(p.GetAfter())
	case p.GetDigest() != nil && p.GetMessage() != nil:
		return errors.New("a digest and a message")
	case r.Op == wire.OpSign && p.GetDigest() == nil && p.GetMessage() == nil:
		return errors.New("neither a digest nor a message")
	case p.GetMessage() != nil:
		r.Message, r.Data = true, p.GetMessage()
	default:
		r.Data = p.GetDigest()
	}
	return nil
}

// number is an enumeration's number, or 255, which is unknown in each of them.
func number[E ~int32](e E) uint8 {
	if e < 0 || e > math.MaxUint8 {
		return math.MaxUint8
	}
	return uint8(e)
}

func timeout(ms uint64) time.Duration {
	return time.Duration(min(ms, uint64(math.MaxInt64/time.Millisecond))) * time.Millisecond
}

// ToRequest converts a request that passes [wire.Request.Check]. The result refers to r.Data and
// r.Key.
func ToRequest(r *wire.Request) *keyserverpb.Request {
	p := &keyserverpb.Request{
		Id:         r.ID,
		Operation:  keyserverpb.Operation(r.Op),
		KeyName:    r.Name,
		Hash:       keyserverpb.Hash(r.Hash),
		Padding:    keyserverpb.Padding(r.Padding),
		SaltLength: uint32(r.Salt),
		TimeoutMs:  wire.Milliseconds(r.Timeout),
		Hedge:      r.Hedge,
	}
	if r.Key != (wire.KeyID{}) {
		p.Key = r.Key[:]
	}
	if r.Context != "" {
		p.Context = []byte(r.Context)
	}
	switch {
	case r.Op == wire.OpList:
		p.After = string(r.Data)
	case r.Op == wire.OpSign && r.Message:
		p.Message = present(r.Data)
	case r.Op == wire.OpSign:
		p.Digest = present(r.Data)
	}
	return p
}

// present is b as the value of an optional field, which nil says is not there.
func present(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// FromAnswer converts an answer into a, whose Data then refers to p, except that of a list.
func FromAnswer(p *keyserverpb.Answer, a *wire.Answer) error {
	*a = wire.Answer{ID: p.GetId(), Status: wire.Status(number(p.GetStatus()))}
	switch {
	case a.ID == 0:
		return fmt.Errorf("%w: an answer to no request", wire.ErrMalformed)
	case a.Status != wire.OK:
		a.Text = wire.CleanText(p.GetText())
	case len(p.GetKeys()) == 0:
		a.Data = p.GetSignature()
	default:
		for _, k := range p.GetKeys() {
			var err error
			key := wire.Key{Name: k.GetName(), SPKI: k.GetPublicKey(), Rules: k.GetAllowed()}
			a.Data, err = wire.AppendKey(a.Data, key)
			if err != nil {
				return fmt.Errorf("%w: %w", wire.ErrMalformed, err)
			}
		}
	}
	return nil
}

// ToAnswer converts the answer to a request of the operation op. The result refers to a.Data, except
// that of a list. The error is that of a list that is malformed.
func ToAnswer(op wire.Op, a *wire.Answer) (*keyserverpb.Answer, error) {
	p := &keyserverpb.Answer{Id: a.ID, Status: keyserverpb.Status(a.Status)}
	switch {
	case a.Status != wire.OK:
		p.Text = strings.ToValidUTF8(wire.CutText(a.Text), "?")
	case op == wire.OpList:
		keys, err := wire.ParseKeys(a.Data)
		if err != nil {
			return nil, err
		}
		p.Keys = make([]*keyserverpb.Key, len(keys))
		for i, k := range keys {
			p.Keys[i] = &keyserverpb.Key{Name: k.Name, PublicKey: k.SPKI, Allowed: k.Rules}
		}
	default:
		p.Signature = a.Data
	}
	return p, nil
}
