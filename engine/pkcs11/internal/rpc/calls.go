package rpc

import (
	"bytes"
	"fmt"
	"strings"

	"asynccrypto/engine/pkcs11/internal/ck"
	"asynccrypto/engine/pkcs11/internal/wire"
)

// Slots returns the slots that hold a token. Modules look for new ones when they are asked for the
// number of slots, so that is done first.
func (c *Conn) Slots() ([]ck.Slot, error) {
	v, err := c.list(wire.GetSlotList, func() { c.out.Byte(1) })
	slots := make([]ck.Slot, len(v))
	for i := range v {
		slots[i] = ck.Slot(v[i])
	}
	return slots, err
}

// Mechanisms returns the types of mechanisms that the token has.
func (c *Conn) Mechanisms(s ck.Slot) ([]uint64, error) {
	return c.list(wire.GetMechanismList, func() { c.out.Ulong(uint64(s)) })
}

// list calls a function that returns numbers twice: for their count, and for the numbers.
func (c *Conn) list(f wire.Call, args func()) ([]uint64, error) {
	defer c.done()
	room := 0
	for range 4 { // the number may grow meanwhile
		c.request(f)
		args()
		c.out.Uint32(uint32(room))
		c.out.End()
		r, err := c.call(f)
		if err != nil {
			return nil, err
		}
		v, n, ok := r.Ulongs()
		if err := c.end(f, r); err != nil || ok || n == 0 {
			return v, err
		}
		if n > wire.MaxMessage/16 {
			return nil, c.fail(fmt.Errorf("the answer to %v: %d are too many", f, n))
		}
		room = n
	}
	return nil, ck.RVBufferTooSmall
}

// SlotInfo describes a slot.
func (c *Conn) SlotInfo(s ck.Slot) (ck.SlotInfo, error) {
	defer c.done()
	c.request(wire.GetSlotInfo)
	c.out.Ulong(uint64(s))
	c.out.End()
	r, err := c.call(wire.GetSlotInfo)
	if err != nil {
		return ck.SlotInfo{}, err
	}
	i := ck.SlotInfo{Description: text(r), Manufacturer: text(r)}
	return i, c.end(wire.GetSlotInfo, r)
}

// TokenInfo describes the token in a slot.
func (c *Conn) TokenInfo(s ck.Slot) (ck.TokenInfo, error) {
	defer c.done()
	c.request(wire.GetTokenInfo)
	c.out.Ulong(uint64(s))
	c.out.End()
	r, err := c.call(wire.GetTokenInfo)
	if err != nil {
		return ck.TokenInfo{}, err
	}
	t := ck.TokenInfo{Label: text(r), Manufacturer: text(r), Model: text(r), Serial: text(r), Flags: r.Ulong(), MaxSessions: r.Ulong()}
	return t, c.end(wire.GetTokenInfo, r)
}

// text reads a string without its padding. Some modules pad with zero bytes. No string of
// Cryptoki's structures has more than 64 bytes; further bytes are left out.
func text(r *wire.Reader) string {
	b := r.String()
	return strings.TrimRight(string(b[:min(len(b), 64)]), " \x00")
}

// OpenSession opens a session that reads only.
func (c *Conn) OpenSession(s ck.Slot) (ck.Session, error) {
	defer c.done()
	c.request(wire.OpenSession)
	c.out.Ulong(uint64(s))
	c.out.Ulong(ck.FlagSerialSession)
	c.out.End()
	r, err := c.call(wire.OpenSession)
	if err != nil {
		return 0, err
	}
	return ck.Session(r.Ulong()), c.end(wire.OpenSession, r)
}

// CloseSession closes a session.
func (c *Conn) CloseSession(s ck.Session) error {
	defer c.done()
	c.request(wire.CloseSession)
	c.out.Ulong(uint64(s))
	c.out.End()
	_, err := c.call(wire.CloseSession)
	return err
}

// Login logs the user in.
func (c *Conn) Login(s ck.Session, pin []byte) error {
	defer c.done()
	c.login(s, ck.User, pin)
	_, err := c.call(wire.Login)
	return err
}

// login passes NULL for an empty PIN: the user then types it at the token.
func (c *Conn) login(s ck.Session, user uint64, pin []byte) {
	c.request(wire.Login)
	c.out.Ulong(uint64(s))
	c.out.Ulong(user)
	if len(pin) == 0 {
		c.out.Length(0)
	} else {
		c.out.Array(pin)
	}
	c.out.End()
}

// Find returns the objects that have all the attributes of the template, at most limit of them.
func (c *Conn) Find(s ck.Session, template []ck.Attribute, limit int) ([]ck.Object, error) {
	defer c.done()
	c.request(wire.FindObjectsInit)
	c.out.Ulong(uint64(s))
	c.out.Attributes(template)
	c.out.End()
	if _, err := c.call(wire.FindObjectsInit); err != nil {
		return nil, err
	}
	found, err := c.find(s, limit)
	c.request(wire.FindObjectsFinal)
	c.out.Ulong(uint64(s))
	c.out.End()
	if _, err2 := c.call(wire.FindObjectsFinal); err == nil {
		err = err2
	}
	return found, err
}

