package nistec

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"asynccrypto/internal/clock"
)

// compare reports microseconds for each operation with 1, 2, 4 and 8 lanes in use, and how many
// times as fast as the standard library that is. The two take turns, so that a noisy machine slows
// both. The best of many runs is the time of the code; the mean is the time that the machine
// allowed.
func compare(b *testing.B, name string, ours func(n int), theirs func()) {
	for _, n := range []int{1, 2, 4, 8} {
		b.Run(fmt.Sprintf("%s/live=%d", name, n), func(b *testing.B) {
			b.ReportAllocs()
			best, bestTheirs := time.Hour, time.Hour
			var sum, sumTheirs time.Duration
			for range b.N {
				start := clock.Now()
				ours(n)
				took := clock.Now() - start
				best, sum = min(best, took), sum+took
				b.StopTimer()
				start = clock.Now()
				theirs()
				took = clock.Now() - start
				bestTheirs, sumTheirs = min(bestTheirs, took), sumTheirs+took
				b.StartTimer()
			}
			us := func(d time.Duration, n int) float64 { return float64(d.Nanoseconds()) / 1e3 / float64(n) }
			b.ReportMetric(us(best, n), "best-us/op")
			b.ReportMetric(us(sum, b.N*n), "mean-us/op")
			b.ReportMetric(us(bestTheirs, 1), "best-us/crypto")
			b.ReportMetric(us(bestTheirs, 1)/us(best, n), "x-best")
			b.ReportMetric(us(sumTheirs, b.N)/us(sum, b.N*n), "x-mean")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, c := range testCurves() {
		need(b)
		w, x := workspace(b, c.Curve), newBatch(b, c)
		k, h := &x.keys[0].std.PublicKey, x.hashes[0]
		der, err := ecdsa.SignASN1(rand.Reader, x.keys[0].std, h)
		if err != nil {
			b.Fatal(err)
		}
		theirs := func() {
			if !ecdsa.VerifyASN1(k, h, der) {
				b.Fatal("crypto/ecdsa finds its own signature invalid")
			}
		}
		check := func(valid, redo uint8, n int) {
			if valid != uint8(1<<n-1) || redo != 0 {
				b.Fatalf("valid = %08b, redo = %08b", valid, redo)
			}
		}
		compare(b, c.name+"/prepared", func(n int) {
			valid, redo := w.Verify(&x.pubs, &x.hashes, &x.r, &x.s, n)
			check(valid, redo, n)
		}, theirs)
		compare(b, c.name+"/compact", func(n int) {
			valid, redo := w.Verify(&x.compact, &x.hashes, &x.r, &x.s, n)
			check(valid, redo, n)
		}, theirs)
		compare(b, c.name+"/any", func(n int) {
			valid, redo := w.VerifyAny(&x.points, &x.hashes, &x.r, &x.s, n)
			check(valid, redo, n)
		}, theirs)
	}
}

func BenchmarkSign(b *testing.B) {
	for _, c := range testCurves() {
		need(b)
		w, x := workspace(b, c.Curve), newBatch(b, c)
		k, h := x.keys[0].std, x.hashes[0]
		sign := func(n int) {
			if ok := w.Sign(&x.privs, &x.nonces, &x.hashes, &x.r, &x.s, n); ok != uint8(1<<n-1) {
				b.Fatalf("ok = %08b", ok)
			}
		}
		compare(b, c.name+"/hedged", func(n int) {
			w.HedgedNonces(&x.nonces, &x.privs, &x.hashes, uint8(1<<n-1))
			sign(n)
		}, func() {
			if _, err := k.Sign(rand.Reader, h, crypto.SHA256); err != nil {
				b.Fatal(err)
			}
		})
		compare(b, c.name+"/rfc6979", func(n int) {
			w.DeterministicNonces(&x.nonces, &x.privs, &x.hashes, uint8(1<<n-1))
			sign(n)
		}, func() {
			if _, err := k.Sign(nil, h, crypto.SHA256); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// bestOf runs the benchmark and reports the best time beside the mean.
func bestOf(b *testing.B, run func()) {
	b.ReportAllocs()
	best := time.Hour
	for b.Loop() {
		start := clock.Now()
		run()
		best = min(best, clock.Now()-start)
	}
	b.ReportMetric(float64(best.Nanoseconds()), "best-ns/op")
}

// BenchmarkPrepare is a public key, full and compact, and a private key.
func BenchmarkPrepare(b *testing.B) {
	for _, c := range testCurves() {
		need(b)
		k := keysOf[c.name]()[0]
		for _, compact := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/compact=%t", c.name, compact), func(b *testing.B) {
				bestOf(b, func() {
					if _, err := c.NewPublicKey(k.point.X, k.point.Y, compact); err != nil {
						b.Fatal(err)
					}
				})
			})
		}
		b.Run(c.name+"/private", func(b *testing.B) {
			d := c.bytes(k.d)
			bestOf(b, func() {
				if _, err := c.NewPrivateKey(d, k.pub); err != nil {
					b.Fatal(err)
				}
			})
		})
		b.Run(c.name+"/base point", func(b *testing.B) { bestOf(b, func() { c.newTables() }) })
	}
}

// BenchmarkParts are the steps of a batch that are Go code.
func BenchmarkParts(b *testing.B) {
	for _, c := range testCurves() {
		need(b)
		w, x := workspace(b, c.Curve), newBatch(b, c)
		d := c.digits
		for name, run := range map[string]func(){
			"invert":           func() { c.n.invert(w.t[:d], c.n.r2, w.t[d:]) },
			"scalars":          func() { w.scalars(&x.hashes, &x.r, &x.s, 255, 1, false) },
			"check":            func() { w.check() },
			"sum":              func() { w.sum(plan{c.key.n, 1}) },
			"hedged":           func() { x.privs[0].HedgedNonce(x.nonces[0], x.hashes[0]) },
			"rfc6979":          func() { x.privs[0].DeterministicNonce(x.nonces[0], crypto.SHA256, x.hashes[0]) },
			"hedged in lanes":  func() { w.HedgedNonces(&x.nonces, &x.privs, &x.hashes, 0xff) },
			"rfc6979 in lanes": func() { w.DeterministicNonces(&x.nonces, &x.privs, &x.hashes, 0xff) },
			"wipe":             w.wipe,
		} {
			b.Run(c.name+"/"+name, func(b *testing.B) {
				w.Verify(&x.pubs, &x.hashes, &x.r, &x.s, 8)
				bestOf(b, run)
			})
		}
	}
}
