package multibuffer

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine"
	"asynccrypto/internal/clock"
	"asynccrypto/internal/cputime"
	lanersa "asynccrypto/internal/ifma/rsa"
)

// Results here are the CPU time of the process, and quotients of times that were taken in turns, so
// that a busy machine disturbs both sides equally. For results on one core set GOMAXPROCS=1.

// inTurns runs first and second in turns, n operations each, and reports the medians of their
// times and of the quotient second/first.
func inTurns(b *testing.B, n int, first, second func()) {
	var ta, tb, ratio []float64
	timed := func(f func()) float64 {
		start := cpuTime()
		f()
		return float64(cpuTime()-start) / float64(n)
	}
	first()
	second()
	for b.Loop() {
		x, y := timed(first), timed(second)
		ta, tb, ratio = append(ta, x), append(tb, y), append(ratio, y/x)
	}
	median := func(x []float64) float64 { slices.Sort(x); return x[len(x)/2] }
	b.ReportMetric(median(ta)/1000, "us/first")
	b.ReportMetric(median(tb)/1000, "us/second")
	b.ReportMetric(median(ratio), "second/first")
	b.ReportMetric(0, "ns/op")
}

// cpuTime returns the CPU time that the process has used, or the time on a system that does not
// report it.
func cpuTime() time.Duration {
	if d, ok := cputime.Process(); ok {
		return d
	}
	return clock.Now()
}

func benchEngine(b *testing.B) *engine.Engine {
	e, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close() })
	return e
}

// BenchmarkOverhead measures the time that the engine adds to the kernels when batches are full:
// 64 jobs, beside batches of eight with nothing around them.
func BenchmarkOverhead(b *testing.B) {
	if ok, why := Supported(); !ok {
		b.Skip(why)
	}
	for _, bits := range []int{2048, 3072, 4096} {
		for _, scheme := range []string{"PKCS1v15", "PSS"} {
			b.Run(fmt.Sprintf("%d/%s", bits, scheme), func(b *testing.B) {
				key := RSAKeys()[bits][0]
				wrapped, _, err := new(handler).prepare(key)
				if err != nil {
					b.Fatal(err)
				}
				lanes := wrapped.(*prepared).key.(*lanersa.Key)
				w, err := lanersa.NewWorkspace(bits / 8)
				if err != nil {
					b.Fatal(err)
				}
				digest := make([]byte, 32)
				var opts crypto.SignerOpts = crypto.SHA256
				if scheme == "PSS" {
					opts = &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: rsa.PSSSaltLengthEqualsHash}
				}
				var keys [8]*lanersa.Key
				var in, out [8][]byte
				for l := range keys {
					keys[l], in[l], out[l] = lanes, make([]byte, bits/8), make([]byte, bits/8)
					if !encode(in[l], &engine.SignOp{Digest: digest, Opts: opts, Rand: rand.Reader}) {
						b.Fatal("not encoded")
					}
				}
				s, err := benchEngine(b).Signer(key)
				if err != nil {
					b.Fatal(err)
				}
				js := newJobs(b, 64, func(ctx context.Context) error {
					_, err := s.WithContext(ctx).Sign(rand.Reader, digest, opts)
					return err
				})
				inTurns(b, 64, func() {
					for range 64 / 8 {
						if ok := w.Sign(&keys, &in, &out, 8); ok != 0xff {
							b.Fatal(ok)
						}
					}
				}, js.run)
			})
		}
	}
}

// BenchmarkLone measures one request at a time, beside the standard library: from a goroutine and
// from a job.
func BenchmarkLone(b *testing.B) {
	e := benchEngine(b)
	digest := make([]byte, 32)
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	small, _ := rsa.GenerateKey(rand.Reader, 1024)
	pss := &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: rsa.PSSSaltLengthEqualsHash}
	type pair struct {
		name   string
		std    func() error
		engine func(context.Context) error
	}
	var all []pair
	add := func(name string, key crypto.Signer, opts crypto.SignerOpts) {
		s, err := e.Signer(key)
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, pair{name,
			func() error { _, err := key.Sign(rand.Reader, digest, opts); return err },
			func(ctx context.Context) error {
				_, err := s.WithContext(ctx).Sign(rand.Reader, digest, opts)
				return err
			}})
	}
	for _, bits := range []int{2048, 3072, 4096} {
		add(fmt.Sprintf("RSA-%d", bits), RSAKeys()[bits][0], crypto.SHA256)
		add(fmt.Sprintf("RSA-%d-PSS", bits), RSAKeys()[bits][0], pss)
	}
	add("RSA-1024", small, crypto.SHA256)
	add("P-256", p256, crypto.SHA256)
	add("P-384", p384, crypto.SHA256)
	add("Ed25519", ed, crypto.Hash(0))
	x25519, _ := ecdh.X25519().GenerateKey(rand.Reader)
	all = append(all, pair{"X25519",
		func() error { _, err := x25519.ECDH(x25519.PublicKey()); return err },
		func(ctx context.Context) error {
			return e.Do(ctx, &engine.ECDHOp{Key: x25519, Peer: x25519.PublicKey()})
		}})
	pool, err := async.NewPool(1, 0) // one for all: starting a coroutine is no part of a signature
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	for _, p := range all {
		must := func(err error) {
			if err != nil {
				b.Fatal(err)
			}
		}
		b.Run(p.name+"/goroutine", func(b *testing.B) {
			inTurns(b, 20, func() {
				for range 20 {
					must(p.std())
				}
			}, func() {
				for range 20 {
					must(p.engine(context.Background()))
				}
			})
		})
		b.Run(p.name+"/job", func(b *testing.B) {
			inTurns(b, 20, func() {
				for range 20 {
					must(p.std())
				}
			}, func() { runJob(b, pool, p.engine) })
		})
	}
}

// BenchmarkKeys measures the time to wrap a key, and the memory of its copy for the kernels.
func BenchmarkKeys(b *testing.B) {
	for _, bits := range []int{2048, 3072, 4096} {
		b.Run(fmt.Sprint(bits), func(b *testing.B) {
			e := benchEngine(b)
			var signers []engine.Signer
			heap := func() uint64 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				return m.HeapAlloc
			}
			before := heap()
			for b.Loop() {
				s, err := e.Signer(RSAKeys()[bits][0])
				if err != nil {
					b.Fatal(err)
				}
				signers = append(signers, s)
			}
			b.ReportMetric(float64(heap()-before)/float64(len(signers)), "B/key")
			runtime.KeepAlive(signers)
		})
	}
}
