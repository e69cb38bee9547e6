package curve25519

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"fmt"
	"testing"
	"time"

	"asynccrypto/internal/clock"
	"asynccrypto/internal/ifma"
)

// Each benchmark reports microseconds for each operation with 1, 2, 4 and 8 lanes in use, and how
// many times as fast as the standard library that is. The two take turns, so that a noisy machine
// slows both. The best of many runs is the time of the code.
func benchmark(b *testing.B, n int, ours, std func()) {
	b.Helper()
	if ok, why := ifma.Supported(); !ok {
		b.Skip(why)
	}
	best, bestStd := time.Hour, time.Hour
	for range b.N {
		start := clock.Now()
		ours()
		best = min(best, clock.Now()-start)
		b.StopTimer()
		start = clock.Now()
		std()
		bestStd = min(bestStd, clock.Now()-start)
		b.StartTimer()
	}
	us := float64(best.Nanoseconds()) / 1e3 / float64(n)
	usStd := float64(bestStd.Nanoseconds()) / 1e3
	b.ReportMetric(us, "best-us/op")
	b.ReportMetric(usStd, "best-us/std")
	b.ReportMetric(usStd/us, "x-best")
}

func BenchmarkEd25519(b *testing.B) {
	r := newRand(3)
	w := workspace(b)
	for _, compact := range []bool{false, true} {
		var private [MaxBatch]*PrivateKey
		var public [MaxBatch]*PublicKey
		var pubs, dom, messages, sigs [MaxBatch][]byte
		var std ed25519.PrivateKey
		for l := range private {
			s := newSigner(b, r, compact)
			std = s.std
			private[l], public[l], pubs[l] = s.private, s.public, s.pub
			messages[l] = randomBytes(r, 64)
			sigs[l] = make([]byte, SignatureSize)
		}
		w.Sign(&private, &dom, &messages, &sigs, MaxBatch)
		verify := func() { ed25519.Verify(pubs[7], messages[7], sigs[7]) }
		for _, n := range []int{1, 2, 4, 8} {
			name := func(op string) string { return fmt.Sprintf("%s/compact=%v/live=%d", op, compact, n) }
			b.Run(name("sign"), func(b *testing.B) {
				benchmark(b, n, func() { w.Sign(&private, &dom, &messages, &sigs, n) }, func() { ed25519.Sign(std, messages[0]) })
			})
			b.Run(name("verify"), func(b *testing.B) {
				benchmark(b, n, func() { w.Verify(&public, &dom, &messages, &sigs, n) }, verify)
			})
			if !compact {
				b.Run(fmt.Sprintf("verify any/live=%d", n), func(b *testing.B) {
					benchmark(b, n, func() { w.VerifyAny(&pubs, &dom, &messages, &sigs, n) }, verify)
				})
			}
		}
		b.Run(fmt.Sprintf("prepare/compact=%v", compact), func(b *testing.B) {
			benchmark(b, 1, func() { NewPublicKey(pubs[0], compact) }, verify)
		})
		b.Run(fmt.Sprintf("prepare private/compact=%v", compact), func(b *testing.B) {
			seed := std.Seed()
			benchmark(b, 1, func() { NewPrivateKey(seed, nil, compact) }, func() { ed25519.NewKeyFromSeed(seed) })
		})
	}
}

func BenchmarkX25519(b *testing.B) {
	r := newRand(4)
	w := workspace(b)
	var out, scalars, points [MaxBatch][]byte
	for l := range out {
		out[l], scalars[l], points[l] = make([]byte, ScalarSize), randomBytes(r, ScalarSize), randomBytes(r, ScalarSize)
	}
	key, err := ecdh.X25519().NewPrivateKey(scalars[0])
	if err != nil {
		b.Fatal(err)
	}
	point, err := ecdh.X25519().NewPublicKey(points[0])
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{1, 2, 4, 8} {
		b.Run(fmt.Sprintf("secret/live=%d", n), func(b *testing.B) {
			benchmark(b, n, func() { w.X25519(&out, &scalars, &points, n) }, func() { key.ECDH(point) })
		})
		b.Run(fmt.Sprintf("public/live=%d", n), func(b *testing.B) {
			benchmark(b, n, func() { w.BasePoint(&out, &scalars, n) }, func() { ecdh.X25519().NewPrivateKey(scalars[0]) })
		})
	}
}

// BenchmarkTables measures making the two tables of the base point, which happens once.
func BenchmarkTables(b *testing.B) {
	for range b.N {
		start := clock.Now()
		baseTable()
		b.ReportMetric(float64(clock.Now()-start)/1e3, "base-us")
		start = clock.Now()
		secretTable()
		b.ReportMetric(float64(clock.Now()-start)/1e3, "secret-us")
	}
}
