package audit

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// disk is a file on a disk with so many bytes of room.
type disk struct {
	*os.File
	room int
}

func (d *disk) Write(p []byte) (int, error) {
	n := min(len(p), d.room)
	d.room -= n
	if _, err := d.File.Write(p[:n]); err != nil {
		return 0, err
	}
	if n < len(p) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func open(t testing.TB, path string, flag int) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, flag|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func newBatch(keys string) *batch {
	b := new(batch)
	for _, key := range keys {
		b.add(&Record{Key: string(key)}, nil)
	}
	return b
}

// writer is where a batch has been written to, as the log keeps it.
type writer struct {
	w    io.Writer
	size int64
}

// write writes the batch to w once, as [Log.write] does.
func (to *writer) write(b *batch, w io.Writer) error {
	start := b.start(w, w == to.w, to.size)
	n, err := w.Write(b.text[start:])
	*to = writer{w, -1}
	if err != nil {
		to.size = sizeOf(w)
	}
	b.wrote(start, n, nil)
	return err
}

// TestHalfLine fills the disk at each byte of a batch. Then something happens to the file, and there
// is room again. Each line is in the file once, as a whole line.
func TestHalfLine(t *testing.T) {
	all := string(newBatch("abc").text[1:])
	for _, test := range []struct {
		name    string
		flag    int
		happens func(t *testing.T, d *disk) *disk

		// want is the file if it had the lines of whole and a part of rest, the fragment.
		want func(whole, fragment, rest string) string
	}{
		{"nothing", os.O_WRONLY,
			func(t *testing.T, d *disk) *disk { return d },
			func(whole, fragment, rest string) string { return whole + rest }},
		{"it is truncated", os.O_WRONLY,
			func(t *testing.T, d *disk) *disk { truncate(t, d.Name()); return d },
			func(whole, fragment, rest string) string { return rest }},
		{"another program writes a line", os.O_WRONLY,
			func(t *testing.T, d *disk) *disk { appendTo(t, d.Name(), "x\n"); return d },
			func(whole, fragment, rest string) string {
				if fragment != "" {
					rest = "\n" + rest
				}
				return whole + fragment + "x\n" + rest
			}},
		{"another program writes a line, and the file can be read", os.O_RDWR,
			func(t *testing.T, d *disk) *disk { appendTo(t, d.Name(), "x\n"); return d },
			func(whole, fragment, rest string) string { return whole + fragment + "x\n" + rest }},
		{"it is opened again", os.O_WRONLY,
			func(t *testing.T, d *disk) *disk { return &disk{open(t, d.Name(), os.O_WRONLY), 0} },
			func(whole, fragment, rest string) string { return whole + end(fragment) + rest }},
		{"it is opened again, and can be read", os.O_RDWR,
			func(t *testing.T, d *disk) *disk { return &disk{open(t, d.Name(), os.O_RDWR), 0} },
			func(whole, fragment, rest string) string { return whole + end(fragment) + rest }},
		{"it is replaced", os.O_RDWR,
			func(t *testing.T, d *disk) *disk {
				if err := errors.Join(d.Close(), os.Rename(d.Name(), d.Name()+".old")); err != nil {
					t.Fatal(err)
				}
				return &disk{open(t, d.Name(), os.O_RDWR), 0}
			},
			func(whole, fragment, rest string) string { return rest }},
	} {
		for room := range len(all) {
			path := filepath.Join(t.TempDir(), "log")
			d := &disk{open(t, path, test.flag), room}
			b, to := newBatch("abc"), new(writer)
			if err := to.write(b, d); !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			d = test.happens(t, d)
			if err := to.write(b, d); !errors.Is(err, syscall.ENOSPC) { // of no consequence
				t.Fatal(err)
			}
			d.room = 1 // for a newline, or not
			if err := to.write(b, d); err != nil && !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			d.room = 1000
			if err := to.write(b, d); err != nil || !b.empty() || b.sent != 0 {
				t.Fatalf("%s, %d bytes: %v, %d lines are left, and %d bytes sent", test.name, room, err, len(b.lines), b.sent)
			}
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			whole := strings.LastIndex(all[:room], "\n") + 1
			if want := test.want(all[:whole], all[whole:room], all[whole:]); string(got) != want {
				t.Errorf("%s, %d bytes: the file is\n%s\nwant\n%s", test.name, room, got, want)
			}
		}
	}
}

func end(fragment string) string {
	if fragment != "" {
		return fragment + "\n"
	}
	return ""
}

func truncate(t *testing.T, path string) {
	t.Helper()
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
}

func appendTo(t *testing.T, path, line string) {
	t.Helper()
	if _, err := open(t, path, os.O_WRONLY).WriteString(line); err != nil {
		t.Fatal(err)
	}
}

// TestCrash begins with a file whose last line the end of a program has cut.
func TestCrash(t *testing.T) {
	all := string(newBatch("a").text[1:])
	for before, want := range map[string]string{
		"":           all,
		all:          all + all,
		all[:10]:     all[:10] + "\n" + all,
		all + "{\"t": all + "{\"t\n" + all,
	} {
		path := filepath.Join(t.TempDir(), "log")
		appendTo(t, path, before)
		if err := new(writer).write(newBatch("a"), open(t, path, os.O_RDWR)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%q: %v, %q; want %q", before, err, got, want)
		}
	}
}
