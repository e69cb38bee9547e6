package faketoken

import (
	"bufio"
	"io"
	"maps"
	"net"
	"slices"
	"strings"

	"asynccrypto/engine/pkcs11/internal/ck"
	"asynccrypto/engine/pkcs11/internal/wire"
)

// conn is a connection: one application, in PKCS #11's words.
type conn struct {
	m        *Module
	number   int
	version  byte
	out      wire.Writer
	last     ck.Session
	sessions map[ck.Session]*session
}

// serve answers until the other side closes the connection.
func (c *conn) serve(rw net.Conn) {
	defer rw.Close()
	defer c.m.Do(func() {
		for _, s := range c.sessions {
			s.token.sessions--
		}
	})
	// The client writes the requests of an operation at once, before it reads. They are read at once
	// too, because a pipe has no buffer: the first answer would wait for the end of that Write.
	in := wire.NewStream(bufio.NewReaderSize(rw, 1<<16))
	version, err := in.Byte()
	if err != nil || c.m.Old && version != 0 {
		return
	}
	c.version = min(version, c.m.MaxVersion)
	if _, err := rw.Write([]byte{c.version}); err != nil {
		return
	}
	for {
		serial, r, err := in.Next()
		if err == nil {
			err = c.answer(serial, r)
		}
		if err == ErrHang {
			io.Copy(io.Discard, rw)
		}
		if err != nil {
			return
		}
		if _, err := rw.Write(c.out.Bytes()); err != nil {
			return
		}
		c.out.Wipe()
	}
}

// answer carries out a request and puts the answer into c.out.
func (c *conn) answer(serial uint32, r *wire.Reader) error {
	call := r.Request()
	if r.Err() != nil {
		return r.Err()
	}
	var hook Hook
	c.m.Do(func() {
		c.m.calls[call]++
		hook = c.m.hook
	})
	err := hook(c.number, call)
	c.m.Do(func() {
		if err == nil {
			c.out.Response(serial, call)
			err = c.carryOut(call, r)
		} else if s := c.sessions[ck.Session(r.Ulong())]; s != nil && (call == wire.Sign || call == wire.Decrypt) {
			s.begin = 0 // an operation that fails ends
		}
	})
	if err == nil {
		err = r.Err()
	}
	if rv, ok := err.(ck.Error); ok {
		c.out.Wipe()
		c.out.Response(serial, wire.Failed)
		c.out.Ulong(uint64(rv))
		err = nil
	}
	if err == nil {
		c.out.End()
	}
	return err
}

// carryOut carries out a call and appends its results to c.out.
func (c *conn) carryOut(call wire.Call, r *wire.Reader) error {
	switch call {
	case wire.Initialize:
		magic, _, _ := r.Array()
		if string(magic) != wire.Magic {
			return ck.RVGeneralError
		}
		return nil
	case wire.GetSlotList:
		r.Byte()
		slots := make([]uint64, len(c.m.Tokens))
		for i := range slots {
			slots[i] = uint64(i + 1)
		}
		c.list(slots, r.Uint32())
		return nil
	case wire.GetSlotInfo, wire.GetTokenInfo, wire.GetMechanismList, wire.OpenSession:
		slot := ck.Slot(r.Ulong())
		if slot == 0 || int(slot) > len(c.m.Tokens) {
			return ck.RVSlotIDInvalid
		}
		return c.ofSlot(call, c.m.Tokens[slot-1], r)
	}
	handle := ck.Session(r.Ulong())
	s, ok := c.sessions[handle]
	if !ok {
		return ck.RVSessionHandleInvalid
	}
	switch call {
	case wire.CloseSession:
		s.token.sessions--
		delete(c.sessions, handle)
		return nil
	case wire.Login:
		return s.login(r)
	case wire.GetAttributeValue:
		return c.attributes(s, r)
	case wire.FindObjectsInit:
		return s.find(r)
	case wire.FindObjects:
		if !s.finding {
			return ck.RVOperationNotInitialized
		}
		n := min(int(r.Uint32()), len(s.found))
		c.out.Ulongs(s.found[:n])
		s.found = s.found[n:]
		return nil
	case wire.FindObjectsFinal:
		s.finding, s.found = false, nil
		return nil
	case wire.SignInit, wire.DecryptInit:
		return s.init(call, r.Mechanism(c.version), ck.Object(r.Ulong()))
	case wire.Sign, wire.Decrypt:
		input, _, _ := r.Array()
		result, err := s.operate(call, input)
		if err != nil {
			return err
		}
		c.out.Array(result)
		return nil
	}
	return ck.RVFunctionNotSupported
}

// ofSlot carries out a call whose argument is a slot.
func (c *conn) ofSlot(call wire.Call, t *Token, r *wire.Reader) error {
	switch call {
	case wire.GetSlotInfo:
		c.text("fake slot", 64)
		c.text("asynccrypto", 32)
		c.out.Ulong(1)
		c.out.Uint32(0) // two versions
	case wire.GetTokenInfo:
		c.text(t.Label, 32)
		c.text(t.Manufacturer, 32)
		c.text(t.Model, 16)
		c.text(t.Serial, 16)
		c.out.Ulong(t.flags())
		c.out.Ulong(t.MaxSessions)
		for range 9 { // other counts
			c.out.Ulong(0)
		}
		c.out.Uint32(0) // two versions
		c.text("", 16)
	case wire.GetMechanismList:
		c.list(slices.Sorted(maps.Keys(kinds)), r.Uint32())
	case wire.OpenSession:
		if t.Capacity > 0 && t.sessions >= t.Capacity {
			return ck.RVSessionCount
		}
		t.sessions++
		s := &session{token: t, loggedIn: new(bool)}
		for _, other := range c.sessions {
			if other.token == t {
				s.loggedIn = other.loggedIn
			}
		}
		c.last++
		c.sessions[c.last] = s
		c.out.Ulong(uint64(c.last))
	}
	return nil
}

// list appends numbers, or how many there are if there is not enough room for them.
func (c *conn) list(v []uint64, room uint32) {
	if int(room) < len(v) {
		c.out.Length(len(v))
	} else {
		c.out.Ulongs(v)
	}
}

// text appends a string that is padded to n bytes.
func (c *conn) text(s string, n int) { c.out.String(s + strings.Repeat(" ", n-len(s))) }
