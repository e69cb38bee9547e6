// Package eventlog is the log of asynccrypto serve: lines with their time, and few of them for
// failures that repeat.
package eventlog

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/internal/measure"
)

// Log writes lines, each with the time before it. Its methods may be called from any goroutine,
// and do not block: event loops call them. Lines that a stuck reader does not take are dropped
// and counted.
type Log struct {
	w     io.Writer
	lines chan string
	ended chan struct{}

	mu      sync.Mutex
	closed  bool
	dropped int
	causes  map[string]int // how often each occurred in this period
	flush   *time.Timer
}

const (
	queueLength = 1024 // lines that wait for the reader
	// FailuresInPeriod is how many failures with the same cause are written in a period. At the
	// end of the period a line says how many more there were.
	FailuresInPeriod = 5
	failurePeriod    = 10 * time.Second
	// Peers can make up causes. Beyond maxCauses in a period they are counted together.
	maxCauses = 50
	// maxCauseLength bounds a cause for the same reason.
	maxCauseLength = 300
)

// New returns a log that writes to w. Call Close when done.
func New(w io.Writer) *Log {
	l := &Log{w: w, lines: make(chan string, queueLength), ended: make(chan struct{}), causes: make(map[string]int)}
	go func() {
		defer close(l.ended)
		for line := range l.lines {
			io.WriteString(l.w, line)
		}
	}()
	return l
}

// Printf writes a line.
func (l *Log) Printf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.printLocked(fmt.Sprintf(format, args...))
}

func (l *Log) printLocked(line string) {
	if l.closed {
		return
	}
	line = time.Now().Format(time.DateTime) + " " + cli.OneLine(line) + "\n"
	if l.dropped > 0 {
		line = fmt.Sprintf("%s %d lines were lost: nothing read the log\n", time.Now().Format(time.DateTime), l.dropped) + line
	}
	select {
	case l.lines <- line:
		l.dropped = 0
	default:
		l.dropped++
	}
}

// Failed writes a line that names what failed, the peer, and the cause, unless there were
// [FailuresInPeriod] with this cause in the present period. The cause should be the same text for
// every failure of its kind.
func (l *Log) Failed(what, peer, cause string) {
	if len(cause) > maxCauseLength {
		cause = cause[:maxCauseLength] + "..."
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	key := what + ": " + cause
	if l.causes[key] == 0 && len(l.causes) >= maxCauses {
		key = what + ": other causes"
	}
	if l.causes[key]++; l.causes[key] <= FailuresInPeriod {
		l.printLocked(fmt.Sprintf("%s: %s: %s", what, peer, cause))
	}
	if l.flush == nil && !l.closed {
		l.flush = time.AfterFunc(failurePeriod, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.endPeriod()
		})
	}
}

// endPeriod writes how many failures of each cause were left out, and begins a new period.
func (l *Log) endPeriod() {
	for _, key := range slices.Sorted(maps.Keys(l.causes)) {
		if n := l.causes[key] - FailuresInPeriod; n > 0 {
			l.printLocked(fmt.Sprintf("%s: %s more within %v", key, measure.Number(float64(n)), failurePeriod))
		}
	}
	clear(l.causes)
	l.flush = nil
}

// Close writes the lines that are left, and waits a second at most for the reader to take them.
// Calls after Close write nothing.
func (l *Log) Close() {
	l.mu.Lock()
	if l.flush != nil {
		l.flush.Stop()
	}
	l.endPeriod()
	l.closed = true
	l.mu.Unlock()
	close(l.lines)
	select {
	case <-l.ended:
	case <-time.After(time.Second):
	}
}
