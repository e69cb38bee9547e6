package rsa

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"asynccrypto/internal/clock"
	"asynccrypto/internal/ifma"
)

func publicWorkspace(t testing.TB, size int) *PublicWorkspace {
	t.Helper()
	w, err := NewPublicWorkspace(size)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// publicKeys prepares moduli, each with both exponents: those of the tests' keys, and those that are
// hardest on carries.
func publicKeys(t testing.TB, size int) (keys []*PublicKey, n []*big.Int) {
	t.Helper()
	for _, k := range testKeys()[size] {
		n = append(n, k.N)
	}
	for _, m := range edgeModuli(size * 8) {
		n = append(n, m)
	}
	n = append(n, n...)
	for i, m := range n {
		k, err := NewPublicKey(m.Bytes(), []int{3, 65537}[2*i/len(n)])
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	return keys, n
}

// TestOpen compares batches with math/big: every number of operations, keys and exponents mixed and
// alike, and operations that are refused anywhere among the others. All share a workspace, so its
// lanes change their keys, and hold numbers of earlier batches.
func TestOpen(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		for _, size := range []int{256, 384, 512} {
			r := rand.New(rand.NewPCG(17, uint64(size)))
			w := publicWorkspace(t, size)
			all, moduli := publicKeys(t, size)
			otherSize, err := NewPublicKey(ones(map[int]int{256: 384, 384: 512, 512: 256}[size]), 3)
			if err != nil {
				t.Fatal(err)
			}
			if w.Size() != size || all[0].Size() != size {
				t.Fatal("wrong size")
			}
			full := 160
			if ifma.AllowReference {
				full = 5 // slow
			}
			for round := range rounds(full) {
				var keys [MaxBatch]*PublicKey
				var in, out, want [MaxBatch][]byte
				n, alike := 1+round%MaxBatch, r.IntN(3)
				var good uint8
				for l := range n {
					i := r.IntN(len(all))
					switch {
					case alike == 1: // one exponent
						i %= len(all) / 2
					case alike == 2 && l > 0: // one key
						i = 0
					}
					keys[l], want[l] = all[i], make([]byte, size)
					m := moduli[i]
					x := operand(r, m, m)
					in[l] = x.FillBytes(make([]byte, size))
					out[l] = bytes.Repeat([]byte{'x'}, size)
					switch r.IntN(14) {
					case 0: // the smallest that is too large
						m.FillBytes(in[l])
					case 1:
						copy(in[l], ones(size)) // the largest
					case 2:
						in[l] = in[l][1:]
					case 3:
						in[l] = append([]byte{0}, in[l]...)
					case 4:
						keys[l] = nil
					case 5:
						out[l] = out[l][:size-8]
						want[l] = bytes.Repeat([]byte{'x'}, size-8)
					case 6:
						keys[l] = otherSize
					case 7:
						out[l] = in[l] // in place
						fallthrough
					default:
						good |= 1 << l
						x.Exp(x, big.NewInt(int64(keys[l].e)), m).FillBytes(want[l])
					}
				}
				if ok := w.Open(&keys, &in, &out, n); ok != good {
					t.Fatalf("%d, round %d: ok = %08b, want %08b", size*8, round, ok, good)
				}
				for l := range n {
					if !bytes.Equal(out[l], want[l]) {
						t.Fatalf("%d, round %d, lane %d of %d: %x, want %x", size*8, round, l, n, out[l], want[l])
					}
				}
			}
		}
	})
}

func TestNewPublicKeyRefuses(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		n := testKeys()[256][0].N.Bytes()
		even := bytes.Clone(n)
		even[255]--
		for name, v := range map[string]struct {
			n []byte
			e int
		}{
			"e = 1": {n, 1}, "e = 5": {n, 5}, "even e": {n, 65536}, "negative": {n, -3}, "e of 31 bits": {n, 1<<30 + 3},
			"no n": {nil, 3}, "short": {n[1:], 3}, "long": {append([]byte{1}, n...), 3}, "1024 bits": {n[:128], 3},
			"2047 bits": {append([]byte{0x7f}, n[1:]...), 3},
		} {
			if _, err := NewPublicKey(v.n, v.e); !errors.Is(err, ErrKeySize) {
				t.Errorf("%s: %v, want ErrKeySize", name, err)
			}
		}
		if _, err := NewPublicKey(even, 3); err == nil || errors.Is(err, ErrKeySize) {
			t.Errorf("even: %v", err)
		}
		if _, err := NewPublicKey(append([]byte{0, 0}, n...), 3); err != nil {
			t.Errorf("leading zeros: %v", err)
		}
		for _, size := range []int{0, 128, 255, 1024} {
			if _, err := NewPublicWorkspace(size); !errors.Is(err, ErrKeySize) {
				t.Errorf("a workspace for %d bytes: %v, want ErrKeySize", size, err)
			}
		}
	})
	if ok, _ := ifma.Supported(); !ok {
		_, keyErr := NewPublicKey(testKeys()[256][0].N.Bytes(), 3)
		_, workErr := NewPublicWorkspace(256)
		if keyErr != ifma.ErrUnsupported || workErr != ifma.ErrUnsupported {
			t.Error(keyErr, workErr)
		}
	}
}

