package main

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"
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
		}
		if want := min(n, 50); uint64(len(seen)) != want || s.seen != n || n == 5000 && !late {
			t.Errorf("of %d results: kept %d, late ones %v", n, len(seen), late)
		}
		if got, err := verify(s.kept, isNumber, time.Hour); got != len(s.kept) || err != nil {
			t.Errorf("of %d results: verified %d, %v", n, got, err)
		}
	}
}

func TestVerifyFindsWhatIsWrong(t *testing.T) {
	var results []kept
	for i := range uint64(1000) {
		results = append(results, kept{i, number(i / 999 * 5000 * i)}) // 0 and 999 are right or wrong by themselves
		if i > 0 && i < 999 {
			results[i].result = number(i)
		}
	}
	n, err := verify(results, isNumber, time.Hour)
	if n != 1000 || err == nil || !strings.HasPrefix(err.Error(), "1 of 1000 verified results are wrong") {
		t.Errorf("%d, %v", n, err)
	}
	if n, _ := verify(results, isNumber, 0); n < 100 {
		t.Errorf("verified %d when there was no time", n)
	}
}
