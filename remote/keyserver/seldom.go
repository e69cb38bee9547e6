package keyserver

import (
	"sync/atomic"
	"time"
)

// seldom is something that a client can make happen as often as it likes, and that is logged once a
// second at most.
type seldom struct {
	last atomic.Int64 // in Unix seconds
}

// due reports whether it is to be logged now, and notes that it is.
func (s *seldom) due() bool {
	now := time.Now().Unix()
	return s.last.Swap(now) != now
}