func TestOpenAllocates(t *testing.T) {
	if ok, why := ifma.Supported(); !ok {
		t.Skip(why)
	}
	w := publicWorkspace(t, 256)
	all, _ := publicKeys(t, 256)
	var keys [MaxBatch]*PublicKey
	var in, out [MaxBatch][]byte
	for l := range keys {
		in[l], out[l] = make([]byte, 256), make([]byte, 256)
	}
	i := 0
	if n := testing.AllocsPerRun(10, func() {
		for l := range keys {
			keys[l] = all[(i+l)%len(all)]
		}
		i++
		w.Open(&keys, &in, &out, MaxBatch)
	}); n != 0 {
		t.Errorf("Open allocates %v times", n)
	}
}

// BenchmarkOpen reports microseconds for each operation, and how many times as fast as a
// verification by crypto/rsa that is. BenchmarkSign says how it measures.
func BenchmarkOpen(b *testing.B) {
	if ok, why := ifma.Supported(); !ok {
		b.Skip(why)
	}
	for _, size := range []int{256, 384, 512} {
		w := publicWorkspace(b, size)
		digest := sha256.Sum256([]byte("benchmark"))
		priv := testKeys()[size][0]
		sig, err := rsa.SignPKCS1v15(nil, priv, crypto.SHA256, digest[:])
		if err != nil {
			b.Fatal(err)
		}
		var keys, others [MaxBatch]*PublicKey
		var in, out [MaxBatch][]byte
		for l := range keys {
			for _, k := range []*[MaxBatch]*PublicKey{&keys, &others} {
				if k[l], err = NewPublicKey(priv.N.Bytes(), priv.E); err != nil {
					b.Fatal(err)
				}
			}
			in[l], out[l] = sig, make([]byte, size)
		}
		mixed := keys
		if mixed[0], err = NewPublicKey(priv.N.Bytes(), 3); err != nil {
			b.Fatal(err)
		}
		for _, c := range []struct {
			name      string
			n         int
			keys, too *[MaxBatch]*PublicKey
		}{
			{"live=8", 8, &keys, &keys},
			{"live=8/new", 8, &keys, &others},
			{"live=8/mixed", 8, &mixed, &mixed},
			{"live=1", 1, &keys, &keys},
		} {
			b.Run(fmt.Sprintf("%d/%s", size*8, c.name), func(b *testing.B) {
				ours, theirs := time.Hour, time.Hour
				for range b.N {
					start := clock.Now()
					if ok := w.Open(c.keys, &in, &out, c.n); ok != uint8(1<<c.n-1) {
						b.Fatalf("ok = %08b", ok)
					}
					ours = min(ours, clock.Now()-start)
					c.keys, c.too = c.too, c.keys
					start = clock.Now()
					if err := rsa.VerifyPKCS1v15(&priv.PublicKey, crypto.SHA256, digest[:], sig); err != nil {
						b.Fatal(err)
					}
					theirs = min(theirs, clock.Now()-start)
				}
				us := func(d time.Duration, n int) float64 { return float64(d.Nanoseconds()) / 1e3 / float64(n) }
				b.ReportMetric(us(ours, c.n), "best-us/op")
				b.ReportMetric(us(theirs, 1), "best-us/crypto-rsa")
				b.ReportMetric(us(theirs, 1)/us(ours, c.n), "x-best")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

func BenchmarkNewPublicKey(b *testing.B) {
	for _, size := range []int{256, 384, 512} {
		n := testKeys()[size][0].N.Bytes()
		b.Run(fmt.Sprint(size*8), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := NewPublicKey(n, 65537); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
