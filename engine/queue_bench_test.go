package engine

import (
	"fmt"
	"testing"

	"asynccrypto/internal/list"
)

// BenchmarkPick measures what a worker does under the engine's mutex to take a batch, for each
// operation, beside a queue of so many others of so many kinds.
func BenchmarkPick(b *testing.B) {
	for _, kinds := range []int{1, 4, 16} {
		for _, queued := range []int{0, 100, 10_000} {
			b.Run(fmt.Sprintf("kinds=%d/queued=%d", kinds, queued), func(b *testing.B) {
				e := &Engine{maxBatch: 8, byKind: make([]list.List[*Request], kinds+1)}
				e.kind = func(Op) int { return 0 }
				e.counts.BatchSizes, e.counts.Kinds = make([]uint64, 8), make([]KindStats, kinds+1)
				e.work.L = &e.mu
				n := 0
				push := func(r *Request) {
					r.node.Value, r.peers.Value = r, r
					r.kind = 1 + n*7919%kinds
					n++
					e.enqueue(r)
				}
				for range queued {
					push(&Request{e: e})
				}
				for range 64 { // at least, or a batch would be shorter
					push(&Request{e: e})
				}
				var batch []*Request
				for i := 0; i < b.N; i += len(batch) {
					batch = e.pick(batch[:0])
					for _, r := range batch {
						e.taken.Remove(&r.node)
						push(r)
					}
				}
			})
		}
	}
}
