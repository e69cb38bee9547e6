package rsa

import (
	"fmt"
	"os"
	"sync"
	"time"

	"asynccrypto/internal/clock"
	"asynccrypto/internal/ifma"
)

// There are two sets of kernels for 20 digits, the width of the primes of RSA-2048. They differ in
// what they save:
//
//	set         instructions of a window                meant for CPUs where other vector instructions
//	karatsuba   7,056 multiply-adds and 2,862 others    have ports of their own
//	schoolbook  7,706 multiply-adds and 1,071 others    share the ports of the multiply-adds
//
// Intel's servers are of the second kind. But that does not settle which is faster: on a Zen 4 it
// was schoolbook, too, by 2%. So the two are measured, once for each process. Where they are equal,
// one process may have the one and the next process the other, and neither is slower. The tests
// run both.
//
// Both sets compute with the same constants, so a key serves both. Their results agree modulo the
// prime, but may differ by a multiple of it.
const (
	karatsuba  = "karatsuba"
	schoolbook = "schoolbook"
)

// KernelsVar names the environment variable that chooses the kernels for RSA-2048 if it is
// "karatsuba" or "schoolbook" at their first use. With any other value they are measured.
const KernelsVar = "ASYNCCRYPTO_IFMA_RSA2048"

// Kernels returns the name of the set of kernels that computes modulo the primes of RSA-2048, and
// why it was chosen, in words for a user. Without kernels the name is empty. The answer never
// changes while the process lives. The first call takes some hundred microseconds, to measure.
func Kernels() (set, reason string) {
	c := chosen()
	return c.set, c.reason
}

type choice struct{ set, reason string }

// chosen returns the choice. Tests replace it.
var chosen = sync.OnceValue(func() choice {
	if ok, reason := ifma.Supported(); !ok {
		return choice{"", reason}
	}
	return choose(os.Getenv(KernelsVar), stopwatch)
})

// stopwatch returns a function that measures some windows with the kernels of a set, on numbers
// that belong to no key.
func stopwatch() func(set string) time.Duration {
	f := field{layout: layout{d: 2 * block}}
	a := arena{mem: ifma.NewVecs(scratchFor(f.d) + f.size() + f.d + f.d*tableSize + 1 + 5*64)}
	f.scratch, f.mod = a.take(scratchFor(f.d), alignScratch), a.take(f.size(), f.alignMod())
	acc, table, idx := a.take(f.d, alignAcc), a.take(f.d*tableSize, 0), a.take(1, 0)
	for i := range a.mem {
		for l := range lanes {
			a.mem[i][l] = digitMask
		}
	}
	idx[0] = vec{}
	return func(set string) time.Duration {
		f.schoolbook = set == schoolbook
		f.window(acc, acc, table, &idx[0]) // brings the code into the cache
		start := clock.Now()
		for range 4 {
			f.window(acc, acc, table, &idx[0])
		}
		return clock.Now() - start
	}
}

// choose makes the choice.
func choose(env string, stopwatch func() func(set string) time.Duration) choice {
	if env == karatsuba || env == schoolbook {
		return choice{env, "chosen by " + KernelsVar}
	}
	// The two take turns, so that both meet the same clock rates and neighbours. The best of many
	// runs is the time of the code. The first ones may be slow, until a CPU has powered up its wide
	// registers: that takes some tens of microseconds.
	measure := stopwatch()
	k, s := time.Hour, time.Hour
	for range 16 {
		k, s = min(k, measure(karatsuba)), min(s, measure(schoolbook))
	}
	reason := fmt.Sprintf("measured: karatsuba %v, schoolbook %v", k, s)
	if s < k {
		return choice{schoolbook, reason}
	}
	return choice{karatsuba, reason}
}
