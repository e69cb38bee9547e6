package speed

import (
	"encoding/binary"
	"errors"
	"testing"
)

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func isNumber(n uint64, result []byte) error {
	if binary.BigEndian.Uint64(result) != n {
		return errors.New("another number")
	}
	return nil
}

func TestSampleKeepsAllOrAsManyAsItHasRoomFor(t *testing.T) {
	for _, n := range []uint64{0, 1, 50, 51, 5000} {
		s := sample{size: 50}
		for i := range n {
			s.add(i, number(i))
		}
		late := false // of those that came when the room was full, some are kept
		seen := map[uint64]bool{}
		for _, k := range s.kept {
			late = late || k.n >= 50
			seen[k.n] = true
			if err := isNumber(k.n, k.bytes); err != nil {
				t.Errorf("of %d results: %v", n, err)
			}
		}
		if want := min(n, 50); uint64(len(seen)) != want || s.seen != n || n == 5000 && !late {
			t.Errorf("of %d results: kept %d, late ones %v", n, len(seen), late)
		}
	}
}
