package async

// record is one wait fd. A record stays after its deletion until the next reset, so that the
// application learns of the deletion.
type record struct {
	key, data any
	cleanup   CleanupFunc
	fd        FD
	added     bool // since the last reset
	deleted   bool // since the last reset
	closing   bool // its cleanup has been called
}

// fdList holds a session's wait fds, oldest first: lookups, which want the newest, go from the
// end. The first record is part of the list itself. A session uses one engine as a rule, and then
// needs no allocation.
type fdList struct {
	first  record
	more   []record
	n      int32
	marked int32 // records marked added or deleted
}

func (l *fdList) at(i int32) *record {
	if i == 0 {
		return &l.first
	}
	return &l.more[i-1]
}

// add adds a record as the newest, whether or not its key is on the list already.
func (l *fdList) add(key any, fd FD, data any, cleanup CleanupFunc) {
	r := &l.first
	if l.n > 0 {
		r = l.extend()
	}
	r.key, r.data, r.cleanup, r.fd = key, data, cleanup, fd
	r.added, r.deleted, r.closing = true, false, false
	l.n++
	l.marked++
}

// extend returns a zero record at the end of more. The records between its length and capacity are
// zero: pop clears them.
func (l *fdList) extend() *record {
	n := len(l.more)
	if n < cap(l.more) {
		l.more = l.more[:n+1]
	} else {
		l.more = append(l.more, record{})
	}
	return &l.more[n]
}

// find returns the newest record with that key that is not deleted, and its index. It returns nil
// if there is none.
func (l *fdList) find(key any) (*record, int32) {
	for i := l.n - 1; i >= 0; i-- {
		if r := l.at(i); !r.deleted && r.key == key {
			return r, i
		}
	}
	return nil, -1
}

// clear removes the newest record with that key: at once if the application has not seen it yet,
// else at the next reset.
func (l *fdList) clear(key any) bool {
	r, i := l.find(key)
	if r == nil {
		return false
	}
	if r.added && !r.closing {
		l.marked--
		l.remove(i)
		return true
	}
	if !r.added {
		l.marked++
	}
	r.deleted = true
	return true
}

// remove closes the gap at i. The caller keeps the counts.
func (l *fdList) remove(i int32) {
	for ; i < l.n-1; i++ {
		*l.at(i) = *l.at(i + 1)
	}
	l.pop()
}

// pop drops the newest record, and the references in it.
func (l *fdList) pop() {
	l.n--
	*l.at(l.n) = record{}
	if l.n > 0 {
		l.more = l.more[:l.n-1]
	}
}

// reset removes the marks of added records and drops the deleted ones. It is called when a paused
// job is resumed: the application has had its chance to look.
func (l *fdList) reset() {
	if l.marked != 0 {
		l.resetMarks()
	}
}

func (l *fdList) resetMarks() {
	kept := int32(0)
	for i := range l.n {
		r := l.at(i)
		if r.deleted && !r.closing {
			continue
		}
		r.added = false
		if kept != i {
			*l.at(kept) = *r
		}
		kept++
	}
	for l.n > kept {
		l.pop()
	}
	l.marked = 0
}

func (l *fdList) all(dst []FD) []FD {
	for i := l.n - 1; i >= 0; i-- {
		if r := l.at(i); !r.deleted {
			dst = append(dst, r.fd)
		}
	}
	return dst
}

func (l *fdList) changed(add, del []FD) (added, deleted []FD) {
	if l.marked == 0 {
		return add, del
	}
	for i := l.n - 1; i >= 0; i-- {
		switch r := l.at(i); {
		case r.deleted:
			del = append(del, r.fd)
		case r.added:
			add = append(add, r.fd)
		}
	}
	return add, del
}

// cleanUp empties the list from the newest record on, and calls the cleanups of those that are not
// deleted. The record stays on the list during the call, as with OpenSSL. A cleanup may look
// itself up; it may clear itself, which is only a mark here and a double free in OpenSSL; it may
// clear others, and set new ones, which then come next.
func (l *fdList) cleanUp(w *WaitCtx) {
	for l.n > 0 {
		r := l.at(l.n - 1)
		if r.deleted || r.closing || r.cleanup == nil { // closing: its cleanup panicked in an earlier Close
			l.pop()
			continue
		}
		r.closing = true
		r.cleanup(w, r.key, r.fd, r.data)
		l.dropClosed()
	}
	*l = fdList{}
}

// dropClosed removes the record whose cleanup was called last. Only records that the cleanup set
// are newer.
func (l *fdList) dropClosed() {
	i := l.n - 1
	for !l.at(i).closing {
		i--
	}
	l.remove(i)
}
