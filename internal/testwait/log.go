package testwait

import (
	"bytes"
	"log/slog"
	"regexp"
	"sync"
	"testing"
	"time"
)

// Log is a log, or the output of a program, that may be read while it is written.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Logger returns a logger that writes to the log.
func (l *Log) Logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// Find waits for text that matches the pattern and returns what regexp.FindStringSubmatch does.
// The test fails if the program that writes the log has ended without it.
func (l *Log) Find(t *testing.T, pattern string, ended <-chan struct{}) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for limit := Limit(); ; time.Sleep(time.Millisecond) {
		over := false
		select {
		case <-ended:
			over = true
		default:
		}
		if found := re.FindStringSubmatch(l.String()); found != nil {
			return found
		}
		if over || time.Now().After(limit) {
			t.Fatalf("no line %q; ended: %v\n%s", pattern, over, l)
		}
	}
}
