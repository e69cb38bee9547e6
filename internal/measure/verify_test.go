package measure

import (
	"errors"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestVerifyFindsTheWrongResult(t *testing.T) {
	wrong := errors.New("wrong")
	check := func(i int) error {
		if i == 999 {
			return wrong
		}
		return nil
	}
	n, err := Verify(1000, check, time.Hour)
	if n != 1000 || !errors.Is(err, wrong) || !strings.HasPrefix(err.Error(), "1 of 1000 verified results are wrong") {
		t.Errorf("%d, %v", n, err)
	}
}

func TestVerifyChecksEachResultOnce(t *testing.T) {
	var checked [500]atomic.Int32
	n, err := Verify(len(checked), func(i int) error { checked[i].Add(1); return nil }, math.MaxInt64)
	if n != len(checked) || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	for i := range checked {
		if got := checked[i].Load(); got != 1 {
			t.Errorf("result %d was checked %d times", i, got)
		}
	}
}

func TestVerifyChecksSomeWhenThereIsNoTime(t *testing.T) {
	if n, _ := Verify(1000, func(int) error { return nil }, 0); n < 100 {
		t.Errorf("verified %d", n)
	}
	if n, err := Verify(0, nil, 0); n != 0 || err != nil {
		t.Errorf("of no results: %d, %v", n, err)
	}
}
