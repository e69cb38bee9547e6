package measure

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Progress is a line on a terminal that is rewritten in place. Where there is no terminal it
// writes nothing, so that logs and pipes stay clean. Its methods may be called from any
// goroutine.
type Progress struct {
	mu    sync.Mutex
	w     io.Writer // nil without a terminal
	shown bool
}

// NewProgress returns the progress line of w, which writes nothing unless w is a terminal that
// understands escape sequences.
func NewProgress(w io.Writer) *Progress {
	if f, ok := w.(*os.File); ok && isTerminal(f.Fd()) && os.Getenv("TERM") != "dumb" {
		return &Progress{w: w}
	}
	return &Progress{}
}

// clearLine moves to the margin and clears the line to its end. Every terminal but a dumb one
// knows the sequence.
const clearLine = "\r\x1b[K"

// Show replaces the line.
func (p *Progress) Show(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w != nil {
		fmt.Fprintf(p.w, clearLine+format, args...)
		p.shown = true
	}
}

// Clear removes the line, so that other output begins at the margin.
func (p *Progress) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clearLocked()
}

func (p *Progress) clearLocked() {
	if p.shown {
		fmt.Fprint(p.w, clearLine)
		p.shown = false
	}
}

// Println removes the progress line and writes another line to w, which may be the same terminal.
func (p *Progress) Println(w io.Writer, line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clearLocked()
	fmt.Fprintln(w, line)
}

// Every shows the line that the function returns, once an interval, until stop is called. Stop
// returns when the line is removed and the function is called no more. Call stop once.
func (p *Progress) Every(interval time.Duration, line func() string) (stop func()) {
	if p.w == nil {
		return func() {}
	}
	done := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.Show("%s", line())
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		ended.Wait()
		p.Clear()
	}
}
