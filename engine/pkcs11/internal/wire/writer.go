package wire

import (
	"encoding/binary"
	"runtime"
	"strconv"

	"asynccrypto/engine/pkcs11/internal/ck"
)

// ulongSize is the size of CK_ULONG in the helper's memory. The helper is taken to be a program for
// this kind of machine. The values themselves are always sent as 8 bytes.
const ulongSize = strconv.IntSize / 8

func sizeOfUlong() uint32 {
	if runtime.GOOS == "windows" {
		return 4
	}
	return ulongSize
}

// A Writer builds messages, one behind the other. When it moves to larger memory it wipes the old
// one, because a message may hold a PIN. The zero Writer is empty.
type Writer struct {
	b     []byte
	start int // of the body of the last message
}

// Bytes returns the messages. They are valid until the Writer is used again.
func (w *Writer) Bytes() []byte { return w.b }

// Wipe overwrites the messages with zeros, and empties the Writer.
func (w *Writer) Wipe() {
	clear(w.b)
	w.b, w.start = w.b[:0], 0
}

// Request begins the request of a call.
func (w *Writer) Request(serial uint32, c Call) { w.begin(serial, c, calls[c].request) }

// Response begins the answer to a call.
func (w *Writer) Response(serial uint32, c Call) { w.begin(serial, c, calls[c].response) }

func (w *Writer) begin(serial uint32, c Call, types string) {
	w.Uint32(serial)
	w.Uint32(0)
	w.Uint32(0) // End sets it
	w.start = len(w.b)
	w.Uint32(uint32(c))
	w.String(types)
}

// End ends the message that was begun last.
func (w *Writer) End() {
	binary.BigEndian.PutUint32(w.b[w.start-4:], uint32(len(w.b)-w.start))
}

// grow makes room for n bytes more.
func (w *Writer) grow(n int) {
	if len(w.b)+n <= cap(w.b) {
		return
	}
	b := make([]byte, len(w.b), max(2*cap(w.b), len(w.b)+n, 512))
	copy(b, w.b)
	clear(w.b)
	w.b = b
}

// Byte appends a byte: y.
func (w *Writer) Byte(v byte) {
	w.grow(1)
	w.b = append(w.b, v)
}

// Uint32 appends a length or a type.
func (w *Writer) Uint32(v uint32) {
	w.grow(4)
	w.b = binary.BigEndian.AppendUint32(w.b, v)
}

// Ulong appends a number: u.
func (w *Writer) Ulong(v uint64) {
	w.grow(8)
	w.b = binary.BigEndian.AppendUint64(w.b, v)
}

// String appends a string: its length and its bytes.
func (w *Writer) String(s string) {
	w.grow(4 + len(s))
	w.b = binary.BigEndian.AppendUint32(w.b, uint32(len(s)))
	w.b = append(w.b, s...)
}

// Array appends bytes that are there: ay.
func (w *Writer) Array(p []byte) {
	w.grow(5 + len(p))
	w.b = append(w.b, 1)
	w.b = binary.BigEndian.AppendUint32(w.b, uint32(len(p)))
	w.b = append(w.b, p...)
}

// Length appends an array of n elements that are not sent: ay or au.
func (w *Writer) Length(n int) {
	w.Byte(0)
	w.Uint32(uint32(n))
}

// Ulongs appends numbers that are there: au.
func (w *Writer) Ulongs(v []uint64) {
	w.Byte(1)
	w.Uint32(uint32(len(v)))
	for _, v := range v {
		w.Ulong(v)
	}
}

// Attributes appends attributes with their values: aA.
func (w *Writer) Attributes(a []ck.Attribute) {
	w.Uint32(uint32(len(a)))
	for i := range a {
		w.Attribute(&a[i])
	}
}