// find collects the objects. A module may return fewer than it is asked for; none means the end.
func (c *Conn) find(s ck.Session, limit int) (found []ck.Object, err error) {
	for len(found) < limit {
		c.request(wire.FindObjects)
		c.out.Ulong(uint64(s))
		c.out.Uint32(uint32(min(limit-len(found), 1024)))
		c.out.End()
		r, err := c.call(wire.FindObjects)
		if err != nil {
			return nil, err
		}
		v, _, _ := r.Ulongs()
		if err := c.end(wire.FindObjects, r); err != nil {
			return nil, err
		}
		if len(v) == 0 {
			break
		}
		for _, o := range v[:min(len(v), limit-len(found))] {
			found = append(found, ck.Object(o))
		}
	}
	return found, nil
}

// roomForAttribute is enough for most certificates. The server's answer is only as long as the
// values are.
const roomForAttribute = 4096

// Attributes returns those of the wanted types that the object has and shows. Values that need more
// room cost two calls more.
func (c *Conn) Attributes(s ck.Session, o ck.Object, types []uint64) ([]ck.Attribute, error) {
	defer c.done()
	a, _, err := c.attributes(s, o, types, func(int) int { return roomForAttribute })
	if err != ck.RVBufferTooSmall {
		return a, err
	}
	_, sizes, err := c.attributes(s, o, types, func(int) int { return 0 })
	if err != nil {
		return nil, err
	}
	a, _, err = c.attributes(s, o, types, func(i int) int { return min(max(sizes[i], 1), wire.MaxMessage/2) })
	return a, err
}

// attributes asks for attributes in one call. An attribute that the object lacks or hides is left
// out, and its size is 0.
func (c *Conn) attributes(s ck.Session, o ck.Object, types []uint64, room func(int) int) (as []ck.Attribute, sizes []int, err error) {
	c.request(wire.GetAttributeValue)
	c.out.Ulong(uint64(s))
	c.out.Ulong(uint64(o))
	c.out.Rooms(types, room)
	c.out.End()
	r, err := c.call(wire.GetAttributeValue)
	if err != nil {
		return nil, nil, err
	}
	if n := r.Attributes(); n != len(types) && r.Err() == nil {
		return nil, nil, c.fail(fmt.Errorf("%d attributes in an answer instead of %d", n, len(types)))
	}
	sizes = make([]int, len(types))
	for i, t := range types {
		a, size, ok := r.Attribute()
		if a.Type != t && r.Err() == nil {
			return nil, nil, c.fail(fmt.Errorf("attribute %#x in an answer instead of %#x", a.Type, t))
		}
		if !ok || size == 0 && ck.KindOf(t) != ck.Bytes {
			continue
		}
		sizes[i] = size
		a.Bytes = bytes.Clone(a.Bytes)
		as = append(as, a)
	}
	rv := ck.Error(r.Ulong())
	if err := c.end(wire.GetAttributeValue, r); err != nil {
		return nil, nil, err
	}
	switch rv {
	case 0, ck.RVAttributeTypeInvalid, ck.RVAttributeSensitive:
		return as, sizes, nil
	}
	return nil, nil, rv
}

// roomForResult is more than a signature of any RSA key takes.
const roomForResult = 4096

// Sign signs in one step and in one round trip: all requests go in one write. With a PIN it takes
// two, because a module may try the PIN, and count a wrong one, though no operation has begun.
func (c *Conn) Sign(s ck.Session, m ck.Mechanism, key ck.Object, input, pin []byte) ([]byte, error) {
	return c.operate(wire.SignInit, wire.Sign, s, m, key, input, pin)
}

// Decrypt decrypts in one step, as Sign signs.
func (c *Conn) Decrypt(s ck.Session, m ck.Mechanism, key ck.Object, input, pin []byte) ([]byte, error) {
	return c.operate(wire.DecryptInit, wire.Decrypt, s, m, key, input, pin)
}

func (c *Conn) operate(begin, end wire.Call, s ck.Session, m ck.Mechanism, key ck.Object, input, pin []byte) ([]byte, error) {
	if len(input)+len(pin) > wire.MaxMessage/2 {
		return nil, ck.RVDataLenRange
	}
	defer c.done()
	c.request(begin)
	c.out.Ulong(uint64(s))
	c.out.Mechanism(c.version, &m)
	c.out.Ulong(uint64(key))
	c.out.End()
	if pin != nil {
		if _, err := c.call(begin); err != nil {
			return nil, err
		}
		c.login(s, ck.ContextSpecific, pin)
	}
	c.request(end)
	c.out.Ulong(uint64(s))
	c.out.Array(input)
	c.out.Uint32(roomForResult)
	c.out.End()

	if err := c.send(); err != nil {
		return nil, err
	}
	// Every answer is read, so that the connection stays in step. The first error counts: those
	// behind it follow from it.
	first := begin
	if pin != nil {
		first = wire.Login
	}
	_, err := c.answer(first)
	r, err2 := c.answer(end)
	switch {
	case c.err != nil:
		return nil, c.err
	case err != nil:
		return nil, err
	case err2 != nil:
		return nil, err2
	}
	p, _, ok := r.Array()
	if err := c.end(end, r); err != nil {
		return nil, err
	}
	if !ok {
		return nil, ck.RVBufferTooSmall
	}
	return bytes.Clone(p), nil
}
