package rsa

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"asynccrypto/internal/clock"
	"asynccrypto/internal/ifma"
)

// BenchmarkSign reports microseconds for each operation with 1, 4 and 8 lanes in use, and how many
// times as fast as crypto/rsa that is. The two take turns, so that a noisy machine slows both. The
// best of many runs is the time of the code; the mean is the time that the machine allowed.
func BenchmarkSign(b *testing.B) {
	if ok, why := ifma.Supported(); !ok {
		b.Skip(why)
	}
	for i, size := range []int{256, 256, 384, 512} {
		suffix := ""
		if size == 256 {
			use(b, sets[i])
			suffix = "/" + sets[i]
		}
		priv := testKeys()[size][0]
		key := prepared(b, priv)
		w := workspace(b, size)
		digest := sha256.Sum256([]byte("benchmark"))
		var keys [MaxBatch]*Key
		var in, out [MaxBatch][]byte
		for l := range keys {
			keys[l], in[l], out[l] = key, padded(size, digest[:]), make([]byte, size)
		}
		for _, n := range []int{1, 4, 8} {
			b.Run(fmt.Sprintf("%d%s/live=%d", size*8, suffix, n), func(b *testing.B) {
				b.ReportAllocs()
				ours, theirs := time.Hour, time.Hour
				var sum, sumTheirs time.Duration
				for range b.N {
					start := clock.Now()
					if ok := w.Sign(&keys, &in, &out, n); ok != uint8(1<<n-1) {
						b.Fatalf("ok = %08b", ok)
					}
					took := clock.Now() - start
					ours, sum = min(ours, took), sum+took
					b.StopTimer()
					start = clock.Now()
					if _, err := rsa.SignPKCS1v15(nil, priv, crypto.SHA256, digest[:]); err != nil {
						b.Fatal(err)
					}
					took = clock.Now() - start
					theirs, sumTheirs = min(theirs, took), sumTheirs+took
					b.StartTimer()
				}
				us := func(d time.Duration, n int) float64 { return float64(d.Nanoseconds()) / 1e3 / float64(n) }
				b.ReportMetric(us(ours, n), "best-us/sig")
				b.ReportMetric(us(sum, b.N*n), "mean-us/sig")
				b.ReportMetric(us(theirs, 1), "best-us/crypto-rsa")
				b.ReportMetric(us(sumTheirs, b.N), "mean-us/crypto-rsa")
				b.ReportMetric(us(theirs, 1)/us(ours, n), "x-best")
				b.ReportMetric(us(sumTheirs, b.N)/us(sum, b.N*n), "x-mean")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkKernel reports the best of many short samples beside the mean: on a shared machine only
// the best is a property of the kernel.
func BenchmarkKernel(b *testing.B) {
	const calls = 20
	r := rand.New(rand.NewPCG(1, 2))
	for i, width := range append([]int{1024}, widths...) {
		suffix := ""
		if width == 1024 {
			use(b, sets[i])
			suffix = "/" + sets[i]
		}
		f, _ := testField(b, width, r)
		x, y, tab, idx := aligned(f.d, alignAcc), aligned(f.d, alignFactor), ifma.NewVecs(32*f.d), ifma.NewVecs(1)
		for i := range x {
			for l := range lanes {
				x[i][l], y[i][l] = r.Uint64()&digitMask, r.Uint64()&digitMask
			}
		}
		for _, k := range []struct {
			name string
			run  func()
		}{
			{"mul", func() {
				for range calls {
					f.mul(x, x, y)
				}
			}},
			{"window", func() {
				if f.d > 40 {
					b.Skip("only for verification")
				}
				for range calls {
					f.window(x, x, tab, &idx[0])
				}
			}},
			{"sqr", func() {
				for range calls / windowBits {
					f.sqr(x, x, windowBits)
				}
			}},
			{"lookup", func() {
				for range calls {
					f.lookup(y, tab, &idx[0])
				}
			}},
		} {
			b.Run(fmt.Sprint(k.name, width, suffix), func(b *testing.B) {
				best := time.Hour
				for range b.N {
					start := clock.Now()
					k.run()
					best = min(best, clock.Now()-start)
				}
				b.ReportMetric(float64(best.Nanoseconds())/calls, "best-ns")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/calls, "mean-ns")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkNewKey reports the microseconds of preparing a private key, and those of a signature by
// crypto/rsa.
func BenchmarkNewKey(b *testing.B) {
	if ok, why := ifma.Supported(); !ok {
		b.Skip(why)
	}
	digest := sha256.Sum256([]byte("benchmark"))
	for _, size := range []int{256, 384, 512} {
		b.Run(fmt.Sprint(size*8), func(b *testing.B) {
			priv := testKeys()[size][0]
			ours, theirs := time.Hour, time.Hour
			for range b.N {
				start := clock.Now()
				prepared(b, priv)
				ours = min(ours, clock.Now()-start)
				start = clock.Now()
				if _, err := rsa.SignPKCS1v15(nil, priv, crypto.SHA256, digest[:]); err != nil {
					b.Fatal(err)
				}
				theirs = min(theirs, clock.Now()-start)
			}
			b.ReportMetric(float64(ours.Nanoseconds())/1e3, "best-us/key")
			b.ReportMetric(float64(theirs.Nanoseconds())/1e3, "best-us/crypto-rsa")
			b.ReportMetric(0, "ns/op")
		})
	}
}