// Attribute appends one of the attributes of aA.
func (w *Writer) Attribute(a *ck.Attribute) {
	w.Uint32(uint32(a.Type))
	w.Byte(1)
	switch ck.KindOf(a.Type) {
	case ck.Number:
		w.Uint32(sizeOfUlong())
		w.Ulong(a.Number)
	case ck.Bool:
		w.Uint32(1)
		if a.Bool {
			w.Byte(1)
		} else {
			w.Byte(0)
		}
	default:
		w.Uint32(uint32(len(a.Bytes)))
		w.Uint32(uint32(len(a.Bytes)))
		w.grow(len(a.Bytes))
		w.b = append(w.b, a.Bytes...)
	}
}

// AttributeSize appends one of the attributes of aA with its size, but without its value: the
// caller had no room for it.
func (w *Writer) AttributeSize(a *ck.Attribute) {
	if ck.KindOf(a.Type) != ck.Bytes {
		w.Attribute(&ck.Attribute{Type: a.Type}) // these kinds have a value always; it is 0
		return
	}
	w.Uint32(uint32(a.Type))
	w.Byte(1)
	w.Uint32(uint32(len(a.Bytes)))
	w.Uint32(None)
}

// NoAttribute appends an attribute of aA that the object lacks or hides.
func (w *Writer) NoAttribute(attr uint64) {
	w.Uint32(uint32(attr))
	w.Byte(0)
}

// Rooms appends room for attributes: fA. The room for an attribute of a fixed size is that size, for
// a helper of p11-kit ends if a module leaves a number in more room than a number takes. The room
// for others is room(i), in bytes; 0 asks for the size alone.
func (w *Writer) Rooms(attrs []uint64, room func(i int) int) {
	w.Uint32(uint32(len(attrs)))
	for i, t := range attrs {
		w.Uint32(uint32(t))
		switch n := room(i); {
		case n == 0:
			w.Uint32(0)
		case ck.KindOf(t) == ck.Number:
			w.Uint32(sizeOfUlong())
		case ck.KindOf(t) == ck.Bool:
			w.Uint32(1)
		default:
			w.Uint32(uint32(n))
		}
	}
}

// Mechanism appends a mechanism: M. Its form depends on the version of the protocol.
//
//	before 2: uint32 type, parameters; no parameters are an absent string
//	from 2:   uint32 type; then, unless p11-kit knows that the mechanism has no parameters, a byte
//	          that says whether parameters follow; parameters
//	PSS:      u hash, u mask generation function, u length of the salt
//	OAEP:     u hash, u mask generation function, u 1 (CKZ_DATA_SPECIFIED), string label
//
// p11-kit lists the mechanisms that have no parameters: CKM_RSA_PKCS and CKM_ECDSA are there,
// CKM_EDDSA is not.
func (w *Writer) Mechanism(version byte, m *ck.Mechanism) {
	w.Uint32(uint32(m.Type))
	params := m.PSS != nil || m.OAEP != nil
	switch {
	case version < 2 && !params:
		w.Uint32(None)
	case version < 2 || listedWithoutParameters(m.Type):
	case params:
		w.Byte(1)
	default:
		w.Byte(0)
	}
	switch {
	case m.PSS != nil:
		w.Ulong(m.PSS.Hash)
		w.Ulong(m.PSS.MGF)
		w.Ulong(m.PSS.Salt)
	case m.OAEP != nil:
		w.Ulong(m.OAEP.Hash)
		w.Ulong(m.OAEP.MGF)
		w.Ulong(dataSpecified)
		if len(m.OAEP.Label) == 0 {
			w.Uint32(None)
		} else {
			w.String(string(m.OAEP.Label))
		}
	}
}

// dataSpecified is CKZ_DATA_SPECIFIED, the only source of OAEP's label.
const dataSpecified = 1

// listedWithoutParameters reports whether p11-kit's list of mechanisms without parameters has a
// type, for the mechanisms that the engine uses.
func listedWithoutParameters(mech uint64) bool {
	return mech == ck.MechRSAPKCS || mech == ck.MechECDSA
}
