// Package jwstest provides keys of each kind, signatures that are wrong in many ways, and a
// measurement, for the tests of golangjwt, jose and jwx.
package jwstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
	"asynccrypto/internal/clock"
	"asynccrypto/internal/cputime"
	"asynccrypto/internal/jws"
)

// Names are the names of the keys.
var Names = []string{"RSA-2048", "RSA-3072", "RSA-4096", "P-256", "P-384", "P-521", "Ed25519"}

var keys = sync.OnceValue(func() map[string]crypto.Signer {
	m := make(map[string]crypto.Signer)
	add := func(name string, key crypto.Signer, err error) {
		if err != nil {
			panic(err)
		}
		m[name] = key
	}
	for i, bits := range []int{2048, 3072, 4096} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		add(Names[i], key, err)
	}
	for i, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		add(Names[3+i], key, err)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	add(Names[6], key, err)
	return m
})

// Key returns the key of a name, the same each time.
func Key(name string) crypto.Signer { return keys()[name] }

// Fits reports whether a key of that name is for the algorithm.
func Fits(alg, name string) bool { return slices.Contains(KeysFor(alg), name) }

// KeysFor returns the names of the keys for an algorithm. It does not ask package jws, which is
// tested by it.
func KeysFor(alg string) []string {
	switch {
	case strings.HasPrefix(alg, "RS"), strings.HasPrefix(alg, "PS"):
		return Names[:3]
	case alg == "ES256":
		return Names[3:4]
	case alg == "ES384":
		return Names[4:5]
	case alg == "ES512":
		return Names[5:6]
	}
	return Names[6:]
}

// Algorithms yields each algorithm and the name of each key for it.
func Algorithms() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, alg := range jws.Algorithms {
			for _, name := range KeysFor(alg.Name) {
				if !yield(alg.Name, name) {
					return
				}
			}
		}
	}
}

// Wrap wraps the private key of a name and its public key until the test ends.
func Wrap(t testing.TB, name string) (engine.Signer, engine.Verifier) {
	t.Helper()
	s, err := multibuffer.Signer(Key(name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	v, err := multibuffer.Verifier(Key(name).Public())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return s, v
}

// Invalid returns invalid signatures made of a valid one, each under a name for its fault.
func Invalid(good []byte) map[string][]byte {
	n := len(good)
	flip := func(i int) []byte {
		sig := slices.Clone(good)
		sig[i] ^= 1
		return sig
	}
	return map[string][]byte{
		"empty":              {},
		"one byte":           {1},
		"all zeros":          make([]byte, n),
		"all ones":           slices.Repeat([]byte{0xff}, n),
		"first byte":         flip(0),
		"middle byte":        flip(n / 2),
		"last byte":          flip(n - 1),
		"one byte less":      good[:n-1],
		"one byte more":      append(slices.Clone(good), 0),
		"a zero in front":    append([]byte{0}, good...),
		"first half zeros":   append(make([]byte, n/2), good[n/2:]...),
		"second half zeros":  append(slices.Clone(good[:n/2]), make([]byte, n-n/2)...),
		"halves interchange": append(slices.Clone(good[n/2:]), good[:n/2]...),
		"twice":              append(slices.Clone(good), good...),
	}
}

// Benchmarks are the algorithms and keys that the benchmarks of the libraries measure.
var Benchmarks = []struct{ Name, Alg, Key string }{
	{"RS256-2048", "RS256", "RSA-2048"},
	{"RS256-4096", "RS256", "RSA-4096"},
	{"PS256-2048", "PS256", "RSA-2048"},
	{"ES256", "ES256", "P-256"},
	{"ES384", "ES384", "P-384"},
	{"EdDSA", "EdDSA", "Ed25519"},
}

// Compare measures the CPU time of a call of two functions, in turns, so that a busy machine
// disturbs both equally. Each runs on 64 goroutines for each processor, as a busy server has
// requests. For a result on one core, run the benchmark with -cpu 1. It reports the medians.
func Compare(b *testing.B, plain, wrapped func() error) {
	var costs [2][]float64
	var times []float64
	for b.Loop() {
		for i, f := range []func() error{plain, wrapped} {
			costs[i] = append(costs[i], cost(b, f))
		}
		n := len(times)
		times = append(times, costs[0][n]/costs[1][n])
	}
	b.ReportMetric(median(costs[0]), "plain-ns/op")
	b.ReportMetric(median(costs[1]), "wrapped-ns/op")
	b.ReportMetric(median(times), "times-as-fast")
	b.ReportMetric(0, "ns/op")
}

// cost returns the nanoseconds of CPU time of a call of f.
func cost(b *testing.B, f func() error) float64 {
	const calls = 4096
	goroutines := 64 * runtime.GOMAXPROCS(0)
	began := cpuTime()
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range calls / goroutines {
				if err := f(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(cpuTime()-began) / float64(calls/goroutines*goroutines)
}

// cpuTime returns the CPU time of the process, or the time on a system that does not report it.
func cpuTime() time.Duration {
	if d, ok := cputime.Process(); ok {
		return d
	}
	return clock.Now()
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
