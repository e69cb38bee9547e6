package audit

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// run writes until the log is closed.
func (l *Log) run() {
	defer close(l.gone)
	for l.next() {
		l.write()
	}
}

// next waits until out is to be written. It reports false when the log is closed and nothing is left
// to do.
func (l *Log) next() bool {
	due := false // a write that failed is to be tried again
	for {
		l.mu.Lock()
		ready := !l.out.empty() && (due || l.swaps != l.seen || l.closing && !l.final)
		if l.out.empty() && (!l.queue.empty() || l.lost > 0) {
			if l.lost > 0 {
				l.queue.addGap(time.Now(), l.lost)
				l.lost = 0
			}
			l.out, l.queue = l.queue, l.out
			ready = true
		}
		ended := l.closing && !ready
		switch {
		case ready:
			l.final = l.closing
		case ended:
			l.stats.Lost += uint64(len(l.out.lines) + len(l.queue.lines))
		}
		l.mu.Unlock()
		if ready || ended {
			return ready
		}
		select {
		case <-l.kick:
		case <-l.pause.C:
			due = true
		}
	}
}

// errHangs is the cause of ErrFailing while a write does not return.
var errHangs = errors.New("a write does not return")

// write writes out, once, and calls the functions of the lines that are written or refused by that.
func (l *Log) write() {
	l.mu.Lock()
	w, same := l.w, l.swaps == l.seen
	l.seen = l.swaps
	l.writing, l.began = true, time.Now()
	l.mu.Unlock()
	l.watch.Reset(hangs)

	start := l.out.start(w, same, l.size)
	text := l.out.text[start:]
	n, err := w.Write(text)
	n = max(0, min(n, len(text)))
	switch {
	case err == nil && n < len(text):
		err = io.ErrShortWrite
	case err != nil && n == len(text):
		n-- // the end cannot be relied on
	}
	if err != nil {
		l.size = sizeOf(w)
		l.pause.Reset(l.backoff)
		l.backoff = min(2*l.backoff, maxRetry)
	} else {
		l.pause.Stop()
		l.backoff = minRetry
	}
	l.watch.Stop()

	l.mu.Lock()
	l.writing = false
	if l.idle != nil {
		close(l.idle)
		l.idle = nil
	}
	var whole int
	whole, l.given = l.out.wrote(start, n, l.given[:0])
	l.stats.Written += uint64(whole)
	report := l.settle(err)
	l.mu.Unlock()

	call(l.given, nil)
	clear(l.given)
	report()
}

// hung notices a write that does not return.
func (l *Log) hung() {
	report := func() {}
	l.mu.Lock()
	if l.writing && time.Since(l.began) >= hangs { // it may have returned meanwhile
		report = l.settle(errHangs)
	}
	l.mu.Unlock()
	report()
}

// settle notes whether the log can be written. The caller holds the lock, and calls report without
// it: report tells the logger of a change, and refuses the lines that wait.
//
// While the log is failing, a write is under way or out has lines to be tried again. So it cannot
// stay failing for want of something to write.
func (l *Log) settle(err error) (report func()) {
	before, lost := l.failing, l.lost
	switch {
	case err == nil && before == nil:
		return func() {}
	case err == nil:
		l.failing = nil
		return func() { l.logger.Info("the audit log is written again", "lost", lost) }
	}
	l.failing = fmt.Errorf("%w: %w", ErrFailing, err)
	failing, refused := l.failing, l.waiting()
	return func() {
		if before == nil {
			until := "nothing is signed until it can"
			if l.optional {
				until = "signatures are given without a line until it can"
			}
			l.logger.Error("the audit log cannot be written; "+until, "error", err)
		}
		call(refused, failing)
	}
}

// waiting returns the functions of the lines that are not written, and forgets them.
func (l *Log) waiting() []func(error) {
	return takeDone(takeDone(nil, l.out.lines), l.queue.lines)
}

// takeDone appends the functions of the lines to all, and forgets them.
func takeDone(all []func(error), lines []line) []func(error) {
	for i := range lines {
		if lines[i].done != nil {
			all = append(all, lines[i].done)
			lines[i].done = nil
		}
	}
	return all
}

func call(all []func(error), err error) {
	for _, done := range all {
		done(err)
	}
}
