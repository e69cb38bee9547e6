package direct

import (
	"bytes"

	"asynccrypto/engine/pkcs11/internal/ck"
)

const (
	pointerSize = 4 << (^uintptr(0) >> 63)

	// infoSize is enough for CK_SLOT_INFO and for CK_TOKEN_INFO, which is larger: it has 208 bytes.
	infoSize = 256
)

// unavailable is CK_UNAVAILABLE_INFORMATION, all bits of a CK_ULONG.
const unavailable = ^uint64(0) >> (64 - 8*ulongSize)

// record is a C structure, which is written or read field after field.
type record struct {
	b  []byte
	at int
}

// field returns the next field, a number or an address, which is aligned to its size.
func (r *record) field(size int) []byte {
	if !packed {
		r.at = (r.at + size - 1) &^ (size - 1)
	}
	return r.bytes(size)
}

// bytes returns the next field, which is an array of bytes.
func (r *record) bytes(n int) []byte {
	b := r.b[r.at:][:n]
	r.at += n
	return b
}

func (r *record) putUlong(v uint64)    { putNumber(r.field(ulongSize), v) }
func (r *record) putAddress(p uintptr) { putNumber(r.field(pointerSize), uint64(p)) }
func (r *record) ulong() uint64        { return number(r.field(ulongSize)) }

// text returns the next field, a string that blanks fill up. Some modules use zero bytes.
func (r *record) text(n int) string { return string(bytes.TrimRight(r.bytes(n), " \x00")) }

// attributeSize is the size of CK_ATTRIBUTE: the type, the value's address and its length.
const attributeSize = 2*ulongSize + pointerSize

// template makes an array of CK_ATTRIBUTE.
func (m *memory) template(attributes []ck.Attribute) []byte {
	r := record{b: m.room(len(attributes) * attributeSize)}
	for _, a := range attributes {
		var v []byte
		switch ck.KindOf(a.Type) {
		case ck.Number:
			v = m.room(ulongSize)
			putNumber(v, a.Number)
		case ck.Bool:
			v = m.room(1)
			if a.Bool {
				v[0] = 1
			}
		default:
			v = m.copy(a.Bytes)
		}
		r.putUlong(a.Type)
		r.putAddress(address(v))
		r.putUlong(uint64(len(v)))
	}
	return r.b
}

// values puts room for the values into an array of CK_ATTRIBUTE that has their lengths, and returns
// it. A value is nil if the object does not have or show it.
func (m *memory) values(request []byte) ([][]byte, error) {
	values := make([][]byte, len(request)/attributeSize)
	r := record{b: request}
	total := uint64(0)
	for i := range values {
		r.ulong()
		place := r.field(pointerSize)
		size := r.ulong()
		if size == unavailable {
			continue
		}
		if total += size; size > maxAnswer || total > maxAnswer {
			return nil, ck.RVBufferTooSmall
		}
		values[i] = m.room(int(size))
		putNumber(place, uint64(address(values[i])))
	}
	return values, nil
}

// results reads the values that the module has written. An attribute whose value is not of the size
// of its type is left out.
func results(request []byte, values [][]byte) (as []ck.Attribute) {
	r := record{b: request}
	for _, v := range values {
		a := ck.Attribute{Type: r.ulong()}
		r.field(pointerSize)
		size := r.ulong()
		if v == nil || size > uint64(len(v)) {
			continue
		}
		v = v[:size]
		switch kind := ck.KindOf(a.Type); {
		case kind == ck.Number && size == ulongSize:
			a.Number = number(v)
		case kind == ck.Bool && size == 1:
			a.Bool = v[0] != 0
		case kind == ck.Bytes:
			a.Bytes = bytes.Clone(v)
		default:
			continue
		}
		as = append(as, a)
	}
	return as
}

// mechanism makes a CK_MECHANISM, which is laid out as a CK_ATTRIBUTE, and its parameters. Modules
// may read the parameters until the operation ends.
func (m *memory) mechanism(mech *ck.Mechanism) []byte {
	var p record
	switch {
	case mech.PSS != nil:
		p.b = m.room(3 * ulongSize)
		p.putUlong(mech.PSS.Hash)
		p.putUlong(mech.PSS.MGF)
		p.putUlong(mech.PSS.Salt)
	case mech.OAEP != nil:
		const labelSpecified = 1 // CKZ_DATA_SPECIFIED
		p.b = m.room(4*ulongSize + pointerSize)
		p.putUlong(mech.OAEP.Hash)
		p.putUlong(mech.OAEP.MGF)
		p.putUlong(labelSpecified)
		p.putAddress(addressIfAny(m.copy(mech.OAEP.Label)))
		p.putUlong(uint64(len(mech.OAEP.Label)))
	}
	r := record{b: m.room(attributeSize)}
	r.putUlong(mech.Type)
	r.putAddress(addressIfAny(p.b))
	r.putUlong(uint64(len(p.b)))
	return r.b
}
