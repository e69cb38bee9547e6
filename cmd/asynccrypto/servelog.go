package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"
)

// serveLog writes lines with the time before them. Event loops log too, and must not block: what a stuck reader of the log
// does not take is dropped, and counted.
type serveLog struct {
	w     io.Writer
	lines chan string
	ended chan struct{}

	mu      sync.Mutex
	closed  bool
	dropped int
	causes  map[string]int // how often each was seen in this period
	flush   *time.Timer
}

const (
	logQueue = 1024
	// Of failures with the same cause, so many lines are written in a period, and then how many more there were.
	failuresAtOnce = 5
	failurePeriod  = 10 * time.Second
	// Peers can make up causes. Beyond so many in a period they are counted together.
	maxCauses = 50
	// maxCause bounds a cause's length, for the same reason.
	maxCause = 300
)

func newServeLog(w io.Writer) *serveLog {
	l := &serveLog{w: w, lines: make(chan string, logQueue), ended: make(chan struct{}), causes: make(map[string]int)}
	go func() {
		defer close(l.ended)
		for line := range l.lines {
			io.WriteString(l.w, line)
		}
	}()
	return l
}

// printf writes a line.
func (l *serveLog) printf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.printLocked(fmt.Sprintf(format, args...))
}

func (l *serveLog) printLocked(line string) {
	if l.closed {
		return
	}
	line = time.Now().Format(time.DateTime) + " " + oneLine(line) + "\n"
	if l.dropped > 0 {
		line = fmt.Sprintf("%s %d lines were lost: the log was not taken\n", time.Now().Format(time.DateTime), l.dropped) + line
	}
	select {
	case l.lines <- line:
		l.dropped = 0
	default:
		l.dropped++
	}
}

// failed writes a line about what failed, for whom, and why, unless there were enough with that cause of late.
func (l *serveLog) failed(what, peer, cause string) {
	if len(cause) > maxCause {
		cause = cause[:maxCause] + "..."
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	key := what + ": " + cause
	if l.causes[key] == 0 && len(l.causes) >= maxCauses {
		key = what + ": other causes"
	}
	if l.causes[key]++; l.causes[key] <= failuresAtOnce {
		l.printLocked(fmt.Sprintf("%s: %s: %s", what, peer, cause))
	}
	if l.flush == nil && !l.closed {
		l.flush = time.AfterFunc(failurePeriod, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.suppressed()
		})
	}
}

// suppressed says how many failures were not written, and begins a new period.
func (l *serveLog) suppressed() {
	for _, key := range slices.Sorted(maps.Keys(l.causes)) {
		if n := l.causes[key] - failuresAtOnce; n > 0 {
			l.printLocked(fmt.Sprintf("%s: %s more within %v", key, thousands(float64(n)), failurePeriod))
		}
	}
	clear(l.causes)
	l.flush = nil
}

// close writes what is left, if it is taken.
func (l *serveLog) close() {
	l.mu.Lock()
	if l.flush != nil {
		l.flush.Stop()
	}
	l.suppressed()
	l.closed = true
	l.mu.Unlock()
	close(l.lines)
	select {
	case <-l.ended:
	case <-time.After(time.Second):
	}
}
