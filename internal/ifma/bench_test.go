package ifma

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"
)

// BenchmarkSign reports microseconds for each operation with 1, 4 and 8 live lanes, and how many times as long
// crypto/rsa takes in the same run: the two take turns, so that a noisy machine slows both.
func BenchmarkSign(b *testing.B) {
	if ok, why := Supported(); !ok {
		b.Skip(why)
	}
	for _, size := range []int{256, 384, 512} {
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
			b.Run(fmt.Sprintf("%d/live=%d", size*8, n), func(b *testing.B) {
				b.ReportAllocs()
				var theirs time.Duration
				b.ResetTimer()
				for i := range b.N {
					if ok := w.Sign(&keys, &in, &out, n); ok != uint8(1<<n-1) {
						b.Fatalf("ok = %08b", ok)
					}
					if i%4 == 0 {
						b.StopTimer()
						start := time.Now()
						if _, err := rsa.SignPKCS1v15(nil, priv, crypto.SHA256, digest[:]); err != nil {
							b.Fatal(err)
						}
						theirs += time.Since(start)
						b.StartTimer()
					}
				}
				us := float64(b.Elapsed().Nanoseconds()) / 1e3 / float64(b.N*n)
				them := float64(theirs.Nanoseconds()) / 1e3 / float64((b.N+3)/4)
				b.ReportMetric(us, "us/signature")
				b.ReportMetric(them, "us/crypto-rsa")
				b.ReportMetric(them/us, "x-crypto-rsa")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
