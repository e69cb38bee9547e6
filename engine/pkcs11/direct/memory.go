package direct

import (
	"encoding/binary"
	"runtime"
	"unsafe"
)

// memory holds the arguments and results that the module reads and writes in the calls of one
// method of a conn. It is pinned, so addresses in it may be kept as numbers from pin to wipe.
type memory struct {
	block  []byte
	used   int
	more   [][]byte // rooms that do not fit into the block
	pinner runtime.Pinner
}

const blockSize = 8 << 10

func (m *memory) pin() {
	if m.block == nil {
		m.block = make([]byte, blockSize)
	}
	m.pinner.Pin(&m.block[0])
}

// wipe ends the use of all rooms.
func (m *memory) wipe() {
	clear(m.block[:m.used])
	for _, b := range m.more {
		clear(b)
	}
	m.used, m.more = 0, nil
	m.pinner.Unpin()
}

// room returns n bytes that are zero, aligned for every type.
func (m *memory) room(n int) []byte {
	size := (max(n, 1) + 7) &^ 7
	if size <= len(m.block)-m.used {
		b := m.block[m.used:][:n:n]
		m.used += size
		return b
	}
	b := make([]byte, size)
	m.pinner.Pin(&b[0])
	m.more = append(m.more, b)
	return b[:n:n]
}

func (m *memory) copy(b []byte) []byte {
	c := m.room(len(b))
	copy(c, b)
	return c
}

// ulong returns a CK_ULONG for a length that the module reads or writes.
func (m *memory) ulong(n int) []byte {
	b := m.room(ulongSize)
	putNumber(b, uint64(n))
	return b
}

// address returns the address of a room, also if its length is 0.
func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// addressIfAny returns NULL for a room whose length is 0.
func addressIfAny(b []byte) uintptr {
	if len(b) == 0 {
		return 0
	}
	return address(b)
}

func putNumber(b []byte, v uint64) {
	if len(b) == 4 {
		binary.NativeEndian.PutUint32(b, uint32(v))
	} else {
		binary.NativeEndian.PutUint64(b, v)
	}
}

func number(b []byte) uint64 {
	if len(b) == 4 {
		return uint64(binary.NativeEndian.Uint32(b))
	}
	return binary.NativeEndian.Uint64(b)
}
