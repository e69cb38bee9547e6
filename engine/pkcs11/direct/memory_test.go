package direct

import (
	"bytes"
	"testing"
)

// TestMemory checks that rooms are aligned, lie apart and are wiped, in the block and beyond it.
func TestMemory(t *testing.T) {
	var m memory
	for range 2 {
		m.pin()
		var rooms [][]byte
		for _, n := range []int{0, 1, 13, 8, 4096, 100, 4096, 3, blockSize + 1} {
			b := m.room(n)
			if len(b) != n || address(b)%8 != 0 || !bytes.Equal(b, make([]byte, n)) {
				t.Fatalf("a room of %d bytes at %#x: %x", len(b), address(b), b)
			}
			for i := range b {
				b[i] = byte(len(rooms) + 1)
			}
			rooms = append(rooms, b)
		}
		for i, b := range rooms {
			if bytes.Count(b, []byte{byte(i + 1)}) != len(b) {
				t.Errorf("room %d is another's too: %x", i, b)
			}
		}
		m.wipe()
		for i, b := range rooms {
			if !bytes.Equal(b, make([]byte, len(b))) {
				t.Errorf("room %d was not wiped: %x", i, b)
			}
		}
	}
}
