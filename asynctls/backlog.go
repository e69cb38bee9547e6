package asynctls

import "sync"

// backlog is a queue of bytes. When it is empty it holds no memory: most connections are idle most of the time.
type backlog struct {
	b    *[]byte // out of blocks; nil when empty
	head int
}

// blocks are the buffers of backlogs, of up to maxBlock bytes.
var blocks = sync.Pool{New: func() any { return new(make([]byte, 0, 4096)) }}

// maxBlock bounds what one burst leaves behind.
const maxBlock = 64 << 10

func (q *backlog) len() int {
	if q.b == nil {
		return 0
	}
	return len(*q.b) - q.head
}

// bytes returns what is queued, until the next call of a method.
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
	if q.b == nil {
		q.b = blocks.Get().(*[]byte)
	}
	if q.head > 0 && len(*q.b)+len(p) > cap(*q.b) {
		// Moved to the front rather than grown, as long as that frees enough to be worth the copy.
		if n := q.len(); n <= q.head {
			*q.b = append((*q.b)[:0], q.bytes()...)
			q.head = 0
		}
	}
	*q.b = append(*q.b, p...)
}

// drop removes the first n bytes.
func (q *backlog) drop(n int) {
	if q.head += min(n, q.len()); q.b != nil && q.head == len(*q.b) {
		q.reset()
	}
}

func (q *backlog) reset() {
	if b := q.b; b != nil {
		if *b = (*b)[:0]; cap(*b) <= maxBlock {
			blocks.Put(b)
		}
	}
	q.b, q.head = nil, 0
}
