package direct

import (
	"bytes"

	"asynccrypto/engine/pkcs11/internal/ck"
)

// maxAnswer bounds the room that the module may ask for, in bytes.
const maxAnswer = 1 << 20

// SlotInfo describes a slot.
func (c *conn) SlotInfo(s ck.Slot) (ck.SlotInfo, error) {
	return info(c, func(r *record) ck.SlotInfo {
		return ck.SlotInfo{Description: r.text(64), Manufacturer: r.text(32)}
	}, getSlotInfo, uintptr(s))
}

// TokenInfo describes the token in a slot.
func (c *conn) TokenInfo(s ck.Slot) (ck.TokenInfo, error) {
	return info(c, func(r *record) ck.TokenInfo {
		t := ck.TokenInfo{Label: r.text(32), Manufacturer: r.text(32), Model: r.text(16), Serial: r.text(16), Flags: r.ulong(), MaxSessions: r.ulong()}
		if t.MaxSessions >= unavailable-1 { // a CK_ULONG may have 32 bits
			t.MaxSessions = ^uint64(0)
		}
		return t
	}, getTokenInfo, uintptr(s))
}

// info calls a function whose last argument is a structure that it fills.
func info[T any](c *conn, read func(*record) T, f function, args ...uintptr) (T, error) {
	if err := c.begin(); err != nil {
		var none T
		return none, err
	}
	return run(c, func() (v T, err error) {
		r := &record{b: c.mem.room(infoSize)}
		if err = c.call(f, append(args, address(r.b))...); err == nil {
			v = read(r)
		}
		return v, err
	})
}

// Slots returns the slots that hold a token.
func (c *conn) Slots() ([]ck.Slot, error) {
	v, err := c.list(getSlotList, 1)
	slots := make([]ck.Slot, len(v))
	for i := range v {
		slots[i] = ck.Slot(v[i])
	}
	return slots, err
}

// Mechanisms returns the types of mechanisms that the token has.
func (c *conn) Mechanisms(s ck.Slot) ([]uint64, error) { return c.list(getMechanismList, uintptr(s)) }

// list calls a function that returns numbers twice: for their count, and for the numbers.
func (c *conn) list(f function, arg uintptr) ([]uint64, error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	return run(c, func() ([]uint64, error) {
		n := c.mem.ulong(0)
		for range 4 { // the number may grow meanwhile
			if err := c.call(f, arg, 0, address(n)); err != nil || number(n) == 0 {
				return nil, err
			}
			if number(n) > maxAnswer/ulongSize {
				return nil, ck.RVBufferTooSmall
			}
			b := c.mem.room(int(number(n)) * ulongSize)
			switch err := c.call(f, arg, address(b), address(n)); err {
			case nil:
				return numbers(b, n), nil
			case ck.RVBufferTooSmall:
			default:
				return nil, err
			}
		}
		return nil, ck.RVBufferTooSmall
	})
}

// numbers returns the first n of the numbers in b, or as many as it has.
func numbers(b, n []byte) []uint64 {
	v := make([]uint64, min(number(n), uint64(len(b)/ulongSize)))
	for i := range v {
		v[i] = number(b[i*ulongSize:][:ulongSize])
	}
	return v
}

// OpenSession opens a session that reads only.
func (c *conn) OpenSession(s ck.Slot) (ck.Session, error) {
	if err := c.begin(); err != nil {
		return 0, err
	}
	return run(c, func() (ck.Session, error) {
		h := c.mem.ulong(0)
		if err := c.call(openSession, uintptr(s), ck.FlagSerialSession, 0, 0, address(h)); err != nil {
			return 0, err
		}
		session := ck.Session(number(h))
		c.sessions = append(c.sessions, session)
		return session, nil
	})
}

// CloseSession closes a session.
func (c *conn) CloseSession(s ck.Session) error {
	if err := c.begin(); err != nil {
		return err
	}
	return c.closeSession(s)
}

func (c *conn) closeSession(s ck.Session) error {
	return c.run(func() error {
		// The session is not closed again, even after an error: another session may get its number.
		c.forget(s)
		// The module is called also if nobody waits any more, for end does not know the session.
		return c.lib.call(closeSession, uintptr(s))
	})
}

