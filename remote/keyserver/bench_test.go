package keyserver

import (
	"bufio"
	"crypto"
	"crypto/rand"
	"io"
	"sync"
	"testing"

	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
	"asynccrypto/internal/cputime"
	"asynccrypto/remote/internal/testkeys"
	"asynccrypto/remote/internal/wire"
)

const benchInFlight = 64

func benchEngine(b *testing.B) engine.Signer {
	eng, err := multibuffer.New(multibuffer.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { eng.Close() })
	signer, err := eng.Signer(rsaKey)
	if err != nil {
		b.Fatal(err)
	}
	return signer
}

// measureCPU reports the processor time of f, which does all operations.
func measureCPU(b *testing.B, f func()) {
	b.ReportAllocs()
	b.ResetTimer()
	before, _ := cputime.Process()
	f()
	if after, ok := cputime.Process(); ok {
		b.ReportMetric(float64(after-before)/float64(b.N), "cpu-ns/op")
	}
}

// BenchmarkEngine is the engine by itself: what BenchmarkFrames is compared with.
func BenchmarkEngine(b *testing.B) {
	signer := benchEngine(b)
	measureCPU(b, func() {
		var wg sync.WaitGroup
		work := make(chan struct{}, b.N)
		for range b.N {
			work <- struct{}{}
		}
		close(work)
		for range benchInFlight {
			wg.Go(func() {
				for range work {
					if _, err := signer.Sign(rand.Reader, sum256[:], crypto.SHA256); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
	})
}

// BenchmarkFrames is a client with 64 requests in flight over a Unix socket. It does as little as
// a client can, so that the rest is the server's.
func BenchmarkFrames(b *testing.B) {
	for _, bench := range []struct {
		name  string
		audit io.Writer
	}{{"plain", nil}, {"audit", io.Discard}} {
		b.Run(bench.name, func(b *testing.B) {
			s := newServer(b, Config{Keys: map[string]crypto.Signer{"rsa": benchEngine(b)}, Allow: []byte("allow uid:1 sign rsa"), Audit: bench.audit})
			p := newFramer(b, socketPair(b, s))
			p.greet()
			p.reader = bufio.NewReaderSize(p.conn, 64<<10)
			measureCPU(b, func() { flood(b, p) })
		})
	}
}

// flood asks b.N times, and sends a request for each answer, those of a read together.
func flood(b *testing.B, p *framer) {
	r := digestRequest()
	r.ID, r.Data = 1, sum256[:]
	r.Timeout = 1 << 33
	request := testkeys.Must(wire.AppendRequest(nil, &r))
	var out []byte
	sent, received := 0, 0
	for more := benchInFlight; received < b.N; more = 0 {
		for ; more > 0 && sent < b.N; more-- {
			out = append(out, request...)
			sent++
		}
		p.write(out)
		out = out[:0]
		for again := true; again; again = wire.FrameBuffered(p.reader) {
			var a wire.Answer
			if err := wire.ParseAnswer(p.frame(), &a); err != nil || a.Status != wire.OK {
				b.Fatalf("%+v, %v", a, err)
			}
			received++
			if sent < b.N {
				out = append(out, request...)
				sent++
			}
		}
	}
}
