package transport

import (
	"fmt"
	"testing"

	"asynccrypto/internal/cputime"
	"asynccrypto/remote/internal/pool"
	"asynccrypto/remote/internal/wire"
)

// BenchmarkEcho has a number of requests in flight to a node in this process that answers at once,
// eight in a write, as many as an engine signs at a time.
// cpu-us/op is the processor time of both sides together.
func BenchmarkEcho(b *testing.B) {
	for name, listen := range map[string]listenFunc{"unix": listenUnix, "grpc": listenGRPC} {
		for _, inFlight := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/in-flight=%d", name, inFlight), func(b *testing.B) {
				h := &again{send: b.N, wait: b.N, done: make(chan bool)}
				h.c = mustDial(b, listen(b, greeting(echoByEight)), h)
				var first []*wire.Request
				for ; len(first) < inFlight && h.send > 0; h.send-- {
					first = append(first, benchRequest(uint64(len(first)+1)))
				}
				b.ResetTimer()
				before, _ := cputime.Process()
				if err := h.c.Send(first); err != nil {
					b.Fatal(err)
				}
				<-h.done
				after, _ := cputime.Process()
				b.ReportMetric(float64((after-before).Nanoseconds())/1e3/float64(b.N), "cpu-us/op")
			})
		}
	}
}

func benchRequest(id uint64) *wire.Request {
	return &wire.Request{ID: id, Op: wire.OpSign, Key: wire.KeyID{1}, Hash: wire.SHA256, Padding: wire.PKCS1, Data: make([]byte, 32)}
}

// again sends a request for each answer, as long as there are some to send.
type again struct {
	c          pool.Conn
	send, wait int
	done       chan bool
}

func (h *again) Answers(answers []wire.Answer) {
	if h.wait -= len(answers); h.wait == 0 {
		close(h.done)
	}
	var next []*wire.Request
	for ; len(next) < len(answers) && h.send > 0; h.send-- {
		next = append(next, benchRequest(answers[len(next)].ID))
	}
	_ = h.c.Send(next) // an error ends the benchmark's connection, and go test after its time
}

func (h *again) Closed(error) {}

func echoByEight(p peer) error {
	var waiting []wire.Answer
	for {
		requests, err := p.requests()
		if err != nil {
			return err
		}
		for i, r := range requests {
			waiting = append(waiting, wire.Answer{ID: r.ID, Data: make([]byte, 256)})
			if len(waiting) < 8 && i < len(requests)-1 {
				continue
			}
			if err := p.answer(waiting...); err != nil {
				return err
			}
			waiting = waiting[:0]
		}
	}
}
