package main

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// sample keeps results for the verification: all of them while there are few, else a random choice of as many as it has
// room for, in which every operation has the same chance (reservoir sampling). So memory is bounded however long the
// measurement is.
type sample struct {
	size uint64
	seen uint64
	kept []kept
}

type kept struct {
	n      uint64 // of the input
	result []byte
}

// sampleSize is the room for a series. With so many, a fault in one of a thousand results is missed once in 3,600 runs.
const sampleSize = 8192

func (s *sample) add(n uint64, result []byte) {
	s.seen++
	if uint64(len(s.kept)) < s.size {
		s.kept = append(s.kept, kept{n, result})
	} else if i := rand.Uint64N(s.seen); i < s.size {
		s.kept[i] = kept{n, result}
	}
}

// verify checks results on all processors, in random order, and returns how many it checked. It stops when the time is
// up, but not before it has checked some: verifying an ECDSA signature takes three times as long as making it. The error
// says how many were wrong.
func verify(results []kept, check func(n uint64, result []byte) error, limit time.Duration) (verified int, err error) {
	const atLeast = 100
	rand.Shuffle(len(results), func(i, j int) { results[i], results[j] = results[j], results[i] })
	until := time.Now().Add(limit)
	var next, good, bad atomic.Int64
	var first error
	var once sync.Once
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(results) || i >= atLeast && time.Now().After(until) {
					return
				}
				if err := check(results[i].n, results[i].result); err != nil {
					bad.Add(1)
					once.Do(func() { first = err })
				} else {
					good.Add(1)
				}
			}
		})
	}
	all.Wait()
	verified = int(good.Load() + bad.Load())
	if bad.Load() > 0 {
		err = fmt.Errorf("%d of %d verified results are wrong: %w", bad.Load(), verified, first)
	}
	return verified, err
}