// run is the function run for calls that return no more than an error.
func (c *conn) run(f func() error) error {
	_, err := run(c, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

// Login logs the user in.
func (c *conn) Login(s ck.Session, pin []byte) error {
	if err := c.begin(); err != nil {
		return err
	}
	pin = c.mem.copy(pin)
	return c.run(func() error { return c.login(s, ck.User, pin) })
}

// login passes NULL for an empty PIN: the user then types it at the token, if the token has a PIN
// pad.
func (c *conn) login(s ck.Session, user uintptr, pin []byte) error {
	return c.call(login, uintptr(s), user, addressIfAny(pin), uintptr(len(pin)))
}

// Find returns the objects that have all the attributes of the template, at most limit of them.
func (c *conn) Find(s ck.Session, template []ck.Attribute, limit int) ([]ck.Object, error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	t := c.mem.template(template)
	return run(c, func() ([]ck.Object, error) {
		if err := c.call(findObjectsInit, uintptr(s), address(t), uintptr(len(template))); err != nil {
			return nil, err
		}
		found, err := c.find(s, limit)
		if err2 := c.call(findObjectsFinal, uintptr(s)); err == nil {
			err = err2
		}
		return found, err
	})
}

// find collects the objects. A module may return fewer than it is asked for; none means the end.
func (c *conn) find(s ck.Session, limit int) (found []ck.Object, err error) {
	b, n := c.mem.room(64*ulongSize), c.mem.ulong(0)
	for len(found) < limit {
		room := min(limit-len(found), 64)
		if err := c.call(findObjects, uintptr(s), address(b), uintptr(room), address(n)); err != nil {
			return nil, err
		}
		objects := numbers(b[:room*ulongSize], n)
		if len(objects) == 0 {
			break
		}
		for _, o := range objects {
			found = append(found, ck.Object(o))
		}
	}
	return found, nil
}

// Attributes returns those of the wanted types that the object has and shows. It asks for the
// sizes, and then for the values.
func (c *conn) Attributes(s ck.Session, o ck.Object, types []uint64) ([]ck.Attribute, error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	request := c.mem.room(len(types) * attributeSize)
	r := record{b: request}
	for _, t := range types {
		r.putUlong(t)
		r.putAddress(0)
		r.putUlong(unavailable)
	}
	return run(c, func() ([]ck.Attribute, error) {
		if err := c.attributes(s, o, request); err != nil {
			return nil, err
		}
		values, err := c.mem.values(request)
		if err != nil {
			return nil, err
		}
		if err := c.attributes(s, o, request); err != nil {
			return nil, err
		}
		return results(request, values), nil
	})
}

// attributes calls C_GetAttributeValue. An attribute that is missing or sensitive is no error here:
// its length says so.
func (c *conn) attributes(s ck.Session, o ck.Object, request []byte) error {
	err := c.call(getAttributeValue, uintptr(s), uintptr(o), address(request), uintptr(len(request)/attributeSize))
	if err == ck.RVAttributeTypeInvalid || err == ck.RVAttributeSensitive {
		return nil
	}
	return err
}

// roomForResult is more than a signature of any RSA key takes.
const roomForResult = 4096

// Sign signs in one step.
func (c *conn) Sign(s ck.Session, m ck.Mechanism, key ck.Object, input, pin []byte) ([]byte, error) {
	return c.operate(signInit, sign, s, &m, key, input, pin)
}

// Decrypt decrypts in one step, as Sign signs.
func (c *conn) Decrypt(s ck.Session, m ck.Mechanism, key ck.Object, input, pin []byte) ([]byte, error) {
	return c.operate(decryptInit, decrypt, s, &m, key, input, pin)
}

func (c *conn) operate(begin, end function, s ck.Session, m *ck.Mechanism, key ck.Object, input, pin []byte) ([]byte, error) {
	if len(input) > maxAnswer/2 {
		return nil, ck.RVDataLenRange
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	mechanism := c.mem.mechanism(m)
	input = c.mem.copy(input)
	authenticate := pin != nil
	pin = c.mem.copy(pin)
	return run(c, func() ([]byte, error) {
		if err := c.call(begin, uintptr(s), address(mechanism), uintptr(key)); err != nil {
			return nil, err
		}
		if authenticate {
			if err := c.login(s, ck.ContextSpecific, pin); err != nil {
				return nil, err
			}
		}
		out, n := c.mem.room(roomForResult), c.mem.ulong(roomForResult)
		if err := c.call(end, uintptr(s), address(input), uintptr(len(input)), address(out), address(n)); err != nil {
			return nil, err
		}
		return bytes.Clone(out[:min(number(n), roomForResult)]), nil
	})
}
