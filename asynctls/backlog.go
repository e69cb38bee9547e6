package asynctls

import (
	"slices"
	"sync"
)

// backlog is a queue of bytes. An empty one holds no memory, because most connections are idle
// most of the time.
type backlog struct {
	b    *[]byte // from blocks; nil when empty
	head int
}

const (
	minBlock = 4096
	maxBlock = 64 << 10 // larger blocks are not kept, so that a burst leaves little
)

// blocks are the buffers of backlogs.
var blocks = sync.Pool{New: func() any { return new(make([]byte, 0, minBlock)) }}

func (q *backlog) len() int {
	if q.b == nil {
		return 0
	}
	return len(*q.b) - q.head
}

// bytes returns the queued bytes. They are valid until the next call of a method.
func (q *backlog) bytes() []byte {
	if q.b == nil {
		return nil
	}
	return (*q.b)[q.head:]
}

func (q *backlog) add(p []byte) {
	if len(p) == 0 {
		return
	}
	q.block()
	if len(*q.b)+len(p) > cap(*q.b) {
		q.compact()
	}
	*q.b = append(*q.b, p...)
}

// compact moves the bytes to the front, so that the block need not grow, if that frees enough to
// be worth the copy.
func (q *backlog) compact() {
	if q.head > 0 && q.len() <= q.head {
		*q.b = append((*q.b)[:0], q.bytes()...)
		q.head = 0
	}
}

func (q *backlog) block() {
	if q.b == nil {
		q.b = blocks.Get().(*[]byte)
	}
}

// room returns free memory behind the queued bytes, at least one byte and at most limit. Bytes
// written there are queued by extend.
func (q *backlog) room(limit int) []byte {
	q.block()
	if len(*q.b) == cap(*q.b) {
		q.compact()
	}
	b := *q.b
	if len(b) == cap(b) {
		b = slices.Grow(b, minBlock)
		*q.b = b
	}
	return b[len(b):min(cap(b), len(b)+limit)]
}

// extend queues the first n bytes of the memory that room returned.
func (q *backlog) extend(n int) { *q.b = (*q.b)[:len(*q.b)+n] }

// drop removes the first n bytes.
func (q *backlog) drop(n int) {
	if q.head += min(n, q.len()); q.b != nil && q.head == len(*q.b) {
		q.reset()
	}
}

// reset removes all bytes and gives the memory back.
func (q *backlog) reset() {
	if b := q.b; b != nil {
		if *b = (*b)[:0]; cap(*b) <= maxBlock {
			blocks.Put(b)
		}
	}
	q.b, q.head = nil, 0
}
