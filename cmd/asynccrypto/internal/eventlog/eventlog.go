// Package eventlog is the log of the servers, asynccrypto serve and keyserver: lines with their time,
// and few of them for failures that repeat.
package eventlog

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/internal/measure"
)

// Log writes lines: text with the time before it, or JSON objects as those of log/slog. Its methods
// may be called from any goroutine, and do not block: event loops call them. Lines that a stuck
// reader does not take are dropped and counted.
type Log struct {
	w     io.Writer
	json  bool
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

// Formats are the formats of [New].
var Formats = []string{"text", "json"}

// New returns a log that writes to w in one of the Formats. Call Close when done.
func New(w io.Writer, format string) *Log {
	l := &Log{w: w, json: format == "json", lines: make(chan string, queueLength), ended: make(chan struct{}), causes: make(map[string]int)}
	go func() {
		defer close(l.ended)
		for line := range l.lines {
			io.WriteString(l.w, line)
		}
	}()
	return l
}

// entry is a line: the kind of the message, and its attributes. The text has both.
type entry struct {
	level slog.Level
	text  string
	what  string
	attrs []slog.Attr
}

// warning begins the text of lines that are warnings.
const warning = "warning: "

// Printf writes a line. One that begins with "warning: " has the level WARN in JSON.
func (l *Log) Printf(format string, args ...any) {
	e := entry{text: fmt.Sprintf(format, args...)}
	e.what = e.text
	if rest, ok := strings.CutPrefix(e.text, warning); ok {
		e.level, e.what = slog.LevelWarn, rest
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.printLocked(e)
}

// Access writes a line about a request that has been answered. The peer chooses the method and the
// path.
func (l *Log) Access(peer, method, path, protocol string, status int, size int64, took time.Duration) {
	method, path = shorten(method), shorten(path)
	e := entry{
		text: fmt.Sprintf("%s: %s %s %s: %d, %d bytes, %v", peer, method, path, protocol, status, size, took),
		what: "request",
		attrs: []slog.Attr{slog.String("peer", peer), slog.String("method", method), slog.String("path", path),
			slog.String("protocol", protocol), slog.Int("status", status), slog.Int64("bytes", size), slog.Float64("seconds", took.Seconds())},
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.printLocked(e)
}

func (l *Log) printLocked(e entry) {
	if l.closed {
		return
	}
	line := l.format(e)
	if l.dropped > 0 {
		lost := entry{level: slog.LevelWarn, text: fmt.Sprintf("%d lines were lost: nothing read the log", l.dropped)}
		lost.what = lost.text
		line = l.format(lost) + line
	}
	select {
	case l.lines <- line:
		l.dropped = 0
	default:
		l.dropped++
	}
}

// format returns the line of e.
func (l *Log) format(e entry) string {
	now := time.Now()
	if !l.json {
		return now.Format(time.DateTime) + " " + cli.OneLine(e.text) + "\n"
	}
	return e.object(now)
}

// object returns e as a JSON object on a line.
func (e entry) object(now time.Time) string {
	var b strings.Builder
	r := slog.NewRecord(now, e.level, e.what, 0)
	r.AddAttrs(e.attrs...)
	slog.NewJSONHandler(&b, nil).Handle(context.Background(), r) // writing to b can't fail
	return b.String()
}

// WriteError writes the error that ends the server to w: a line as a [Log] in JSON writes them,
// with the level ERROR. Call it while there is no Log on w: before New, or after Close.
func WriteError(w io.Writer, message string) {
	io.WriteString(w, entry{level: slog.LevelError, what: message}.object(time.Now()))
}

// shorten bounds a text that a peer has chosen.
func shorten(text string) string {
	if len(text) > maxCauseLength {
		return text[:maxCauseLength] + "..."
	}
	return text
}

// Failed writes a line that names what failed, the peer, and the cause, unless there were
// [FailuresInPeriod] with this cause in the present period. The cause should be the same text for
// every failure of its kind.
func (l *Log) Failed(what, peer, cause string) {
	cause = shorten(cause)
	l.limited(what+": "+cause, what+": other causes", entry{slog.LevelWarn, fmt.Sprintf("%s: %s: %s", what, peer, cause), what,
		[]slog.Attr{slog.String("peer", peer), slog.String("cause", cause)}})
}

// limited writes e unless [FailuresInPeriod] entries with the same key were written in the present
// period. If there are too many keys, the key is others.
func (l *Log) limited(key, others string, e entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.causes[key] == 0 && len(l.causes) >= maxCauses {
		key = others
	}
	if l.causes[key]++; l.causes[key] <= FailuresInPeriod {
		l.printLocked(e)
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
			l.printLocked(entry{slog.LevelWarn, fmt.Sprintf("%s: %s more within %v", key, measure.Number(float64(n)), failurePeriod), key,
				[]slog.Attr{slog.Int("more", n), slog.Float64("seconds", failurePeriod.Seconds())}})
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
