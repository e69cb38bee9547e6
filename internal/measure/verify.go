package measure

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Verify checks results 0 to n-1 on all cores, in random order, and returns how many it checked.
// It stops when the time is up, but not before it has checked 100 of them, if there are as many:
// verifying an ECDSA signature takes three times as long as making it. The error says how many
// results were wrong, and wraps the error of check for one of them. Check is called from several
// goroutines.
func Verify(n int, check func(i int) error, limit time.Duration) (verified int, err error) {
	const atLeast = 100
	order := rand.Perm(n)
	until := time.Now().Add(limit)
	var next, good, bad atomic.Int64
	var first error
	var once sync.Once
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || i >= atLeast && time.Now().After(until) {
					return
				}
				if err := check(order[i]); err != nil {
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
