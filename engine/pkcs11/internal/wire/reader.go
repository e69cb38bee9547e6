package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"asynccrypto/engine/pkcs11/internal/ck"
)

// A Stream reads messages. They may hold a PIN or a plaintext, so the Stream overwrites memory that
// it moves them out of, and Wipe the rest.
type Stream struct {
	r          io.Reader
	b          []byte
	start, end int // b[start:end] has been read and not yet given out
}

// NewStream returns a Stream of r. It reads ahead as much as r gives, up to a fixed size.
func NewStream(r io.Reader) *Stream { return &Stream{r: r, b: make([]byte, 4096)} }

// take returns the next n bytes. They are valid until the next call of take or Wipe.
func (s *Stream) take(n int) ([]byte, error) {
	if n > len(s.b)-s.start { // more than fits behind start: move to the front of b, or of a larger b
		old := s.b
		if n > len(s.b) {
			s.b = make([]byte, n)
		}
		k := copy(s.b, old[s.start:s.end])
		if n > len(old) {
			clear(old[:s.end])
		} else {
			clear(s.b[k:s.end])
		}
		s.start, s.end = 0, k
	}
	for s.end-s.start < n {
		k, err := s.r.Read(s.b[s.end:])
		s.end += k
		if err != nil && s.end-s.start < n {
			if err == io.EOF && s.end > s.start {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	p := s.b[s.start : s.start+n]
	s.start += n
	return p, nil
}

// Byte reads the version.
func (s *Stream) Byte() (byte, error) {
	p, err := s.take(1)
	if err != nil {
		return 0, err
	}
	return p[0], nil
}

// ErrTooLong is returned for a message of more than [MaxMessage] bytes.
var ErrTooLong = errors.New("a message is too long")

// Next reads a message. Its body is valid until the next call of Next or Wipe.
func (s *Stream) Next() (serial uint32, body *Reader, err error) {
	h, err := s.take(12)
	if err != nil {
		return 0, nil, err
	}
	serial = binary.BigEndian.Uint32(h)
	options, length := uint64(binary.BigEndian.Uint32(h[4:])), uint64(binary.BigEndian.Uint32(h[8:]))
	if options+length > MaxMessage {
		return 0, nil, fmt.Errorf("%w: its %d bytes are more than %d", ErrTooLong, options+length, MaxMessage)
	}
	p, err := s.take(int(options + length))
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return 0, nil, err
	}
	return serial, &Reader{b: p[options:]}, nil
}

// Wipe overwrites everything that was given out with zeros.
func (s *Stream) Wipe() {
	clear(s.b[:s.start])
	if s.start == s.end {
		s.start, s.end = 0, 0
	}
}

// A Reader takes the body of a message apart. After an error all further values are zero, so it is
// enough to look at Err at the end.
type Reader struct {
	b   []byte
	bad bool
}

// Err returns an error if a value was cut short or had an impossible length.
func (r *Reader) Err() error {
	if r.bad {
		return errors.New("a message is cut short or malformed")
	}
	return nil
}

// raw returns the next n bytes, or nil and sets bad.
func (r *Reader) raw(n uint32) []byte {
	if uint64(n) > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

// Request reads the call of a request. It is Failed if the call or its types are not known.
func (r *Reader) Request() Call { return r.call(true) }

// Response reads the call of an answer.
func (r *Reader) Response() Call { return r.call(false) }

func (r *Reader) call(request bool) Call {
	c := Call(r.Uint32())
	types := r.String()
	known, ok := calls[c]
	want := known.response
	if request {
		want = known.request
	}
	if !ok || string(types) != want || request && c == Failed {
		r.bad, r.b = true, nil
		return Failed
	}
	return c
}

// Byte reads a byte: y.
func (r *Reader) Byte() byte {
	if p := r.raw(1); p != nil {
		return p[0]
	}
	return 0
}

// Uint32 reads a length or a type.
func (r *Reader) Uint32() uint32 {
	if p := r.raw(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

// length reads the length of data that is not sent. It is at most MaxMessage+1, so that an int can
// hold it.
func (r *Reader) length() int { return int(min(r.Uint32(), MaxMessage+1)) }

// Ulong reads a number: u.
func (r *Reader) Ulong() uint64 {
	if p := r.raw(8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

// String reads a string. It is nil if it is absent.
func (r *Reader) String() []byte {
	n := r.Uint32()
	if n == None {
		return nil
	}
	return r.raw(n)
}

// Array reads bytes, ay. If ok is false they were not sent, and n is how many there would be.
func (r *Reader) Array() (p []byte, n int, ok bool) {
	if r.Byte() == 0 {
		return nil, r.length(), false
	}
	p = r.String()
	return p, len(p), true
}

// Ulongs reads numbers, au. If ok is false they were not sent, and n is how many there would be.
func (r *Reader) Ulongs() (v []uint64, n int, ok bool) {
	if r.Byte() == 0 {
		return nil, r.length(), false
	}
	count := r.Uint32()
	if uint64(count) > uint64(len(r.b)/8) {
		r.bad, r.b = true, nil
		return nil, 0, false
	}
	v = make([]uint64, count)
	for i := range v {
		v[i] = r.Ulong()
	}
	return v, len(v), true
}

// Attributes reads the number of attributes that follow: aA or fA. It is 0 if there cannot be so
// many.
func (r *Reader) Attributes() int {
	n := r.Uint32()
	if uint64(n) > uint64(len(r.b)/5) { // the shortest attribute
		r.bad, r.b = true, nil
		return 0
	}
	return int(n)
}

// Attribute reads one of the attributes of aA. The size is in the server's memory. If ok is false,
// the object lacks or hides the attribute. Bytes are valid as long as the message.
func (r *Reader) Attribute() (a ck.Attribute, size int, ok bool) {
	a.Type = uint64(r.Uint32())
	if r.Byte() == 0 {
		return a, 0, false
	}
	size = r.length()
	switch ck.KindOf(a.Type) {
	case ck.Number:
		a.Number = r.Ulong()
	case ck.Bool:
		a.Bool = r.Byte() != 0
	default:
		a.Bytes = r.String()
		if len(a.Bytes) > size {
			r.bad = true
		}
	}
	return a, size, !r.bad
}

// Room reads one of the attributes of fA.
func (r *Reader) Room() (attr uint64, room int) {
	return uint64(r.Uint32()), r.length()
}

// Mechanism reads a mechanism: M.
func (r *Reader) Mechanism(version byte) (m ck.Mechanism) {
	m.Type = uint64(r.Uint32())
	if version >= 2 {
		if listedWithoutParameters(m.Type) || r.Byte() == 0 {
			return m
		}
	}
	switch m.Type {
	case ck.MechRSAPKCSPSS:
		m.PSS = &ck.PSS{Hash: r.Ulong(), MGF: r.Ulong(), Salt: r.Ulong()}
	case ck.MechRSAPKCSOAEP:
		m.OAEP = &ck.OAEP{Hash: r.Ulong(), MGF: r.Ulong()}
		if r.Ulong() != dataSpecified {
			r.bad = true
		}
		m.OAEP.Label = r.String()
	default:
		r.String()
	}
	return m
}
