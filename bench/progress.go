package main

import (
	"fmt"
	"io"
	"os"
)

// progress is a line that overwrites itself on a terminal; with none there, it is silent.
type progress struct {
	terminal io.Writer
}

func newProgress(w io.Writer) progress {
	f, ok := w.(*os.File)
	if !ok {
		return progress{io.Discard}
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return progress{io.Discard}
	}
	return progress{f}
}

const eraseLine = "\r\x1b[K"

func (p progress) show(format string, args ...any) {
	fmt.Fprintf(p.terminal, eraseLine+format, args...)
}

func (p progress) clear() {
	fmt.Fprint(p.terminal, eraseLine)
}
