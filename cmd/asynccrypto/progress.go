package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// progress is a line on a terminal that is written over again and again. Where there is no terminal it is nothing, so
// that logs and pipes stay clean.
type progress struct {
	mu    sync.Mutex
	w     io.Writer // nil without a terminal
	shown bool
}

func newProgress(w io.Writer) *progress {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		return &progress{w: w}
	}
	return &progress{}
}

// The line is cleared to its end by an escape sequence, which every terminal but a dumb one knows.
const clearLine = "\r\x1b[K"

// show replaces the line.
func (p *progress) show(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w != nil {
		fmt.Fprintf(p.w, clearLine+format, args...)
		p.shown = true
	}
}

// clear removes the line, so that other output begins at the margin.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clearLocked()
}

func (p *progress) clearLocked() {
	if p.shown {
		fmt.Fprint(p.w, clearLine)
		p.shown = false
	}
}

// println writes a line to w, the terminal's stream perhaps, without mixing it up with the progress.
func (p *progress) println(w io.Writer, line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clearLocked()
	fmt.Fprintln(w, line)
}

// every shows what line returns again and again until stop is called, which removes it.
func (p *progress) every(interval time.Duration, line func() string) (stop func()) {
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
				p.show("%s", line())
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		ended.Wait()
		p.clear()
	}
}
