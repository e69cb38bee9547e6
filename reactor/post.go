package reactor

// Post queues fn to run on the loop; posted functions run in the order of posting. Any goroutine
// may call Post. Post never calls fn itself, not even on the loop's goroutine. If a posted
// function posts fn, fn runs in the next turn. Post returns false after Close. Functions that are
// still queued when Close is called never run.
func (l *Loop) Post(fn func()) bool {
	l.mu.Lock()
	if l.closed.Load() {
		l.mu.Unlock()
		return false
	}
	l.posted = append(l.posted, fn)
	l.some.Store(true)
	l.mu.Unlock()
	l.rouse()
	return true
}

func (l *Loop) runPosted() {
	if l.next == len(l.posts) {
		l.takePosted()
	}
	for l.next < len(l.posts) && !l.closed.Load() {
		fn := l.posts[l.next]
		l.posts[l.next] = nil
		l.next++
		fn()
	}
}

// takePosted swaps the two slices, so that neither is allocated again.
func (l *Loop) takePosted() {
	if !l.some.Load() {
		return
	}
	l.mu.Lock()
	l.posts, l.posted = l.posted, l.posts[:0]
	l.some.Store(false)
	l.mu.Unlock()
	l.next = 0
}

// Low queues fn to run on the loop with low priority: at the end of each turn LowBudget functions
// of this queue run. It is for work that comes in bursts and may wait, such as the steps of
// handshakes in a server with open connections.
func (l *Loop) Low(fn func()) { l.low.push(fn) }

func (l *Loop) runLow() {
	for n := min(l.budget, l.low.len()); n > 0 && !l.closed.Load(); n-- {
		l.low.pop()()
	}
}

// fifo is a queue of functions.
type fifo struct {
	list []func()
	head int
}

func (q *fifo) len() int { return len(q.list) - q.head }

func (q *fifo) push(fn func()) { q.list = append(q.list, fn) }

func (q *fifo) pop() func() {
	fn := q.list[q.head]
	q.list[q.head] = nil
	q.head++
	if q.head*2 >= len(q.list) { // amortized: at most one move for each pop
		n := copy(q.list, q.list[q.head:])
		clear(q.list[n:])
		q.list, q.head = q.list[:n], 0
	}
	return fn
}
