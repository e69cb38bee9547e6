package speed

import "math/rand/v2"

// sample keeps results for the verification: all of them while there are few, else a random
// choice of as many as it has room for, in which every operation has the same chance (reservoir
// sampling). So memory is bounded however long the measurement is.
type sample struct {
	size uint64
	seen uint64
	kept []result
}

type result struct {
	n     uint64 // of the input
	bytes []byte
}

// sampleSize is the room for a series. With 8,192 results, a fault in one of a thousand results
// is missed once in 3,600 runs.
const sampleSize = 8192

func (s *sample) add(n uint64, bytes []byte) {
	s.seen++
	if uint64(len(s.kept)) < s.size {
		s.kept = append(s.kept, result{n, bytes})
	} else if i := rand.Uint64N(s.seen); i < s.size {
		s.kept[i] = result{n, bytes}
	}
}
