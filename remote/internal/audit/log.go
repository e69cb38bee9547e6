// Package audit writes the audit log of a key server: a line of JSON for each signature and each
// refusal.
//
// The lines of all clients are gathered and written together by one goroutine. By default a
// signature waits for its line: it is given only when the line is written. Lines are not synced to
// the disk, so they survive the end of the process, but not that of the system.
//
// # When a write fails
//
// The log then takes no record until a write succeeds again: [Log.Add] reports an error, and no
// signature is given. It keeps the lines that it had taken, and tries to write these every second,
// at first more often. So the log may have lines of signatures that were made and not given, but no
// signature is given without a line. With [Options].Optional signatures are given all the same.
// Lines are kept up to a bound, and the ones beyond are counted; a line of the log says how many are
// missing before it:
//
//	{"time":"2026-11-29T10:14:03.120Z","result":"lost","lost":12}
//
// A line that was written in part is completed, so the log stays a file of whole lines. If
// something else has happened to the file since, or there is another writer by then, the line is
// written again as a whole, and begins behind a newline.
package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

// Options are the options of a Log. The zero value is ready to use.
type Options struct {
	// Optional says that nobody waits for the lines: done is called with nil before the line is
	// written, and also if it is lost.
	Optional bool

	Logger *slog.Logger // of failing and recovered writes, one record each; nil: none
}

// Errors of Add and Err. They say that the record was not written when it had to be.
var (
	ErrFailing = errors.New("the audit log cannot be written")
	ErrBehind  = errors.New("the audit log is written too slowly")
	ErrClosed  = errors.New("the audit log is closed")
)

const (
	maxQueue = 1 << 20 // bytes of lines that no write has begun with

	minRetry = 50 * time.Millisecond
	maxRetry = time.Second

	// hangs is how long a write may take before the log counts as failing.
	hangs = 3 * time.Second
)

// Log is an audit log. Its methods may be called by any goroutine.
type Log struct {
	optional bool
	logger   *slog.Logger

	kick chan struct{} // has an element if the writing goroutine has something new to look at
	gone chan struct{} // closed when the writing goroutine has ended

	watch *time.Timer // calls hung

	// Only the writing goroutine uses these.
	seen    int           // the value of swaps for the last write
	size    int64         // of the file after a write that failed, or -1
	pause   *time.Timer   // until the next try
	backoff time.Duration // the pause after that
	final   bool          // what fails now is not tried again
	given   []func(error) // scratch

	mu      sync.Mutex
	w       io.Writer
	swaps   int           // how often w was set
	writing bool          // a write is under way
	began   time.Time     // when it began
	idle    chan struct{} // if it is not nil it is closed at the end of the write
	out     batch         // what is being written, or is to be tried again; only its dones need the lock
	queue   batch         // what follows
	failing error         // not nil since a write failed or hung
	closing bool
	lost    uint64 // records that no line of the log tells of yet
	stats   Stats
}

// Stats are the counters of a Log.
type Stats struct {
	Written uint64 // lines
	Lost    uint64 // records without a line. Unless the log is optional, no signature was given for them
	Failing bool   // writes fail or hang
}

// New returns a log that writes to w, and starts its goroutine. End it with [Log.Close]. The
// caller closes w, after that.
func New(w io.Writer, o Options) *Log {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	l := &Log{
		optional: o.Optional,
		logger:   o.Logger,
		kick:     make(chan struct{}, 1),
		gone:     make(chan struct{}),
		pause:    time.NewTimer(0),
		backoff:  minRetry,
		w:        w,
		swaps:    1,
	}
	l.pause.Stop()
	l.watch = time.AfterFunc(hangs, l.hung)
	l.watch.Stop()
	go l.run()
	return l
}

// Add adds a record, which is not kept after Add has returned. It does not block.
//
// done is called exactly once: with nil when the line is written, or with an error that wraps
// ErrFailing, ErrBehind or ErrClosed if the signature must not be given. It is called by the log's
// goroutine, or by the caller of Add before Add returns; it must not block. An optional log calls
// it before Add returns, always with nil.
func (l *Log) Add(r *Record, done func(error)) {
	if err := l.add(r, done); err != nil {
		done(err)
	} else if l.optional {
		done(nil)
	}
}

// add reports an error if the log has not taken the record and it is not optional.
func (l *Log) add(r *Record, done func(error)) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closing:
		err = ErrClosed
	case len(l.queue.text) > maxQueue:
		err = ErrBehind
	case !l.optional:
		err = l.failing
	}
	if err != nil {
		l.stats.Lost++
		if !l.closing {
			l.lost++
		}
		if l.optional {
			return nil
		}
		return err
	}
	if l.optional {
		done = nil
	}
	l.queue.add(r, done)
	l.look()
	return nil
}

// Err returns the error with which Add would refuse a record now, or nil. A server asks it before
// it begins with a signature that it could not give. It is nil if the log is optional.
func (l *Log) Err() error {
	if l.optional {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return ErrClosed
	}
	return l.failing
}

// Stats returns the counters.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Failing = l.failing != nil
	return s
}

// SetWriter has the log write to w from now on, such as the file of the same name after the old one
// was renamed. If writes fail, w is tried at once.
//
// SetWriter waits for the write under way, and then the log has no more use for the old writer. It
// waits at most until that write counts as hanging; close the old writer to end such a write.
func (l *Log) SetWriter(w io.Writer) {
	l.mu.Lock()
	l.w = w
	l.swaps++
	if l.writing && l.idle == nil {
		l.idle = make(chan struct{})
	}
	idle := l.idle
	l.look()
	l.mu.Unlock()
	if idle == nil {
		return
	}
	timeout := time.NewTimer(hangs)
	defer timeout.Stop()
	select {
	case <-idle:
	case <-timeout.C:
	}
}

// Close writes the lines that the log has, and ends it: later records are refused. A line that cannot
// be written is not tried again. Close returns an error if lines were not written. If ctx ends
// first, it returns ctx's error, and the goroutine ends when the write under way does.
func (l *Log) Close(ctx context.Context) error {
	l.mu.Lock()
	l.closing = true
	l.look()
	l.mu.Unlock()
	select {
	case <-l.gone:
	case <-ctx.Done():
		l.mu.Lock()
		waiting := l.waiting()
		l.mu.Unlock()
		call(waiting, ErrClosed)
		return fmt.Errorf("%w before all lines were written: %w", ErrClosed, ctx.Err())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failing
}

// look has the writing goroutine look at the log's state.
func (l *Log) look() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}
