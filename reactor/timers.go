package reactor

// never is the time of a timer that does not exist.
const never = int64(1<<63 - 1)

// timers is a 4-ary heap by time. A timer that is put off stays at its index in the heap. The time
// of its entry is then earlier than its own, and expire moves it on.
type timers struct {
	heap []timerEntry
	due  []*Timer // expired, not run yet; a timer stopped or set again since then is passed over
	head int
}

type timerEntry struct {
	when int64 // not later than t.when
	t    *Timer
}

// next is the earliest time at which expire may have something to do.
func (h *timers) next() int64 {
	if len(h.heap) == 0 {
		return never
	}
	return h.heap[0].when
}

// set makes t expire at when.
func (h *timers) set(t *Timer, when int64) {
	t.when = when
	switch {
	case t.at < 0: // a due one no longer is: pop looks at t.at
		t.at = int32(len(h.heap))
		h.heap = append(h.heap, timerEntry{when, t})
		h.up(int(t.at))
	case when < h.heap[t.at].when:
		h.heap[t.at].when = when
		h.up(int(t.at))
	}
}

func (h *timers) stop(t *Timer) {
	i := int(t.at)
	t.at = off
	if i < 0 {
		return
	}
	last := len(h.heap) - 1
	moved := h.heap[last]
	h.heap[last] = timerEntry{}
	h.heap = h.heap[:last]
	if i < last {
		h.heap[i] = moved
		h.down(i)
		h.up(int(moved.t.at))
	}
}

// expire moves the timers that are due at now from the heap to due, in the order of time.
func (h *timers) expire(now int64) {
	for len(h.heap) > 0 && h.heap[0].when <= now {
		t := h.heap[0].t
		if t.when > h.heap[0].when { // it was put off; it may still be due, but in its turn
			h.heap[0].when = t.when
			h.down(0)
			continue
		}
		h.stop(t)
		t.at = due
		h.due = append(h.due, t)
	}
}

// pop takes the next timer that is due, or returns nil if there is none.
func (h *timers) pop() *Timer {
	for h.head < len(h.due) {
		t := h.due[h.head]
		h.due[h.head] = nil
		h.head++
		if t.at == due {
			t.at = off
			return t
		}
	}
	h.due, h.head = h.due[:0], 0
	return nil
}

func (h *timers) up(i int) {
	e := h.heap[i]
	for i > 0 {
		parent := (i - 1) / 4
		if h.heap[parent].when <= e.when {
			break
		}
		h.place(i, h.heap[parent])
		i = parent
	}
	h.place(i, e)
}

func (h *timers) down(i int) {
	e := h.heap[i]
	for {
		first := 4*i + 1
		if first >= len(h.heap) {
			break
		}
		least := first
		for c := first + 1; c < min(first+4, len(h.heap)); c++ {
			if h.heap[c].when < h.heap[least].when {
				least = c
			}
		}
		if h.heap[least].when >= e.when {
			break
		}
		h.place(i, h.heap[least])
		i = least
	}
	h.place(i, e)
}

func (h *timers) place(i int, e timerEntry) {
	h.heap[i] = e
	e.t.at = int32(i)
}
