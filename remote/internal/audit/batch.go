package audit

import (
	"io"
	"io/fs"
	"time"
)

// batch is a number of lines that are written together.
type batch struct {
	text  []byte // a newline, which is written only where one is needed, and the lines
	lines []line
	sent  int // bytes of the first line that the writer has; -1: it has the part of some other line
}

// line is one line of a batch.
type line struct {
	end  int         // in the batch's text
	done func(error) // nil if nobody waits for it
}

func (b *batch) empty() bool { return len(b.lines) == 0 }

func (b *batch) add(r *Record, done func(error)) {
	b.text = r.appendLine(b.begin())
	b.lines = append(b.lines, line{len(b.text), done})
}

func (b *batch) addGap(now time.Time, lost uint64) {
	b.text = appendGap(b.begin(), now, lost)
	b.lines = append(b.lines, line{end: len(b.text)})
}

func (b *batch) begin() []byte {
	if len(b.text) == 0 {
		return append(b.text, '\n')
	}
	return b.text
}

// start returns where in the text to begin writing to w. same says that w is the writer of the last
// write; size is the result of [sizeOf] after it.
func (b *batch) start(w io.Writer, same bool, size int64) int {
	if same && b.sent == 0 {
		return 1
	}
	now := sizeOf(w)
	switch {
	case same && now == size:
		return 1 + b.sent
	case now != 0 && halfLine(w, now, b.sent != 0):
		return 0
	}
	return 1
}

// wrote removes the lines of which the writer has everything after n bytes from start. It appends
// their functions to all.
func (b *batch) wrote(start, n int, all []func(error)) (whole int, _ []func(error)) {
	end, first := start+n, 1
	for whole < len(b.lines) && b.lines[whole].end <= end {
		first = b.lines[whole].end
		whole++
	}
	all = takeDone(all, b.lines[:whole])
	b.sent = end - first
	b.text = append(b.text[:1], b.text[first:]...)
	b.lines = append(b.lines[:0], b.lines[whole:]...)
	for i := range b.lines {
		b.lines[i].end -= first - 1
	}
	return whole, all
}

// sizeOf returns the size of the file w, or -1 if w is no file.
func sizeOf(w io.Writer) int64 {
	if file, ok := w.(interface{ Stat() (fs.FileInfo, error) }); ok {
		if info, err := file.Stat(); err == nil {
			return info.Size()
		}
	}
	return -1
}

// halfLine reports whether the last line of w has no end. size is the result of [sizeOf]. If w cannot
// be read, the answer is supposed.
func halfLine(w io.Writer, size int64, supposed bool) bool {
	if file, ok := w.(io.ReaderAt); ok && size > 0 {
		var last [1]byte
		if n, _ := file.ReadAt(last[:], size-1); n == 1 {
			return last[0] != '\n'
		}
	}
	return supposed
}
